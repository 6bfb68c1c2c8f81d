/**
 * Places for so much work at once: what comes on top waits, first come first served. Work of several kinds waits in lines that take turns, so
 * that none is held up by how much there is of another. A place is given back however the work ends.
 */
import { Queue } from './queue.ts';

export class Places {
  readonly #lines: readonly Queue<() => void>[];
  #free: number;
  /** The line that had its turn last. */
  #last = -1;

  constructor(count: number, lines = 1) {
    this.#free = count;
    this.#lines = Array.from({ length: lines }, () => new Queue());
  }

  /** `line`: that in which the work waits, from 0. */
  async run<T>(work: () => Promise<T>, line = 0): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((free) => this.#lines[line]!.push(free));
    try {
      return await work();
    } finally {
      // A place is handed on, not given back, while somebody waits for it.
      const next = this.#next();
      if (next === undefined) this.#free++;
      else next();
    }
  }

  #next(): (() => void) | undefined {
    for (let tried = 0; tried < this.#lines.length; tried++) {
      this.#last = (this.#last + 1) % this.#lines.length;
      const next = this.#lines[this.#last]!.take();
      if (next !== undefined) return next;
    }
    return undefined;
  }
}
