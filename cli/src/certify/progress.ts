/** The status that the ACME secondary writes beside a request, for a person to read. */
import type { StatusState, StatusText } from '@zonewright/letsencrypt/status';

/** `waiting: the CA is away; next try at 2026-11-22T04:00:00Z`. */
export function printStatus({ state, reason, next }: StatusText): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  return `${state}${why}${next === undefined ? '' : `; next try at ${secondsOf(next)}`}`;
}

const secondsOf = (time: number): string => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');

/** States in which nothing happens any more until somebody changes something, or the time of the next try comes. */
const FINAL: ReadonlySet<StatusState> = new Set(['refused', 'unclear']);

/**
 * Whether a certificate cannot come until a time.
 *
 * @param until milliseconds since 1970
 */
export function isFinal({ state, next }: StatusText, until: number): boolean {
  return FINAL.has(state) && !(next !== undefined && next <= until);
}
