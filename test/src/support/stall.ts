/**
 * How long this thread was busy at a stretch: the longest time on a processor between two turns of its event loop. Where Linux does not
 * tell that (`/proc/thread-self/schedstat`), the time that passed, which is longer on a busy machine.
 */
import { closeSync, openSync, readSync } from 'node:fs';

const openTimes = (): number | undefined => {
  try {
    return openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return undefined;
  }
};

/** Milliseconds of the longest stretch while `work` was under way. */
export const longestStall = async (work: () => Promise<unknown>): Promise<number> => {
  const file = openTimes();
  const octets = Buffer.alloc(64);
  const now = (): number =>
    file === undefined
      ? performance.now()
      : Number.parseInt(octets.toString('latin1', 0, readSync(file, octets, 0, octets.length, 0)), 10) / 1e6;
  let longest = 0;
  let last = now();
  const timer = setInterval(() => {
    const at = now();
    longest = Math.max(longest, at - last);
    last = at;
  }, 1);
  try {
    await work();
    return Math.max(longest, now() - last);
  } finally {
    clearInterval(timer);
    if (file !== undefined) closeSync(file);
  }
};

/** How often something is tried that another machine on the same processor may have held up. */
const ATTEMPTS = 3;

/**
 * Milliseconds of the least of a few stalls, as soon as one is below `limit`: a processor that a virtual machine was deprived of, and its
 * caches, count as busy, but what holds the thread up by itself does so each time.
 */
export const leastStall = async (limit: number, stall: (attempt: number) => Promise<number>): Promise<number> => {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 1; attempt <= ATTEMPTS && least >= limit; attempt++) least = Math.min(least, await stall(attempt));
  return least;
};
