/**
 * Work of the control thread in slices: whoever has much to do there asks between two pieces of it whether others should have their
 * turn, so that queries, timers and pages wait for a slice at most, and not for one of each that has much to do.
 */

import { setImmediate as turn } from 'node:timers/promises';
import type { Steps } from '../steps.ts';

/** Milliseconds of work without a pause. */
const SLICE = 10;
/** Pieces of which each is so small that the clock is not looked at for every one. */
const STRIDE = 64;

/** When the last of those who wait gets its next slice: there is one in a turn. */
let last: Promise<unknown> = Promise.resolve();
let waiting = 0;

export class Slices {
  #until = performance.now() + SLICE;

  /** Is it time for a {@link pause}? */
  get isOver(): boolean {
    return performance.now() >= this.#until;
  }

  /** Lets all others have their turn, and begins the next slice. */
  async pause(): Promise<void> {
    waiting++;
    last = last.then(() => turn());
    await last;
    waiting--;
    this.#until = performance.now() + SLICE;
  }
}

/** Does work in slices; its first one at once, unless others wait for theirs. */
export async function inSlices<T>(work: Steps<T>, slices = new Slices()): Promise<T> {
  if (waiting > 0) await slices.pause();
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (slices.isOver) await slices.pause();
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
