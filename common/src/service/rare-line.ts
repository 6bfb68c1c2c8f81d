/**
 * A line of the log about what anybody can bring about, as often as he likes: there is one a minute at most, which says how often it
 * happened since the last one.
 */

/** Milliseconds between two lines about the same. */
const LINE_INTERVAL = 60_000;

export class RareLine {
  readonly #now: () => number;
  /** Since the last line. */
  #untold = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds, of a clock that does not go back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Counts once more. Where a line is due, gives how often it happened since the last one. */
  add(): number | undefined {
    this.#untold++;
    const now = this.#now();
    if (now - this.#at < LINE_INTERVAL) return undefined;
    const untold = this.#untold;
    this.#at = now;
    this.#untold = 0;
    return untold;
  }
}
