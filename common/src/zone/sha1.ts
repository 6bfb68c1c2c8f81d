/**
 * SHA-1 (FIPS 180-4 6.1) of up to 1024 octets, for the names of NSEC3 (RFC 5155 5): thousands of hashes a second of a few octets
 * each, on the way of a query, which allocates nothing. For anything else there is `node:crypto`.
 */

export const BLOCK_OCTETS = 64;
const MAX_OCTETS = 1024;
/** The one bit and the eight octets of the length that end each message. */
const ENDING_OCTETS = 9;

export const SHA1_OCTETS = 20;

const schedule = new Int32Array(80);
const state = new Int32Array(5);

/**
 * Hashes the first `length` octets of `message` and writes 20 octets to `digest`, which may be the same array. The octets of
 * `message` behind `length` are overwritten; it has at least {@link paddedOctets} of them.
 */
export function sha1(message: Uint8Array, length: number, digest: Uint8Array): void {
  const end = paddedOctets(length);
  message[length] = 0x80;
  message.fill(0, length + 1, end - 2);
  message[end - 2] = (length << 3) >>> 8;
  message[end - 1] = length << 3;
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  for (let at = 0; at < end; at += BLOCK_OCTETS) addBlock(message, at);
  for (let i = 0; i < 5; i++) {
    const word = state[i]!;
    digest[4 * i] = word >>> 24;
    digest[4 * i + 1] = word >>> 16;
    digest[4 * i + 2] = word >>> 8;
    digest[4 * i + 3] = word;
  }
}

/** Octets of whole blocks for a message of `length` (0..1015) octets. */
export function paddedOctets(length: number): number {
  const blocks = Math.ceil((length + ENDING_OCTETS) / BLOCK_OCTETS);
  if (blocks * BLOCK_OCTETS > MAX_OCTETS) throw new RangeError(`${length} octets to hash`);
  return blocks * BLOCK_OCTETS;
}

function addBlock(message: Uint8Array, start: number): void {
  for (let i = 0, at = start; i < 16; i++, at += 4)
    schedule[i] = (message[at]! << 24) | (message[at + 1]! << 16) | (message[at + 2]! << 8) | message[at + 3]!;
  for (let i = 16; i < 80; i++) {
    const mixed = schedule[i - 3]! ^ schedule[i - 8]! ^ schedule[i - 14]! ^ schedule[i - 16]!;
    schedule[i] = (mixed << 1) | (mixed >>> 31);
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  // Four loops, one for each function (4.1.1): to choose one in each round takes half as long again.
  for (let i = 0; i < 20; i++) {
    const next = (((a << 5) | (a >>> 27)) + (d ^ (b & (c ^ d))) + e + schedule[i]! + 0x5a827999) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 20; i < 40; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + schedule[i]! + 0x6ed9eba1) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 40; i < 60; i++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e + schedule[i]! + 0x8f1bbcdc) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let i = 60; i < 80; i++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + schedule[i]! + 0xca62c1d6) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
  state[4] = state[4]! + e;
}
