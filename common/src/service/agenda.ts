/**
 * What is to be done when: things, each with one time, of which the earliest is at hand. To note one, or to take one, costs the logarithm
 * of how many there are.
 *
 * Always holds: in the heap no entry is before the one above it, and each thing knows where it stands.
 */

interface Entry<T> {
  readonly thing: T;
  readonly at: number;
}

export class Agenda<T> {
  readonly #heap: Entry<T>[] = [];
  readonly #places = new Map<T, number>();

  /** The earliest time; `Infinity` when there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Notes a thing, in place of what was noted for it; `Infinity` for never. */
  set(thing: T, at: number): void {
    this.delete(thing);
    if (at === Number.POSITIVE_INFINITY) return;
    this.#heap.push({ thing, at });
    this.#rise(this.#heap.length - 1);
  }

  delete(thing: T): void {
    const place = this.#places.get(thing);
    if (place === undefined) return;
    this.#places.delete(thing);
    const last = this.#heap.pop()!;
    if (place === this.#heap.length) return;
    this.#put(last, place);
    this.#sink(place);
    this.#rise(place);
  }

  /** Takes the earliest thing whose time has come, if there is one. */
  take(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return undefined;
    this.delete(first.thing);
    return first.thing;
  }

  #put(entry: Entry<T>, place: number): void {
    this.#heap[place] = entry;
    this.#places.set(entry.thing, place);
  }

  #rise(from: number): void {
    const entry = this.#heap[from]!;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (this.#heap[above]!.at <= entry.at) break;
      this.#put(this.#heap[above]!, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #sink(from: number): void {
    const entry = this.#heap[from]!;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#heap.length) break;
      if (below + 1 < this.#heap.length && this.#heap[below + 1]!.at < this.#heap[below]!.at) below++;
      if (this.#heap[below]!.at >= entry.at) break;
      this.#put(this.#heap[below]!, place);
      place = below;
    }
    this.#put(entry, place);
  }
}
