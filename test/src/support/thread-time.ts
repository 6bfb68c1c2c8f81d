/**
 * The time that this thread has spent on a processor. Other threads of the process do not count, among which are those of other test
 * files. Where Linux does not tell it (`/proc/thread-self/schedstat`), the time that passed, which is longer on a busy machine.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';

const openTimes = (): number | undefined => {
  try {
    return openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return undefined;
  }
};

export interface ThreadTime {
  /** Milliseconds, from a beginning of its own. */
  now(): number;
  close(): void;
}

export const openThreadTime = (): ThreadTime => {
  const file = openTimes();
  if (file === undefined) return { now: () => performance.now(), close: () => undefined };
  const octets = Buffer.alloc(64);
  return {
    now: () => Number.parseInt(octets.toString('latin1', 0, readSync(file, octets, 0, octets.length, 0)), 10) / 1e6,
    close: () => closeSync(file),
  };
};

/** Begins to measure; the call of what it returns ends that and gives the milliseconds. */
export const busyTime = (): (() => number) => {
  const time = openThreadTime();
  const began = time.now();
  return () => {
    const ms = time.now() - began;
    time.close();
    return ms;
  };
};

/** The longest turn of this thread, in milliseconds on a processor, while work is done. */
export const longestTurn = async (work: () => Promise<unknown>): Promise<number> => {
  const time = openThreadTime();
  let isDone = false;
  let longest = 0;
  let before = time.now();
  const done = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await turn();
    const now = time.now();
    longest = Math.max(longest, now - before);
    before = now;
  }
  time.close();
  await done;
  return longest;
};
