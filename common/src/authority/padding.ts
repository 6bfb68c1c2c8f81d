/**
 * How far messages are padded that nobody on the way may read (RFC 7830): to a multiple of a block, as RFC 8467 4.1 says.
 *
 * Always holds: padding never makes a message longer than its limit, and what a client did not ask for is not padded (RFC 7830 4).
 */

/** Octets. */
export const PADDING_BLOCK = { request: 128, response: 468 } as const;

/** OPTION-CODE and OPTION-LENGTH. */
const OPTION_HEAD = 4;

/** Octets of data of a PADDING option by which a message of `length` octets fills blocks; `undefined` where there is no room for one. */
export function paddingFor(length: number, block: number, limit: number): number | undefined {
  const least = length + OPTION_HEAD;
  if (least > limit) return undefined;
  return Math.min(Math.ceil(least / block) * block, limit) - least;
}
