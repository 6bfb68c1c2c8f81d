/**
 * Single words of presentation form, read straight from octets `start` up to `end`: numbers, TTLs, addresses (RFC 4291 2.2 for IPv6).
 * Numbers are below 0 for words that are none. Nothing is allocated: zone files are made of these.
 */

/** Decimal digits, at most ten, as a number of 0..`max`. */
export function readNumber(octets: Uint8Array, start: number, end: number, max: number): number {
  if (start === end || end - start > 10) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = octets[at]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value <= max ? value : -1;
}

/** Seconds as a number or with units (`1w2d3h4m5s`), 0..2^32-1. */
export function readTtl(octets: Uint8Array, start: number, end: number): number {
  const plain = readNumber(octets, start, end, UINT32_MAX);
  if (plain >= 0) return plain;
  let seconds = 0;
  for (let at = start; at < end; ) {
    const first = at;
    while (at < end && octets[at]! >= ZERO && octets[at]! <= NINE) at++;
    const count = readNumber(octets, first, at, TEN_DIGITS);
    const unit = at < end ? UNIT_SECONDS[octets[at++]!]! : 0;
    if (count < 0 || unit === 0) return -1;
    seconds += count * unit;
  }
  return start < end && seconds <= UINT32_MAX ? seconds : -1;
}

/** Four numbers of 0..255 without leading zeros, written to `out` at `to`. */
export function readIpv4(octets: Uint8Array, start: number, end: number, out: Uint8Array, to: number): boolean {
  let at = start;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && (at >= end || octets[at++] !== DOT)) return false;
    const first = at;
    let value = 0;
    for (; at < end && octets[at]! >= ZERO && octets[at]! <= NINE; at++) value = 10 * value + octets[at]! - ZERO;
    if (at === first || value > 255 || (octets[first] === ZERO && at > first + 1)) return false;
    out[to + i] = value;
  }
  return at === end;
}

/** All three forms of RFC 4291 2.2, written to `out` at `to`: sixteen octets, of which anything is left when it is no address. */
export function readIpv6(octets: Uint8Array, start: number, end: number, out: Uint8Array, to: number): boolean {
  let length = 0;
  let at = start;
  /** Where `::` stands for zeros. */
  let gap = -1;
  if (end - start >= 2 && octets[at] === COLON && octets[at + 1] === COLON) {
    gap = 0;
    at += 2;
  }
  while (at < end) {
    const first = at;
    let group = 0;
    for (; at < end && HEX_DIGITS[octets[at]!]! >= 0; at++) group = 16 * group + HEX_DIGITS[octets[at]!]!;
    if (at < end && octets[at] === DOT) {
      if (length > 12 || !readIpv4(octets, first, end, out, to + length)) return false;
      length += 4;
      break;
    }
    if (at === first || at > first + 4 || length === 16) return false;
    out[to + length++] = group >> 8;
    out[to + length++] = group;
    if (at === end) break;
    if (octets[at++] !== COLON || at === end) return false;
    if (octets[at] === COLON) {
      if (gap >= 0) return false;
      gap = length;
      at++;
    }
  }
  if (gap < 0) return length === 16;
  if (length > 14) return false;
  out.copyWithin(to + 16 - length + gap, to + gap, to + length);
  out.fill(0, to + gap, to + 16 - length + gap);
  return true;
}

/** What each octet is as a digit of any of these alphabets; -1 for none. */
export function digits(...alphabets: readonly string[]): Int8Array {
  const values = new Int8Array(256).fill(-1);
  for (const alphabet of alphabets) for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

const ZERO = 0x30;
const NINE = 0x39;
const DOT = 0x2e;
const COLON = 0x3a;
const UINT32_MAX = 2 ** 32 - 1;
const TEN_DIGITS = 9_999_999_999;

/** By letter in either case; 0 for none. */
const UNIT_SECONDS = new Int32Array(256);
for (const [unit, count] of Object.entries({ s: 1, m: 60, h: 3600, d: 86400, w: 604800 }))
  UNIT_SECONDS[unit.charCodeAt(0)] = UNIT_SECONDS[unit.toUpperCase().charCodeAt(0)] = count;

export const HEX_DIGITS: Int8Array = digits('0123456789abcdef', '0123456789ABCDEF');
