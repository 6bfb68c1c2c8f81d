/**
 * Is `until` still to come, and not further away than `longest`? What is kept tells instants by the time of day, and a clock that was
 * set back makes no wait longer than it was to be. Milliseconds since 1970, and milliseconds.
 */
export const isAhead = (until: number, now: number, longest: number): boolean => now < until && until <= now + longest;
