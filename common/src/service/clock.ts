/**
 * Time as a port, so that what waits for hours is tested in no time: a steady clock for how long something takes, the time of day for
 * what outlives the process, and alarms.
 */

export interface Clock {
  /** Milliseconds of a steady clock, which never goes back. */
  now(): number;
  /** Milliseconds since 1970; goes where somebody sets it. */
  wall(): number;
  /** Calls once, in `wait` milliseconds or a little later. It does not keep the process alive. Returns what cancels it. */
  after(wait: number, call: () => void): () => void;
}

/** The longest wait that a timer of Node.js takes; a longer one is cut. */
const LONGEST_WAIT = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after: (wait, call) => {
    // No timer takes less than a millisecond. One that did not keep the process alive would wait for whatever comes next.
    if (wait <= 0) {
      const turn = setImmediate(call);
      return () => clearImmediate(turn);
    }
    const timer = setTimeout(call, Math.min(wait, LONGEST_WAIT)).unref();
    return () => clearTimeout(timer);
  },
};
