/**
 * What the ACME secondary remembers about a name at which something is requested: failures, waits, and what the CA has issued. Pure; kept
 * in the state (`state.ts`), and where there is none, a wait is taken up again from the status that stands beside the request.
 *
 * - After a failure a name waits, longer each time; changes of the zone do not wake it, only another request does.
 * - While the CA or the primary is away, waits stay short: nobody is to wait for a day because of an outage of an hour.
 *
 * Times are milliseconds since 1970.
 */
import { type BackoffBounds, nextDelay } from '@zonewright/common/service/backoff';
import { isAhead } from './ahead.ts';
import { parseCertificate } from './certificate.ts';
import type { Found, Posting } from './posting.ts';
import type { Issued } from './publish.ts';
import type { Json } from './state.ts';
import { STATUS_REQUEST_DIGITS, statusOf } from './status.ts';

/** What is remembered about a name as long as its request stays the same. */
export interface Memory {
  /** {@link Posting.id} of the request it is about. */
  readonly id: string;
  /** Something is under way for the name. */
  readonly isBusy: boolean;
  /** Failures since the last success. */
  readonly failures: number;
  /** Nothing is tried before; see {@link heldUntil}. */
  readonly notBefore: number;
  /** How long that was to go when it was said, milliseconds. */
  readonly wait?: number;
  /** Why it failed last. */
  readonly reason?: string;
  /** What everybody may read of that, where it is not the same. */
  readonly said?: string;
  /** It is not to be met as it stands: it was not so much a failure as a refusal. */
  readonly isRefused?: true;
  /** URL of the order that is under way, or was when the service ended or somebody was away. */
  readonly order?: string;
  /** How often the CA has not decided on this order in time. */
  readonly stalls?: number;
  /** What the CA has issued last, be it published or not. */
  readonly issued?: Issued;
  /** A new certificate is published, and the zone has not shown it yet. */
  readonly isSettling?: true;
}

/** How a name fails: what is wrong, and what that means for the next try. */
export interface Failure {
  readonly what: string;
  /** What everybody may read of it, in place of `what`. */
  readonly said?: string;
  /** Seconds, as the CA said. */
  readonly retryAfter?: number;
  /** The CA or the primary is away, or does not know us, which says nothing about the request. */
  readonly isOutage?: boolean;
  readonly isRefused?: boolean;
  /** The CA did not decide on the order in time. */
  readonly isUndecided?: boolean;
}

const DAY = 86_400_000;

/** Delays after failures: from 1 to 2 minutes after the first, up to a day. */
const BACKOFF: BackoffBounds = { base: 120_000, max: DAY };
/** The same while the CA or the primary is away. */
const OUTAGE: BackoffBounds = { base: 120_000, max: 1_800_000 };
/** The longest Retry-After that is believed. */
export const MAX_RETRY_AFTER = 7 * DAY;
/** How often one order is waited for, five minutes each time, before another takes its place. */
const ORDER_WAITS = 3;
/** How long a zone may take to show what was published before it is published again. */
const SETTLE = 60_000;
/** How long the copy of a zone may take to show that a request is gone. */
const CATCH_UP = 5000;
/** Octets of a reason that are kept. */
const REASON_LENGTH = 1000;

/** What is remembered when something begins for a request. */
export function begun(memory: Memory | undefined, posting: Pick<Posting, 'id'>): Memory {
  const known = memory?.id === posting.id ? memory : { id: posting.id, failures: 0, notBefore: 0 };
  return { ...known, isBusy: true };
}

/** The CA has taken the order. */
export function ordered(memory: Memory, order: string): Memory {
  return { ...unordered(memory), order };
}

/** The order is over, whatever it came to. */
export function unordered(memory: Memory): Memory {
  if (memory.order === undefined) return memory;
  const { order: _, stalls: __, ...rest } = memory;
  return rest;
}

/** The CA has issued; it is still to be published. */
export function issuedNow(memory: Memory, issued: Issued): Memory {
  return { ...unordered(memory), issued };
}

/**
 * It is published: nothing is done for a minute, or, where it is new, until the zone shows it. So somebody who takes out what is
 * put in, again and again, is met once a minute.
 */
export function published({ id, issued }: Memory, now: number, isNew: boolean): Memory {
  const memory = { id, isBusy: false, failures: 0, ...holdFor(SETTLE, now), ...(issued && { issued }) };
  return isNew ? { ...memory, isSettling: true } : memory;
}

/** The zone shows what should stand there. */
export function seen(memory: Memory): Memory {
  if (memory.isSettling === undefined) return memory;
  const { isSettling: _, ...settled } = memory;
  return { ...settled, notBefore: 0 };
}

/** The request is gone from the server; the copy of the zone will show it. */
export function superseded(memory: Memory, now: number): Memory {
  const isLonger = (heldUntil(memory, now) ?? 0) > now + CATCH_UP;
  return { ...memory, isBusy: false, ...(isLonger ? {} : holdFor(CATCH_UP, now)) };
}

/** The CA has not decided on the order in time: it may yet, but is not waited for without end. */
function stalled(memory: Memory): Memory {
  if (memory.order === undefined) return memory;
  const stalls = (memory.stalls ?? 0) + 1;
  return stalls < ORDER_WAITS ? { ...memory, stalls } : unordered(memory);
}

/**
 * It failed.
 *
 * @param random returns a number in [0, 1)
 */
export function failed(memory: Memory, failure: Failure, now: number, random: () => number): Memory {
  const { what, said, retryAfter = 0, isOutage = false, isRefused = false, isUndecided = false } = failure;
  const delay = nextDelay(memory.failures, isOutage ? OUTAGE : BACKOFF, random);
  const wait = Math.max(Math.min(retryAfter * 1000, MAX_RETRY_AFTER), delay);
  const { isRefused: _, said: __, ...rest } = isUndecided ? stalled(memory) : memory;
  const failures = memory.failures + 1;
  return {
    ...rest,
    isBusy: false,
    failures,
    ...holdFor(wait, now),
    reason: what,
    ...(said !== undefined && { said }),
    ...(isRefused && { isRefused }),
  };
}

/** Is what is remembered about a name that no longer stands in any zone of no more use? */
export function isForgettable(memory: Memory, now: number): boolean {
  return !memory.isBusy && heldUntil(memory, now) === undefined;
}

const holdFor = (wait: number, now: number): Pick<Memory, 'notBefore' | 'wait'> => ({ notBefore: now + wait, wait });

/** Until when nothing is tried; `undefined` if something may be. */
export function heldUntil({ notBefore, wait = MAX_RETRY_AFTER }: Memory, now: number): number | undefined {
  return isAhead(notBefore, now, wait) ? notBefore : undefined;
}

/** The wait that a status beside a request tells of, for a service that remembers nothing about it. */
export function recalled({ posting, statuses }: Found, now: number): Memory | undefined {
  if (!posting.ok) return undefined;
  const { id } = posting.value;
  for (const rdata of statuses) {
    const { state, request, next, failures, reason } = statusOf(rdata) ?? {};
    if (request !== id.slice(0, STATUS_REQUEST_DIGITS) || next === undefined || failures === undefined) continue;
    const wait = Math.min(Math.max(next - now, 0), MAX_RETRY_AFTER);
    const isRefused = state === 'refused';
    return {
      id,
      isBusy: false,
      failures,
      ...holdFor(wait, now),
      ...(reason !== undefined && { reason }),
      ...(isRefused && { isRefused }),
    };
  }
  return undefined;
}

/** As it is kept over a restart, after which nothing is under way. */
export function writeMemory(memory: Memory): Json {
  const { id, failures, notBefore, wait, reason, said, isRefused, order, stalls, issued } = memory;
  const base64 = ({ der }: { readonly der: Uint8Array }): string => Buffer.from(der).toString('base64');
  const certificates = issued && [issued.certificate, ...issued.chain].map(base64);
  const told = reason?.slice(0, REASON_LENGTH);
  return { id, failures, notBefore, wait, reason: told, said, isRefused, order, stalls, certificates };
}

/** What {@link writeMemory} wrote; `undefined` for anything else. */
export function readMemory(value: Json): Memory | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { id, failures, notBefore, wait, reason, said, isRefused, order, stalls, certificates } = value as {
    readonly [key: string]: Json;
  };
  if (typeof id !== 'string' || !isCount(failures) || !isCount(notBefore)) return undefined;
  const issued = issuedOf(certificates);
  return {
    id,
    isBusy: false,
    failures,
    notBefore,
    ...(isCount(wait) && { wait }),
    ...(typeof reason === 'string' && { reason }),
    ...(typeof said === 'string' && { said }),
    ...(isRefused === true && { isRefused }),
    ...(typeof order === 'string' && { order }),
    ...(isCount(stalls) && { stalls }),
    ...(issued && { issued }),
  };
}

const isCount = (value: Json | undefined): value is number => typeof value === 'number' && value >= 0;

function issuedOf(value: Json | undefined): Issued | undefined {
  if (!Array.isArray(value)) return undefined;
  const read = (value as readonly Json[]).map((one) =>
    typeof one === 'string' ? parseCertificate(Buffer.from(one, 'base64')) : undefined,
  );
  const [certificate, ...chain] = read.flatMap((one) => (one?.ok ? [one.value] : []));
  return certificate && { certificate, chain };
}
