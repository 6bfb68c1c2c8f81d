/**
 * When a secondary asks its primary (RFC 1034 4.3.5, RFC 1035 3.3.13): refresh after success, retry with back-off after failure,
 * expiry counted from the last success. Pure: `step` takes the state, what happened, the time and a random number.
 *
 * Times are milliseconds of any steady clock; `random` is 0..1.
 */
import type { Soa } from '../rr/soa.ts';

export interface Refresh {
  /** When to ask next. */
  readonly askAt: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** When the data is no longer to be served; `undefined` while there is none. */
  readonly expireAt?: number;
  readonly soa?: Soa;
  /** A NOTIFY came in while a transfer was running. */
  readonly isAskedAgain: boolean;
  readonly isBusy: boolean;
}

export type RefreshEvent =
  /** The primary said that something is new. */
  | { readonly kind: 'notified' }
  | { readonly kind: 'started' }
  /** The primary was reached; `soa` is that of the version we now have. */
  | { readonly kind: 'succeeded'; readonly soa: Soa }
  | { readonly kind: 'failed' }
  | { readonly kind: 'expired' };

/** Shortest and longest waits whatever an SOA says, and the back-off while there is no data, milliseconds. */
const MIN_WAIT = 1000;
const MAX_WAIT = 24 * 3600 * 1000;
const FIRST_RETRY = 1000;
const MAX_FIRST_RETRY = 5 * 60 * 1000;

/** A zone to be asked for at once. */
export function newRefresh(now: number): Refresh {
  return { askAt: now, failures: 0, isAskedAgain: false, isBusy: false };
}

const clamp = (value: number): number => Math.min(MAX_WAIT, Math.max(MIN_WAIT, value));

/** An SOA whose expiry comes before its refresh still has its zone asked for in time. */
const refreshWait = (soa: Soa): number => clamp(Math.min(soa.refresh, soa.expire / 2) * 1000);

/** Up to a tenth shorter, so that many zones do not ask in step. */
const jittered = (wait: number, random: number): number => wait * (1 - 0.1 * random);

function retryWait(refresh: Refresh, failures: number, random: number): number {
  const backOff = FIRST_RETRY * 2 ** Math.min(failures - 1, 20);
  if (refresh.soa === undefined) return jittered(Math.min(MAX_FIRST_RETRY, backOff), random);
  // The primary may only have been restarted, so the first tries come sooner than the SOA's retry, never later.
  return jittered(Math.min(clamp(refresh.soa.retry * 1000), backOff), random);
}

export function step(refresh: Refresh, event: RefreshEvent, now: number, random: number): Refresh {
  switch (event.kind) {
    case 'notified':
      return refresh.isBusy ? { ...refresh, isAskedAgain: true } : { ...refresh, askAt: now };
    case 'started':
      return { ...refresh, isBusy: true, isAskedAgain: false };
    case 'succeeded': {
      const askAt = refresh.isAskedAgain ? now : now + jittered(refreshWait(event.soa), random);
      return {
        askAt,
        failures: 0,
        expireAt: now + event.soa.expire * 1000,
        soa: event.soa,
        isAskedAgain: false,
        isBusy: false,
      };
    }
    case 'failed': {
      const failures = refresh.failures + 1;
      const askAt = refresh.isAskedAgain ? now : now + retryWait(refresh, failures, random);
      return { ...refresh, askAt, failures, isAskedAgain: false, isBusy: false };
    }
    case 'expired':
      // Without data the primary is asked soon, however long its SOA wanted us to wait.
      return {
        askAt: Math.min(refresh.askAt, now + jittered(FIRST_RETRY, random)),
        failures: refresh.failures,
        isAskedAgain: refresh.isAskedAgain,
        isBusy: refresh.isBusy,
      };
  }
}

/** What is to be done now, if anything. */
export function dueNow(refresh: Refresh, now: number): 'ask' | 'expire' | undefined {
  if (refresh.expireAt !== undefined && now >= refresh.expireAt) return 'expire';
  return !refresh.isBusy && now >= refresh.askAt ? 'ask' : undefined;
}

/** When {@link dueNow} will next have something to say. */
export function nextDue(refresh: Refresh): number {
  return Math.min(
    refresh.isBusy ? Number.POSITIVE_INFINITY : refresh.askAt,
    refresh.expireAt ?? Number.POSITIVE_INFINITY,
  );
}
