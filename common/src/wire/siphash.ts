/**
 * SipHash-2-4 (Aumasson, Bernstein 2012), the keyed hash of server cookies (RFC 9018 4.4): 64-bit words as pairs of 32-bit halves,
 * without BigInt.
 *
 * Always holds: nothing is allocated; all values stay 32-bit integers.
 */

/** Octets of a key. */
export const SIPHASH_KEY_OCTETS = 16;
/** Octets of a hash. */
export const SIPHASH_OCTETS = 8;

/** A key as {@link sipHash} takes it: low half, high half, of each of its two words. */
export function sipHashKey(octets: Uint8Array): Int32Array {
  if (octets.length !== SIPHASH_KEY_OCTETS) throw new RangeError(`a SipHash key of ${octets.length} octets`);
  return Int32Array.from([0, 4, 8, 12], (at) => word(octets, at, SIPHASH_KEY_OCTETS));
}

/** Four octets, little-endian; those from `end` on are zero. */
function word(octets: Uint8Array, at: number, end: number): number {
  if (at + 4 <= end) return octets[at]! | (octets[at + 1]! << 8) | (octets[at + 2]! << 16) | (octets[at + 3]! << 24);
  let value = 0;
  for (let i = end - 1; i >= at; i--) value = (value << 8) | octets[i]!;
  return value;
}

/** Was there a carry out of the sum of 32-bit integers that has `a` as one summand? */
function carry(sum: number, a: number): number {
  return (sum ^ 0x80000000) < (a ^ 0x80000000) ? 1 : 0;
}

/** Hashes the first `length` (less than 256) octets; the hash is put into `out` at `at`, low octet first. */
export function sipHash(key: Int32Array, octets: Uint8Array, length: number, out: Uint8Array, at: number): void {
  const k0 = key[0]!;
  const k1 = key[1]!;
  const k2 = key[2]!;
  const k3 = key[3]!;
  // v0 to v3 of the paper: `l` the low half, `h` the high half.
  let l0 = k0 ^ 0x70736575;
  let h0 = k1 ^ 0x736f6d65;
  let l1 = k2 ^ 0x6e646f6d;
  let h1 = k3 ^ 0x646f7261;
  let l2 = k0 ^ 0x6e657261;
  let h2 = k1 ^ 0x6c796765;
  let l3 = k2 ^ 0x79746573;
  let h3 = k3 ^ 0x74656462;
  // Two rounds for each block of eight octets, the last of which ends with the length; then four.
  const compression = 2 * ((length >> 3) + 1);
  let low = 0;
  let high = 0;
  for (let round = 0; round < compression + 4; round++) {
    const isBlock = round < compression;
    if (isBlock && (round & 1) === 0) {
      const from = round << 2;
      low = word(octets, from, length);
      high = word(octets, from + 4, length);
      if (round === compression - 2) high |= length << 24;
      l3 ^= low;
      h3 ^= high;
    } else if (round === compression) l2 ^= 0xff;
    let sum = (l0 + l1) | 0;
    h0 = (h0 + h1 + carry(sum, l0)) | 0;
    l0 = sum;
    let turned = (l1 << 13) | (h1 >>> 19);
    h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
    l1 = turned ^ l0;
    turned = h0;
    h0 = l0;
    l0 = turned;
    sum = (l2 + l3) | 0;
    h2 = (h2 + h3 + carry(sum, l2)) | 0;
    l2 = sum;
    turned = (l3 << 16) | (h3 >>> 16);
    h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
    l3 = turned ^ l2;
    sum = (l0 + l3) | 0;
    h0 = (h0 + h3 + carry(sum, l0)) | 0;
    l0 = sum;
    turned = (l3 << 21) | (h3 >>> 11);
    h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
    l3 = turned ^ l0;
    sum = (l2 + l1) | 0;
    h2 = (h2 + h1 + carry(sum, l2)) | 0;
    l2 = sum;
    turned = (l1 << 17) | (h1 >>> 15);
    h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
    l1 = turned ^ l2;
    turned = h2;
    h2 = l2;
    l2 = turned;
    if (isBlock && (round & 1) === 1) {
      l0 ^= low;
      h0 ^= high;
    }
  }
  put(l0 ^ l1 ^ l2 ^ l3, out, at);
  put(h0 ^ h1 ^ h2 ^ h3, out, at + 4);
}

function put(value: number, out: Uint8Array, at: number): void {
  out[at] = value;
  out[at + 1] = value >> 8;
  out[at + 2] = value >> 16;
  out[at + 3] = value >> 24;
}
