/**
 * How long this thread was busy at a stretch: the longest time on a processor between two turns of its event loop
 * (`thread-time.ts`).
 */
import { openThreadTime } from './thread-time.ts';

/** Milliseconds of the longest stretch while `work` was under way. */
export const longestStall = async (work: () => Promise<unknown>): Promise<number> => {
  const { now, close } = openThreadTime();
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
    close();
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
