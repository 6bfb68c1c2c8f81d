/**
 * A timer that is set again with every message; `Infinity` ms never rings.
 *
 * Setting and stopping cost no more than looking at the clock: Node's timer is left as it is, and when it goes off too early it is set for
 * what is left. Always holds: after `end` none is under way.
 */

const NEVER = Number.POSITIVE_INFINITY;

export class Alarm {
  readonly #ring: () => void;
  /** When it rings, and when Node's timer goes off, by `performance.now`. */
  #due = NEVER;
  #next = NEVER;
  #timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  get isSet(): boolean {
    return this.#due !== NEVER;
  }

  /** Rings `ms` from now, and not when it was to ring before. */
  set(ms: number): void {
    this.#due = performance.now() + ms;
    if (this.#due < this.#next) this.#wait(ms);
  }

  /** Does not ring until it is set again. */
  stop(): void {
    this.#due = NEVER;
  }

  /** Stops, and lets go of Node's timer. */
  end(): void {
    this.#due = NEVER;
    this.#next = NEVER;
    clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    this.#next = performance.now() + ms;
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look(): void {
    this.#next = NEVER;
    const left = this.#due - performance.now();
    // Node counts whole milliseconds, from the beginning of a turn.
    if (left >= 1) {
      if (left !== NEVER) this.#wait(left);
      return;
    }
    this.#due = NEVER;
    this.#ring();
  }
}
