/**
 * Lines of the log about what may happen as often as anybody likes: there is one a minute at most, which says how often it happened since
 * the last one; or there are so many in a minute, and one behind them for the rest.
 */
import type { Clock } from './clock.ts';

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

/** Lines about the same within {@link LINE_INTERVAL}. */
const MAX_LINES = 100;

/** What is told one by one while there are few of it. */
class FewLines {
  readonly #clock: Clock;
  readonly #tellRest: (count: number) => void;
  #began = Number.NEGATIVE_INFINITY;
  #told = 0;
  #rest = 0;
  #cancel: (() => void) | undefined;

  /** `tellRest`: is told how many had no line of their own, once the time is over. */
  constructor(clock: Clock, tellRest: (count: number) => void) {
    this.#clock = clock;
    this.#tellRest = tellRest;
  }

  /** It happened once more: is there a line for it? */
  add(): boolean {
    const now = this.#clock.now();
    if (now - this.#began >= LINE_INTERVAL && this.#rest === 0) {
      this.#began = now;
      this.#told = 0;
    }
    if (this.#told < MAX_LINES) {
      this.#told++;
      return true;
    }
    this.#rest++;
    this.#cancel ??= this.#clock.after(this.#began + LINE_INTERVAL - now, () => this.#end());
    return false;
  }

  /** Nothing is told any more. */
  close(): void {
    this.#cancel?.();
  }

  #end(): void {
    this.#cancel = undefined;
    const rest = this.#rest;
    this.#rest = 0;
    this.#tellRest(rest);
  }
}

/** The same of several kinds, each counted by itself. */
export class FewLinesOfEach {
  readonly #clock: Clock;
  readonly #tellRest: (kind: string, count: number) => void;
  readonly #kinds = new Map<string, FewLines>();

  /** `tellRest`: is told how many of a kind had no line of their own, once the time is over. */
  constructor(clock: Clock, tellRest: (kind: string, count: number) => void) {
    this.#clock = clock;
    this.#tellRest = tellRest;
  }

  /** One more of this kind: is there a line for it? */
  add(kind: string): boolean {
    const lines = this.#kinds.get(kind) ?? new FewLines(this.#clock, (count) => this.#tellRest(kind, count));
    this.#kinds.set(kind, lines);
    return lines.add();
  }

  /** Nothing is told any more. */
  close(): void {
    for (const lines of this.#kinds.values()) lines.close();
  }
}
