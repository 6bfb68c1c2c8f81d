/**
 * Work of the control thread in slices: whoever has much to do there asks between two pieces of it whether others should have their
 * turn, so that queries, timers and pages wait for a slice at most.
 */
import { setImmediate as turn } from 'node:timers/promises';

/** Milliseconds of work without a pause. */
const SLICE = 10;
/** Pieces of which each is so small that the clock is not looked at for every one. */
const STRIDE = 64;

export class Slices {
  #until = performance.now() + SLICE;

  /** Is it time for a {@link pause}? */
  get isOver(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets all others have their turn, and begins the next slice. */
  async pause(): Promise<void> {
    await turn();
    this.#until = performance.now() + SLICE;
  }
}

/** All that an iterable gives, taken in slices. */
export async function gather<T>(from: Iterable<T>, slices: Slices): Promise<T[]> {
  const all: T[] = [];
  for (const each of from) {
    all.push(each);
    if (all.length % STRIDE === 0 && slices.isOver) await slices.pause();
  }
  return all;
}
