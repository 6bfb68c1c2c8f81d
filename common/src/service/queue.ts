/** First in, first out: what one costs does not grow with how many there are. */

/** Taken entries that are kept at most, where there are no more than those that wait. */
const MIN_TAKEN = 1000;

export class Queue<T> {
  #entries: T[] = [];
  /** Those before it were taken. */
  #at = 0;

  /** The one that is taken next. */
  get first(): T | undefined {
    return this.#entries[this.#at];
  }

  push(entry: T): void {
    this.#entries.push(entry);
  }

  take(): T | undefined {
    const entry = this.first;
    if (entry === undefined) return undefined;
    this.#at++;
    if (this.#at === this.#entries.length || (this.#at >= MIN_TAKEN && 2 * this.#at >= this.#entries.length)) {
      this.#entries = this.#entries.slice(this.#at);
      this.#at = 0;
    }
    return entry;
  }
}
