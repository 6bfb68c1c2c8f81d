/** Serial numbers (RFC 1982 with SERIAL_BITS 32). All are 0..2^32-1. */

const SPACE = 2 ** 32;
const HALF = 2 ** 31;

/** Is `a` newer than `b`? False for equal ones and for the undefined distance of 2^31. */
export function isNewer(a: number, b: number): boolean {
  const distance = (a - b + SPACE) % SPACE;
  return distance > 0 && distance < HALF;
}

/** The next serial, 0 left out: some servers take it for "unset". */
export function increment(serial: number): number {
  return (serial + 1) % SPACE || 1;
}

/** `wanted` if it is newer than `served`, else the next after `served`. */
export function raise(served: number, wanted: number): number {
  return isNewer(wanted, served) ? wanted : increment(served);
}
