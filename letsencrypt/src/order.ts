/**
 * One order (RFC 8555 7.4): from a CSR to a certificate and its chain.
 *
 * Before the CA is asked for anything it is known that every name can be written. An order that was begun before, such as by
 * a service that was killed, is taken up where it stands; where nothing can come of it, another is begun.
 *
 * Always holds: ends in bounded time; nothing is proven but the names of the request; a certificate that comes out answers the request.
 */
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { AcmeFault } from './acme-problem.ts';
import { certificateId } from './acme-renewal.ts';
import type { Order } from './acme-resource.ts';
import { type Certificate, chainFor, parseBundle } from './certificate.ts';
import type { Csr } from './csr.ts';
import { isSameHosts } from './host.ts';
import { placeOf } from './place.ts';
import { type ProofContext, type ProofFault, prove } from './proof.ts';
import type { Issued } from './publish.ts';
import { step } from './step.ts';
import { isGood } from './watch.ts';

/** The CA issued something else than what was asked for. */
interface IssueFault extends Fault {
  readonly kind: 'issued';
}

export type OrderFault = ProofFault | IssueFault;

export interface OrderContext extends ProofContext {
  /** Of the certificate: a name that the CA has on offer (draft-ietf-acme-profiles). */
  readonly profile?: string;
  /** The common name of an issuer that the chain should have (RFC 8555 7.4.2). */
  readonly preferredChain?: string;
  /** The CA is asked for a new order from now on. */
  onAsk(): void;
  /** The order that is under way from now on. */
  onOrder?(url: string): Promise<void>;
}

/** What the order is for. */
export interface OrderRequest {
  readonly csr: Csr;
  /** The certificate that this one takes the place of, for a CA that wants to know. */
  readonly follows?: Certificate | undefined;
  /** URL of an order that was begun for the same request. */
  readonly begun?: string | undefined;
}

/** Failures that say nothing about the order: it can be taken up again. */
const PASSING: ReadonlySet<OrderFault['kind']> = new Set([
  'unreachable',
  'timeout',
  'aborted',
  'rateLimited',
  'server',
  'lag',
  'refused',
] as const);

/** Whether an order that has failed so may still come to something. */
export function isPassing({ kind }: OrderFault): boolean {
  return PASSING.has(kind);
}

/** Orders a certificate. */
export async function obtain(context: OrderContext, request: OrderRequest): Promise<Result<Issued, OrderFault>> {
  const { acme, zones, scope, signal, onAsk, onOrder } = context;
  const { csr, begun } = request;
  for (const host of csr.hosts) {
    const place = placeOf(host, zones, scope);
    if (!place.ok) return place;
  }
  if (begun !== undefined) {
    const issued = await takeUp(context, csr, begun);
    if (issued.ok || isPassing(issued.fault)) return issued;
  }
  onAsk();
  const account = await acme.account({ signal });
  if (!account.ok) return account;
  const order = await open(context, request);
  if (!order.ok) return order;
  step('order.made');
  await onOrder?.(order.value.url);
  step('order.kept');
  return complete(context, order.value, csr);
}

async function takeUp(context: OrderContext, csr: Csr, url: string): Promise<Result<Issued, OrderFault>> {
  const { acme, signal } = context;
  const account = await acme.account({ signal });
  if (!account.ok) return account;
  const order = await acme.order(url, { signal });
  if (!order.ok) return order;
  if (!isSameHosts(order.value.hosts, csr.hosts)) return fail({ kind: 'issued', what: 'the order is for other names' });
  return complete(context, order.value, csr);
}

async function open(context: OrderContext, { csr, follows }: OrderRequest): Promise<Result<Order, AcmeFault>> {
  const { acme, profile, signal } = context;
  const directory = await acme.directory({ signal });
  if (!directory.ok) return directory;
  const { profiles, renewalInfo } = directory.value;
  if (profile !== undefined && !profiles.includes(profile)) {
    const hint = profiles.length === 0 ? 'it knows no profiles' : `it has ${profiles.slice(0, 10).join(', ')}`;
    return fail({ kind: 'malformed', what: `newOrder: the CA has no profile ${JSON.stringify(profile)}`, hint });
  }
  const options = { signal, ...(profile !== undefined && { profile }) };
  const ask = (replaces: string | undefined) =>
    acme.newOrder(csr.hosts, { ...options, ...(replaces !== undefined && { replaces }) });
  // Only for a CA that says when to renew: others do not know the word (RFC 9773 5).
  const replaces = renewalInfo === undefined ? undefined : follows && certificateId(follows);
  const order = await ask(replaces);
  if (order.ok) return order;
  if (order.fault.problem?.type === 'accountDoesNotExist') {
    const account = await acme.account({ signal });
    return account.ok ? ask(undefined) : account;
  }
  // Replaced before, of another account, or not known to this CA: then it follows none.
  const isAboutIt = order.fault.kind === 'malformed' || order.fault.kind === 'unauthorized';
  return replaces !== undefined && isAboutIt ? ask(undefined) : order;
}

async function complete(context: OrderContext, order: Order, csr: Csr): Promise<Result<Issued, OrderFault>> {
  const { acme, signal } = context;
  if (order.status === 'pending') {
    const account = await acme.account({ signal });
    if (!account.ok) return account;
    const authorizations = await acme.authorizations(order, { signal });
    if (!authorizations.ok) return authorizations;
    const named = authorizations.value.map(({ host, wildcard }) => (wildcard ? `*.${host}` : host));
    if (!isSameHosts(named, csr.hosts)) {
      return fail({ kind: 'unexpected', what: 'the CA wants proofs for other names than the order has' });
    }
    const pending = authorizations.value.filter(({ status }) => status !== 'valid');
    const proven = pending.length === 0 ? ok(undefined) : await prove(context, pending, account.value.url);
    if (!proven.ok) return proven;
  }
  return collect(context, order, csr);
}

async function collect(context: OrderContext, order: Order, csr: Csr): Promise<Result<Issued, OrderFault>> {
  const { acme, preferredChain, signal } = context;
  const final = await acme.finalize(order, csr.der, { signal });
  if (!final.ok) return final;
  step('order.final');
  const pem = await acme.certificate(final.value, {
    signal,
    ...(preferredChain !== undefined && { preferredChain }),
  });
  if (!pem.ok) return pem;
  const bundle = parseBundle(pem.value);
  if (!bundle.ok) return fail({ kind: 'issued', what: `the certificate of the CA: ${bundle.fault.what}` });
  const [certificate, ...others] = bundle.value;
  if (certificate === undefined || !isGood(certificate, csr, Date.now())) {
    const what = 'the certificate of the CA does not answer the request: another key, other names, or no time left';
    return fail({ kind: 'issued', what });
  }
  const [, ...chain] = chainFor(certificate, others);
  return ok({ certificate, chain });
}
