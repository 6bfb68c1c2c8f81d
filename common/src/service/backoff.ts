/**
 * How long to wait before the next attempt: exponential, bounded, with jitter. Pure: no clock, no dice of its own.
 *
 * Always holds: half of the exponential delay is certain (so a dead peer is not hammered), the other half is random (so that
 * many processes do not come back in step).
 */

/** Bounds of a back-off, milliseconds. */
export interface BackoffBounds {
  /** Delay that the first failure asks for, before jitter; greater than 0. */
  readonly base: number;
  /** Greatest delay ever returned. */
  readonly max: number;
}

/**
 * The delay before the next attempt, whole milliseconds in `[delay/2, delay]` with `delay = min(max, base * 2^attempt)`.
 *
 * @param attempt failures so far, less one: 0 after the first; anything below counts as 0
 * @param random returns a number in [0, 1)
 */
export function nextDelay(attempt: number, bounds: BackoffBounds, random: () => number): number {
  // 2^40 times any base is past every max worth having; the cap keeps the product finite.
  const exponent = Math.min(40, Math.max(0, Math.floor(attempt)));
  const delay = Math.min(bounds.max, bounds.base * 2 ** exponent);
  return Math.round(delay / 2 + (random() * delay) / 2);
}
