/**
 * How long a call takes at best: what the machine does beside it - other processes, the compiler, collections of garbage - comes and
 * goes, so a call that was slow is made again.
 */

/** Milliseconds that nothing in the core may take at most for one packet, or one zone file of some kilobytes. */
export const LONGEST_MS = 10;
/** What no call needs: one that took as long is worth another look. Milliseconds. */
const SUSPECT_MS = 1;
const TRIES = 20;

/** Makes a call, and again if it took long; gives what it took at best and its first result. */
export function timed<T>(call: () => T): { readonly ms: number; readonly result: T } {
  const started = performance.now();
  const result = call();
  let ms = performance.now() - started;
  for (let i = 0; i < TRIES && ms >= SUSPECT_MS; i++) ms = Math.min(ms, bestOf(1, call));
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
