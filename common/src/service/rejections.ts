/**
 * Requests of those who may not: counted by reason, and told in the log. Anybody can send them, so of each reason there is a line a
 * minute at most, which says how many there were since the last one.
 */
import { REJECTIONS, type Rejection, type RejectionReason } from '../authority/rejection.ts';
import type { Log } from './log.ts';
import { RareLine } from './rare-line.ts';

interface Told {
  count: number;
  readonly line: RareLine;
}

export class Rejections {
  readonly #log: Log;
  readonly #told: Readonly<Record<RejectionReason, Told>>;

  /** `now`: milliseconds, of a clock that does not go back. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log;
    const rows = REJECTIONS.map((reason) => [reason, { count: 0, line: new RareLine(now) }]);
    this.#told = Object.fromEntries(rows) as Record<RejectionReason, Told>;
  }

  /** Counts one. `peer` is asked for only where there is a line. */
  add({ reason, key }: Rejection, what: string, peer: () => string): void {
    const told = this.#told[reason];
    told.count++;
    const count = told.line.add();
    if (count === undefined) return;
    const fields = { reason, count, peer: peer(), ...(key === undefined ? {} : { key: key.toString() }) };
    this.#log.warn('request.refused', fields, what);
  }

  /** Since the start. */
  get counts(): readonly (readonly [RejectionReason, number])[] {
    return REJECTIONS.map((reason) => [reason, this.#told[reason].count]);
  }
}
