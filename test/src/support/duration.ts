/**
 * How long a call takes at best: what the machine does beside it - other processes, the compiler, collections of garbage - comes and
 * goes, so a call that was slow is made again.
 */
import { busyTime } from './thread-time.ts';

/** Milliseconds that nothing in the core may take at most for one packet, or one zone file of some kilobytes. */
export const LONGEST_MS = 10;
/** One that took so long is made again, to see whether it was the call: milliseconds, and how often. */
const SUSPECT_MS = 1;
const SUSPECT_TRIES = 10;
/** How often one is made that goes on taking too long; on a machine that is very busy the fewest are undisturbed. */
const TRIES = 200;

/** Makes a call, and again if it took long; gives what it took at best and its first result. */
export function timed<T>(call: () => T): { readonly ms: number; readonly result: T } {
  const started = performance.now();
  const result = call();
  let ms = performance.now() - started;
  for (let i = 0; i < TRIES && ms >= (i < SUSPECT_TRIES ? SUSPECT_MS : LONGEST_MS); i++)
    ms = Math.min(ms, bestOf(1, call));
  return { ms, result };
}

/** The least number of milliseconds that one of `times` calls took. */
export function bestOf(times: number, call: () => unknown): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    call();
    best = Math.min(best, performance.now() - started);
  }
  return best;
}

/** The same of the time on a processor, for calls that take tens of milliseconds: Linux counts it in steps of some. */
export function leastBusy(times: number, call: () => unknown): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const ended = busyTime();
    call();
    least = Math.min(least, ended());
  }
  return least;
}
