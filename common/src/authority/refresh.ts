/**
 * When a secondary asks its primary (RFC 1034 4.3.5, RFC 1035 3.3.13, RFC 1996 3.11, RFC 7314 4): refresh after success, retry with back-off
 * after failure, at once when a NOTIFY comes, and expiry counted from the last success. Pure: `step` takes the state, what
 * happened, the time and a random number.
 *
 * Times are milliseconds of any steady clock; `random` is 0..1.
 * Always holds: however many NOTIFYs come, one question is under way, and those that lead to nothing, or to what cannot be used,
 * become rare; no copy lives on by what another copy says of itself.
 */
import type { Soa } from '../rr/soa.ts';
import { isNewer } from '../zone/serial.ts';

export interface Refresh {
  /** When to ask next. */
  readonly askAt: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** When the data is no longer to be served; `undefined` while there is none. */
  readonly expireAt?: number;
  readonly soa?: Soa;
  readonly isBusy: boolean;
  /** A NOTIFY that came while a question was under way: the serial that it named, if it named one. */
  readonly again?: { readonly serial: number | undefined };
  /** Questions that brought nothing, each soon after the one before. */
  readonly fruitless: number;
  /** Before this a NOTIFY has nobody asked. */
  readonly heldUntil: number;
  /**
   * The question that is due only finds out whether something was missed while nobody listened; else it would be due at this time. While
   * {@link askAt} is infinite it waits for its turn.
   */
  readonly regularAt?: number;
}

export type RefreshEvent =
  /** Somebody says that something is new; `serial`: which, if it was said. */
  | { readonly kind: 'notified'; readonly serial?: number | undefined }
  /** Something may have been missed: the connection was away on which that would have been said. */
  | { readonly kind: 'doubted' }
  /** A question of doubt, which is due, waits for its turn. */
  | { readonly kind: 'queued' }
  /** The primary has said by itself that it has what we have. It has not said for how long its own copy lives, so expiry goes on. */
  | { readonly kind: 'reassured' }
  | { readonly kind: 'started' }
  /**
   * The primary was reached; `soa` is that of the version we now have, which is a new one or not. `expire`: seconds until the copy that the
   * primary has itself expires, where it says so (RFC 7314), and they are enough ({@link isVouchedFor}). `isBehind`: another one has said that there is more, and is to be asked again.
   */
  | {
      readonly kind: 'succeeded';
      readonly soa: Soa;
      readonly isNew: boolean;
      readonly expire?: number | undefined;
      readonly isBehind?: boolean;
    }
  /** `isBad`: what came could not be used, and took a transfer to find out. */
  | { readonly kind: 'failed'; readonly isBad: boolean }
  | { readonly kind: 'expired' };

/** Shortest and longest waits whatever an SOA says, and the back-off while there is no data, milliseconds. */
const MIN_WAIT = 1000;
const MAX_WAIT = 24 * 3600 * 1000;
const FIRST_RETRY = 1000;
const MAX_FIRST_RETRY = 5 * 60 * 1000;
/** The longest that NOTIFYs are held back after transfers that could not be used, milliseconds. */
const MAX_HOLD = 60_000;
/** Seconds that a copy lives at least, whatever an SOA says: with less it would be over before the primary can be asked again. */
const MIN_EXPIRE = 3;
/** Fruitless questions after which NOTIFYs are heeded once in {@link MIN_WAIT}. */
const MAX_FRUITLESS = 5;

/** A zone to be asked for at once. */
export function newRefresh(now: number): Refresh {
  return { askAt: now, failures: 0, isBusy: false, fruitless: 0, heldUntil: now };
}

/**
 * The same where there is a copy from before, found to be current at `checkedAt`, which may be served for another `left` milliseconds; 0 or less: not
 * any more.
 */
export function restoredRefresh(now: number, soa: Soa, left: number, checkedAt: number): Refresh {
  if (left <= 0) return newRefresh(now);
  const expireAt = now + Math.min(left, lifeOf(soa) * 1000);
  return { ...newRefresh(now), soa, expireAt, regularAt: checkedAt + refreshWait(soa, expireAt - checkedAt) };
}

/**
 * Milliseconds for which a copy may still be served: what is kept are times of day, and that may have been set since. A clock that shows less
 * than when the copy was checked has been set back: then as long as there was left at that time.
 */
export function timeLeft(kept: { readonly checkedAt: number; readonly expireAt: number }, wall: number): number {
  return kept.expireAt - Math.max(wall, kept.checkedAt);
}

/** Seconds. */
const lifeOf = (soa: Soa): number => Math.max(MIN_EXPIRE, soa.expire);

const clamp = (value: number): number => Math.min(MAX_WAIT, Math.max(MIN_WAIT, value));

/** A zone that expires, in `left` milliseconds or as its SOA says, before its refresh is still asked for in time. */
const refreshWait = ({ refresh, expire }: Soa, left: number): number =>
  clamp(Math.min(refresh * 1000, (expire * 1000) / 2, left / 2));

/** Up to a tenth shorter, so that many zones do not ask in step. */
const jittered = (wait: number, random: number): number => wait * (1 - 0.1 * random);

const backOff = (failures: number): number => FIRST_RETRY * 2 ** Math.min(failures - 1, 20);

function retryWait({ soa }: Refresh, failures: number, isBad: boolean, random: number): number {
  // To transfer nonsense costs both sides, so that is not done as often as an SOA may ask for it.
  if (soa === undefined || isBad) return jittered(Math.min(MAX_FIRST_RETRY, backOff(failures)), random);
  // The primary may only have been restarted, so the first tries come sooner than the SOA's retry, never later.
  return jittered(Math.min(clamp(soa.retry * 1000), backOff(failures)), random);
}

/**
 * RFC 7314 3.2: what EXPIRE says of a copy that lives for another `left` milliseconds, in seconds. Never just what the SOA says: so says who has
 * the zone. A copy that may live for longer than its SOA says ({@link MIN_EXPIRE}) says a second more instead.
 */
export function expireSaid({ expire }: Soa, left: number): number {
  const seconds = Math.max(0, Math.floor(left / 1000));
  if (seconds < expire) return seconds;
  return expire < MIN_EXPIRE ? seconds + 1 : expire - 1;
}

/** Milliseconds that the copy of a primary lives which says `expire`; `undefined`: it has the zone itself (RFC 7314 3.1). */
function lifeSaid(soa: Soa, expire: number | undefined): number | undefined {
  if (expire === undefined || expire === soa.expire) return undefined;
  return 1000 * (expire < soa.expire ? expire : expire - 1);
}

/**
 * RFC 7314 4: does a primary whose own copy lives for another `expire` seconds, where it says so, vouch for a version with this SOA? Not when that
 * is over before it may be asked again. An SOA can be as short for everybody: who has the zone says the same then.
 */
export function isVouchedFor(soa: Soa, expire: number | undefined): boolean {
  return (lifeSaid(soa, expire) ?? Number.POSITIVE_INFINITY) > MIN_WAIT;
}

/** RFC 7314 4: a primary that has only a copy itself vouches for it no longer than that may live. */
function expiryAfter({ expireAt }: Refresh, event: Extract<RefreshEvent, { kind: 'succeeded' }>, now: number): number {
  const { soa, isNew, expire } = event;
  const life = lifeOf(soa) * 1000;
  const next = now + Math.min(life, lifeSaid(soa, expire) ?? life);
  return isNew || expireAt === undefined ? next : Math.max(expireAt, next);
}

export function step(refresh: Refresh, event: RefreshEvent, now: number, random: number): Refresh {
  switch (event.kind) {
    case 'notified': {
      if (!refresh.isBusy) return { ...withoutDoubt(refresh), askAt: Math.max(now, refresh.heldUntil) };
      const known = refresh.again;
      const isOlder = known?.serial !== undefined && event.serial !== undefined && !isNewer(event.serial, known.serial);
      return isOlder ? refresh : { ...refresh, again: { serial: event.serial } };
    }
    case 'doubted': {
      const { soa, isBusy, failures, askAt: regularAt } = refresh;
      if (refresh.regularAt !== undefined) return refresh;
      if (soa === undefined || isBusy || failures > 0) return step(refresh, { kind: 'notified' }, now, random);
      return { ...refresh, askAt: Math.max(now, refresh.heldUntil), regularAt };
    }
    case 'queued':
      return { ...refresh, askAt: Number.POSITIVE_INFINITY };
    case 'reassured': {
      const { isBusy, regularAt } = refresh;
      if (isBusy || regularAt === undefined || regularAt <= now) return refresh;
      return { ...withoutDoubt(refresh), askAt: now + jittered(regularAt - now, random) };
    }
    case 'started': {
      const { again: _, ...rest } = withoutDoubt(refresh);
      return { ...rest, isBusy: true };
    }
    case 'succeeded': {
      const { soa, isNew, isBehind = false } = event;
      const hold = isNew ? { fruitless: 0, heldUntil: now } : holdAfter(refresh, now);
      const expireAt = expiryAfter(refresh, event, now);
      const isAskedAgain = (isBehind && isNew) || (refresh.again !== undefined && hasMore(refresh.again.serial, soa));
      const regular = refreshWait(soa, expireAt - now);
      const wait = isBehind ? Math.min(regular, clamp(soa.retry * 1000)) : regular;
      const askAt = isAskedAgain ? hold.heldUntil : now + jittered(wait, random);
      return { askAt, failures: 0, expireAt, soa, isBusy: false, ...hold };
    }
    case 'failed': {
      const { again, ...rest } = refresh;
      const failures = refresh.failures + 1;
      const wait = retryWait(refresh, failures, event.isBad, random);
      const hold = holdAfter(refresh, now);
      const heldUntil = event.isBad ? now + Math.min(wait, MAX_HOLD) : hold.heldUntil;
      const askAt = again === undefined ? now + wait : heldUntil;
      return { ...rest, askAt, failures, isBusy: false, fruitless: hold.fruitless, heldUntil };
    }
    case 'expired': {
      const { expireAt: _, soa: __, ...rest } = withoutDoubt(refresh);
      // Without data the primary is asked soon, however long its SOA wanted us to wait.
      const soon = Math.max(refresh.heldUntil, now + jittered(FIRST_RETRY, random));
      return { ...rest, askAt: Math.min(refresh.askAt, soon) };
    }
  }
}

const withoutDoubt = ({ regularAt: _, ...rest }: Refresh): Refresh => rest;

/** Until when NOTIFYs wait after a question that has brought nothing. */
function holdAfter({ fruitless: before, heldUntil }: Refresh, now: number): Pick<Refresh, 'fruitless' | 'heldUntil'> {
  const fruitless = now - heldUntil < MIN_WAIT ? before + 1 : 1;
  return { fruitless, heldUntil: fruitless < MAX_FRUITLESS ? now : now + MIN_WAIT };
}

/** May a NOTIFY that named `serial`, or none, mean something beside the version of `soa`? */
function hasMore(serial: number | undefined, soa: Soa): boolean {
  return serial === undefined || isNewer(serial, soa.serial);
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
