/**
 * Meeting one request: the certificate is ordered, unless it was issued before, and published beside the request, if that still stands.
 *
 * Always holds: what the CA has issued is remembered before it is published.
 */
import type { Name } from '@zonewright/common/name';
import type { CaaFault } from './caa.ts';
import { parseCsr } from './csr.ts';
import type { DnsFault } from './dns.ts';
import type { Failure } from './memory.ts';
import { isPassing, type OrderContext, type OrderFault, obtain } from './order.ts';
import { type Posting, requestId } from './posting.ts';
import { changeTlsa, type Issued, publication } from './publish.ts';
import { step } from './step.ts';
import { octetsKey } from './tlsa.ts';
import type { Task } from './turn.ts';

/** Why a request was not met. */
export type FulfilmentFault = OrderFault | DnsFault | CaaFault;

/** What meeting a request has come to; `superseded`: the request was not there any more. */
export type Fulfilment =
  | { readonly kind: 'published'; readonly zone: Name; readonly isNew: boolean }
  | { readonly kind: 'superseded' }
  | { readonly kind: 'failed'; readonly fault: FulfilmentFault };

export interface FulfilmentContext extends OrderContext {
  /** Why the names may not be certified by this CA, if that is so. */
  refusal(hosts: readonly string[]): Promise<CaaFault | undefined>;
  /** URL of an order that was begun for the same request. */
  readonly begun: string | undefined;
  onIssued(issued: Issued): void;
}

/** Does what is to be done for a name. */
export async function fulfil(context: FulfilmentContext, task: Task): Promise<Fulfilment> {
  const { posting } = task;
  if (task.kind === 'publish') return publish(context, posting, task.issued, false);
  const { hosts } = posting.csr;
  context.log.info('certificate.requested', { hosts, why: task.why });
  const refusal = await context.refusal(hosts);
  if (refusal !== undefined) return { kind: 'failed', fault: refusal };
  const follows = task.why === 'due' ? task.due : undefined;
  const obtained = await obtain(context, { csr: posting.csr, follows, begun: context.begun });
  if (!obtained.ok) return { kind: 'failed', fault: obtained.fault };
  step('order.issued');
  context.onIssued(obtained.value);
  const until = new Date(obtained.value.certificate.notAfter).toISOString();
  context.log.info('certificate.issued', { hosts, until });
  return publish(context, posting, obtained.value, true);
}

async function publish(
  { dns, zones, log, signal }: FulfilmentContext,
  { name, origin, id, older }: Posting,
  issued: Issued,
  isNew: boolean,
): Promise<Fulfilment> {
  const zone = zones.zoneOf(name)?.origin ?? origin;
  const outdated = new Set(older.map(octetsKey));
  let isAsked = true;
  const written = await changeTlsa(
    dns,
    zone,
    name,
    (set) => {
      const csrs = set.csrs
        .filter((der) => !outdated.has(octetsKey(der)))
        .map((der) => parseCsr(der, { anyKey: true }));
      const [csr] = csrs;
      isAsked = csrs.length === 1 && csr?.ok === true && requestId(csr.value) === id;
      return isAsked ? publication(set, issued, older) : undefined;
    },
    signal,
  );
  if (!written.ok) return { kind: 'failed', fault: written.fault };
  step('order.published');
  if (isAsked) log.info('certificate.published', { zone: zone.toString() });
  else log.info('certificate.superseded', {}, 'the request is not there any more');
  return isAsked ? { kind: 'published', zone, isNew } : { kind: 'superseded' };
}

/** What kinds of orders there are by how they end, for metrics; `outage`: somebody is away. */
export const OUTCOMES = ['issued', 'failed', 'refused', 'limited', 'outage'] as const;

/** One of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** Kinds of faults that are no plain failure. */
const OUTCOME_OF: Readonly<Partial<Record<FulfilmentFault['kind'], Outcome>>> = {
  caa: 'refused',
  csr: 'refused',
  host: 'refused',
  rateLimited: 'limited',
  unreachable: 'outage',
  timeout: 'outage',
  server: 'outage',
};

export const outcomeOf = ({ kind }: FulfilmentFault): Outcome => OUTCOME_OF[kind] ?? 'failed';

/** Why nothing else is to be tried for now either, if the fault is not about the request. */
export function standstillOf({ kind }: FulfilmentFault): string | undefined {
  if (kind === 'account') return 'the CA does not take the account of this service';
  return kind === 'unreachable' || kind === 'server' ? 'the CA, or the DNS server, is away' : undefined;
}

/** What a fault means for the next try. */
export function failureOf(fault: FulfilmentFault): Failure {
  const outcome = outcomeOf(fault);
  const retryAfter = 'retryAfter' in fault ? fault.retryAfter : undefined;
  return {
    what: fault.what,
    isOutage: outcome === 'outage' || fault.kind === 'account',
    isRefused: outcome === 'refused',
    isUndecided: 'isUndecided' in fault,
    ...('said' in fault && { said: fault.said }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

/** Can the order that failed so come to nothing any more? One that was not begun is none. */
export function isOver({ kind }: FulfilmentFault): boolean {
  return kind !== 'caa' && !isPassing({ kind } as OrderFault);
}
