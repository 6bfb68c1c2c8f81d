/**
 * One order (RFC 8555 7.4): from a CSR to a certificate and its chain, by dns-01.
 *
 * All challenges of an order are met at once: their TXT records are put together, waited for together, and taken away whatever
 * comes. Before the CA is asked for anything it is known that every name can be written.
 *
 * Always holds: ends in bounded time; a certificate that comes out answers the request.
 */
import type { KeyScope } from '@zonewright/common/authority/key';
import type { ZoneTable } from '@zonewright/common/authority/zones';
import type { Peer } from '@zonewright/common/net/address';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import type { Log } from '@zonewright/common/service/log';
import type { Zone } from '@zonewright/common/zone/zone';
import type { AcmeClient } from './acme.ts';
import type { AcmeFault } from './acme-problem.ts';
import { certificateId } from './acme-renewal.ts';
import type { Authorization, Order } from './acme-resource.ts';
import { type Certificate, chainFor, parseBundle } from './certificate.ts';
import { type Answer, put, takeAway, waitVisible } from './challenge.ts';
import type { Csr } from './csr.ts';
import type { DnsClient, DnsFault } from './dns.ts';
import { type PlaceFault, placeOf, serversOf } from './place.ts';
import type { Issued } from './publish.ts';
import { isGood } from './watch.ts';

/** The CA issued something else than what was asked for. */
interface IssueFault extends Fault {
  readonly kind: 'issued';
}

export type OrderFault = AcmeFault | DnsFault | PlaceFault | IssueFault;

export interface OrderContext {
  readonly acme: AcmeClient;
  readonly dns: DnsClient;
  readonly zones: ZoneTable;
  readonly scope: Pick<KeyScope, 'zone'>;
  /** Where the servers of a zone are reached. */
  readonly port: number;
  /** Carries the name the order is for. */
  readonly log: Log;
  readonly signal: AbortSignal;
  /** The CA is asked for something from now on. */
  onAsk(): void;
}

/** Milliseconds that the servers of a zone have to show a challenge. */
const VISIBLE_LIMIT = 30_000;

/** Orders a certificate for a CSR; `follows` is the one that it takes the place of, for a CA that wants to know. */
export async function obtain(
  context: OrderContext,
  csr: Csr,
  follows?: Certificate,
): Promise<Result<Issued, OrderFault>> {
  const { acme, zones, scope, signal } = context;
  for (const host of csr.hosts) {
    const place = placeOf(host, zones, scope);
    if (!place.ok) return place;
  }
  context.onAsk();
  const account = await acme.account({ signal });
  if (!account.ok) return account;
  const order = await open(context, csr.hosts, follows && certificateId(follows));
  if (!order.ok) return order;
  const authorizations = await acme.authorizations(order.value, { signal });
  if (!authorizations.ok) return authorizations;
  const pending = authorizations.value.filter(({ status }) => status !== 'valid');
  const met = pending.length === 0 ? ok(undefined) : await meet(context, pending);
  return met.ok ? collect(context, order.value, csr) : met;
}

async function open(
  { acme, signal }: OrderContext,
  hosts: readonly string[],
  replaces: string | undefined,
): Promise<Result<Order, AcmeFault>> {
  if (replaces !== undefined) {
    const order = await acme.newOrder(hosts, { signal, replaces });
    // Replaced before, or not known to this CA: then it follows none.
    if (order.ok || order.fault.kind !== 'malformed') return order;
  }
  return acme.newOrder(hosts, { signal });
}

async function meet(context: OrderContext, pending: readonly Authorization[]): Promise<Result<void, OrderFault>> {
  const { dns, zones, scope, log } = context;
  const answers: Answer[] = [];
  for (const { host, status, challenge } of pending) {
    if (status !== 'pending' || challenge === undefined) {
      const what = challenge === undefined ? `the CA offers no dns-01 for ${host}` : `the authorization is ${status}`;
      return fail({ kind: 'unauthorized', what });
    }
    const place = placeOf(host, zones, scope);
    if (!place.ok) return place;
    answers.push({ place: place.value, digest: challenge.digest });
  }
  try {
    return await prove(context, pending, answers);
  } finally {
    const tidied = await takeAway(dns, answers);
    if (!tidied.ok) log.warn('challenge.left', { what: tidied.fault.what });
  }
}

async function prove(
  context: OrderContext,
  pending: readonly Authorization[],
  answers: readonly Answer[],
): Promise<Result<void, OrderFault>> {
  const { acme, dns, zones, port, log, signal } = context;
  const began = performance.now();
  const written = await put(dns, answers, signal);
  if (!written.ok) return written;
  const servers = (zone: Zone): readonly Peer[] => serversOf(zones.get(zone.origin) ?? zone, zones, port);
  const blind = await waitVisible(dns, answers, servers, VISIBLE_LIMIT, signal);
  const milliseconds = Math.round(performance.now() - began);
  const names = [...new Set(answers.map(({ place }) => place.name.toString()))];
  if (blind.length > 0) log.warn('challenge.invisible', { names, servers: blind, milliseconds });
  else log.info('challenge.visible', { names, milliseconds });
  for (const authorization of pending) {
    const answered = await acme.answerChallenge(authorization, { signal });
    if (!answered.ok) return answered;
  }
  for (const authorization of pending) {
    const valid = await acme.waitForAuthorization(authorization, { signal });
    if (!valid.ok) return valid;
  }
  return ok(undefined);
}

async function collect(context: OrderContext, order: Order, csr: Csr): Promise<Result<Issued, OrderFault>> {
  const { acme, signal } = context;
  const final = await acme.finalize(order, csr.der, { signal });
  if (!final.ok) return final;
  const pem = await acme.certificate(final.value, { signal });
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
