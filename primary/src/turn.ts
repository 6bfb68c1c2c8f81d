/** Work that has to be done one after the other, in the order in which it came. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all is done that has come so far. */
  get isOver(): Promise<unknown> {
    return this.#last;
  }
}
