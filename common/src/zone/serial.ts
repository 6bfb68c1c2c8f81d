/** Serial numbers (RFC 1982 with SERIAL_BITS 32). All are 0..2^32-1. */

const SPACE = 2 ** 32;
const HALF = 2 ** 31;

/** Is `a` newer than `b`? False for equal ones and for the undefined distance of 2^31. */
export function isNewer(a: number, b: number): boolean {
  const distance = (a - b + SPACE) % SPACE;
  return distance > 0 && distance < HALF;
}

/** Of a year before this one no serial is one in date style, but a number that looks like it. */
const FIRST_YEAR = 1980;

/** Is it YYYYMMDDnn, as many count the changes of a day (RFC 1912 2.2)? */
function isDateStyle(serial: number): boolean {
  const day = Math.floor(serial / 100) % 100;
  const month = Math.floor(serial / 10_000) % 100;
  return serial >= FIRST_YEAR * 1_000_000 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/** The first serial of a day in date style, YYYYMMDD00. `time`: milliseconds since 1970; the day is that of UTC. */
export function dateSerial(time: number): number {
  const date = new Date(time);
  return ((date.getUTCFullYear() * 100 + date.getUTCMonth() + 1) * 100 + date.getUTCDate()) * 100;
}

/**
 * The next serial, 0 left out: some servers take it for "unset". One in date style goes on with `today`, the {@link dateSerial} of the
 * day, unless it is there already; of more than a hundred changes a day the style cannot tell.
 */
export function increment(serial: number, today = 0): number {
  if (isDateStyle(serial) && isNewer(today, serial) && today > serial) return today;
  return (serial + 1) % SPACE || 1;
}

/** `wanted` if it is newer than `served`, else the next after `served`. */
export function raise(served: number, wanted: number, today?: number): number {
  return isNewer(wanted, served) ? wanted : increment(served, today);
}
