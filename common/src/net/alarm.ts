/** A timer that can be set again and again; `Infinity` ms never rings. */

export class Alarm {
  readonly #ms: number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number, ring: () => void) {
    this.#ms = ms;
    this.#ring = ring;
  }

  /** Rings `ms` from now, unless it is set already. */
  start(): void {
    if (this.#timer !== undefined || this.#ms === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#ring();
    }, this.#ms);
  }

  /** Rings `ms` from now, if it is set. */
  restart(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
