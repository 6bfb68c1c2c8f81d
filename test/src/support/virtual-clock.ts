/**
 * A clock that stands still until a test moves it, for whatever waits by the port of time (`service/clock.ts`).
 *
 * Always holds: alarms ring in the order of their times, each at its own, and whatever a test or an alarm set off has run as far as it
 * can without time passing - promises that wait for nothing but their turn - before the next rings. How many turns that takes is the
 * machine's: work in slices takes more of them the busier it is, and the tests of a file stand in one line for theirs.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@zonewright/common/service/clock';

/** Of the process, before time passes: at least, and at most where somebody takes turns without end, as who measures them does. */
const TURNS = { least: 4, most: 1_000 };

/** Clocks of this process that wait for a turn themselves. */
let turning = 0;

/** Does anybody else wait for a turn of the process? */
const isAnybodyTurning = (): boolean =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'Immediate').length > turning;

/** Lets everybody run as far as they can without time passing. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < TURNS.least || (turn < TURNS.most && isAnybodyTurning()); turn++) {
    turning++;
    await setImmediate();
    turning--;
  }
};

interface Waiting {
  readonly at: number;
  readonly call: () => void;
}

export class VirtualClock implements Clock {
  #now = 0;
  /** What the time of day is ahead of the steady clock. */
  #offset: number;
  readonly #waiting = new Set<Waiting>();

  /** `wall`: milliseconds since 1970 at the beginning. */
  constructor(wall = Date.UTC(2030, 0, 1)) {
    this.#offset = wall;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#offset;
  }

  after(wait: number, call: () => void): () => void {
    const waiting = { at: this.#now + Math.max(0, wait), call };
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  /** Somebody sets the time of day forward, or back. Nothing rings. */
  step(milliseconds: number): void {
    this.#offset += milliseconds;
  }

  /** Lets so many milliseconds pass. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      await settle();
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#waiting.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.call();
    }
    this.#now = end;
  }

  /** How many alarms are set. */
  get alarms(): number {
    return this.#waiting.size;
  }

  #next(): Waiting | undefined {
    let next: Waiting | undefined;
    for (const waiting of this.#waiting) if (next === undefined || waiting.at < next.at) next = waiting;
    return next;
  }
}
