/**
 * Requests of those who may not: counted by reason, and told in the log. Anybody can send them, so of each reason there is a line a
 * minute at most, which says how many there were since the last one.
 */
import { REJECTIONS, type Rejection, type RejectionReason } from '../authority/rejection.ts';
import type { Log } from './log.ts';

/** Milliseconds between two lines of the log about the same reason. */
const REJECTION_INTERVAL = 60_000;

interface Told {
  count: number;
  /** Since the last line. */
  untold: number;
  at: number;
}

export class Rejections {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #told: Readonly<Record<RejectionReason, Told>>;

  /** `now`: milliseconds, of a clock that does not go back. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
    const rows = REJECTIONS.map((reason) => [reason, { count: 0, untold: 0, at: Number.NEGATIVE_INFINITY }]);
    this.#told = Object.fromEntries(rows) as Record<RejectionReason, Told>;
  }

  /** Counts one. `peer` is asked for only where there is a line. */
  add({ reason, key }: Rejection, what: string, peer: () => string): void {
    const told = this.#told[reason];
    told.count++;
    told.untold++;
    const now = this.#now();
    if (now - told.at < REJECTION_INTERVAL) return;
    const fields = { reason, count: told.untold, peer: peer(), ...(key === undefined ? {} : { key: key.toString() }) };
    told.at = now;
    told.untold = 0;
    this.#log.warn('request.refused', fields, what);
  }

  /** Since the start. */
  get counts(): readonly (readonly [RejectionReason, number])[] {
    return REJECTIONS.map((reason) => [reason, this.#told[reason].count]);
  }
}
