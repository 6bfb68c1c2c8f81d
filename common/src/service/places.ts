/** Places for so much work at once: what comes on top waits, first come first served. A place is given back however the work ends. */

export class Places {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((free) => this.#waiting.push(free));
    try {
      return await work();
    } finally {
      // A place is handed on, not given back, while somebody waits for it.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}
