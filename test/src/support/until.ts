/**
 * Waiting for a condition instead of sleeping.
 *
 * The condition is asked again after 20 ms, or, where a program is run for it, after as long as the asking took, up to 200 ms: who waits
 * does not take the processor from what is waited for. One that throws or rejects does not hold yet; what it threw counts as what was seen.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

const interval = { least: 20, most: 200 };

export interface UntilOptions<T> {
  /** What is waited for, as the end of the sentence "waited 10 s until ...". */
  readonly what: string;
  /** Milliseconds; a minute unless given: a machine may be busy with much else. */
  readonly timeout?: number;
  /** Whether the value is the one waited for; by default, whether it is truthy. */
  readonly holds?: (value: T) => boolean;
}

/**
 * Asks `condition` until its value holds, and returns that value.
 * Throws after `timeout`: `waited 10 s until the zone is served, last seen: 'SERVFAIL'`.
 */
export const until = async <T>(condition: () => T | Promise<T>, options: UntilOptions<T>): Promise<T> => {
  const { what, timeout = 60_000, holds = Boolean } = options;
  const end = performance.now() + timeout;
  for (;;) {
    const asked = performance.now();
    let seen: string;
    try {
      const value = await condition();
      if (holds(value)) return value;
      seen = inspect(value, { depth: 6, maxStringLength: 4_000 });
    } catch (error) {
      seen = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    }
    const now = performance.now();
    if (now >= end) throw new Error(`waited ${timeout / 1_000} s until ${what}, last seen: ${seen}`);
    await pause(Math.min(Math.max(interval.least, now - asked), interval.most));
  }
};
