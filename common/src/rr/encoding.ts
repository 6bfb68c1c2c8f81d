/**
 * Octets as text: hexadecimal, base64 and base32hex (RFC 4648, strict: no foreign characters, right padding), addresses (RFC 5952 for
 * IPv6), and character-strings (RFC 1035 5.1). Parsers of texts give `undefined` for what they do not accept.
 */
import { readEscape, textOctets } from '../name.ts';
import { digits, HEX_DIGITS, readIpv4, readIpv6, readNumber } from './word.ts';

/** A way to write octets as digits, read straight from octets `start` up to `end`. */
export interface Encoding {
  /** How many octets the digits stand for; below 0 when there is no such number of digits. */
  size(text: Uint8Array, start: number, end: number): number;
  /** Writes so many octets to `out` at `to`; false when what stands there are no digits. */
  read(text: Uint8Array, start: number, end: number, out: Uint8Array, to: number): boolean;
}

export const HEX: Encoding = {
  size: (_text, start, end) => ((end - start) % 2 === 0 ? (end - start) / 2 : -1),
  read(text, start, end, out, to) {
    let wrong = 0;
    for (let at = start; at < end; at += 2) {
      const octet = (HEX_DIGITS[text[at]!]! << 4) | HEX_DIGITS[text[at + 1]!]!;
      wrong |= octet;
      out[to++] = octet;
    }
    return wrong >= 0;
  },
};

/** Bits that are left over may be anything, as in what others write. */
export const BASE64: Encoding = {
  size(text, start, end) {
    if ((end - start) % 4 !== 0) return -1;
    return ((end - start) / 4) * 3 - padding(text, start, end);
  },
  read(text, start, end, out, to) {
    const pad = padding(text, start, end);
    const whole = pad === 0 ? end : end - 4;
    let wrong = 0;
    for (let at = start; at < whole; at += 4) {
      const bits =
        (BASE64_DIGITS[text[at]!]! << 18) |
        (BASE64_DIGITS[text[at + 1]!]! << 12) |
        (BASE64_DIGITS[text[at + 2]!]! << 6) |
        BASE64_DIGITS[text[at + 3]!]!;
      wrong |= bits;
      out[to++] = bits >> 16;
      out[to++] = bits >> 8;
      out[to++] = bits;
    }
    if (pad === 0) return wrong >= 0;
    const third = pad === 2 ? 0 : BASE64_DIGITS[text[whole + 2]!]!;
    const bits = (BASE64_DIGITS[text[whole]!]! << 18) | (BASE64_DIGITS[text[whole + 1]!]! << 12) | (third << 6);
    out[to++] = bits >> 16;
    if (pad === 1) out[to] = bits >> 8;
    return (wrong | bits) >= 0;
  },
};

/** RFC 4648 7 without padding, as RFC 5155 3.3 wants it, in either case. The bits left over have to be zero. */
export const BASE32HEX: Encoding = {
  size: (_text, start, end) => ((end - start) * 5) >> 3,
  read(text, start, end, out, to) {
    let bits = 0;
    let pending = 0;
    for (let at = start; at < end; at++) {
      const digit = BASE32HEX_DIGITS[text[at]!]!;
      if (digit < 0) return false;
      pending = ((pending << 5) | digit) & 0xfff;
      bits += 5;
      if (bits < 8) continue;
      bits -= 8;
      out[to++] = pending >> bits;
    }
    return bits < 5 && (pending & ((1 << bits) - 1)) === 0;
  },
};

function padding(text: Uint8Array, start: number, end: number): number {
  if (start === end || text[end - 1] !== EQUALS) return 0;
  return text[end - 2] === EQUALS ? 2 : 1;
}

function parse(encoding: Encoding, text: string): Uint8Array | undefined {
  const octets = textOctets(text);
  const size = encoding.size(octets, 0, octets.length);
  if (size < 0) return undefined;
  const out = new Uint8Array(size);
  return encoding.read(octets, 0, octets.length, out, 0) ? out : undefined;
}

export function parseHex(text: string): Uint8Array | undefined {
  return parse(HEX, text);
}

export function printHex(octets: Uint8Array): string {
  return view(octets).toString('hex');
}

export function parseBase64(text: string): Uint8Array | undefined {
  return parse(BASE64, text);
}

export function printBase64(octets: Uint8Array): string {
  return view(octets).toString('base64');
}

/** Decimal digits, at most ten, as a number of 0..`max`. */
export function parseNumber(text: string, max: number): number | undefined {
  const octets = textOctets(text);
  const number = readNumber(octets, 0, octets.length, max);
  return number < 0 ? undefined : number;
}

export function printBase32Hex(octets: Uint8Array): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const octet of octets) {
    pending = ((pending << 8) | octet) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32HEX_ALPHABET[(pending >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + BASE32HEX_ALPHABET[(pending << (5 - bits)) & 31];
}

const BASE32HEX_ALPHABET = '0123456789abcdefghijklmnopqrstuv';

const BASE32HEX_DIGITS = digits(BASE32HEX_ALPHABET, BASE32HEX_ALPHABET.toUpperCase());
const BASE64_DIGITS = digits('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');

export function parseIpv4(text: string): Uint8Array | undefined {
  const octets = textOctets(text);
  const address = new Uint8Array(4);
  return readIpv4(octets, 0, octets.length, address, 0) ? address : undefined;
}

export function printIpv4(octets: Uint8Array): string {
  return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
}

/** RFC 4291 2.2, all of its three forms. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const octets = textOctets(text);
  const address = new Uint8Array(16);
  return readIpv6(octets, 0, octets.length, address, 0) ? address : undefined;
}

export function printIpv6(octets: Uint8Array): string {
  const group = (i: number): number => (octets[2 * i]! << 8) | octets[2 * i + 1]!;
  let start = 8;
  let end = 8;
  for (let from = 0, to = 0; from < 8; from = to + 1) {
    for (to = from; to < 8 && group(to) === 0; ) to++;
    if (to - from > Math.max(1, end - start)) [start, end] = [from, to];
  }
  if (start === 0 && end === 5 && group(5) === 0xffff) return `::ffff:${printIpv4(octets.subarray(12))}`;
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += '::';
      i = end - 1;
    } else text += `${i === 0 || i === end ? '' : ':'}${group(i).toString(16)}`;
  }
  return text;
}

/** Undoes `\X` and `\DDD`. */
export function unescapeText(text: string): Uint8Array | undefined {
  const octets = textOctets(text);
  return unescapeOctets(octets, 0, octets.length);
}

/** The same for octets `start` up to `end`. */
export function unescapeOctets(octets: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const plain = new Uint8Array(end - start);
  let length = 0;
  for (let at = start; at < end; at++) {
    if (octets[at] !== BACKSLASH) plain[length++] = octets[at]!;
    else {
      const escaped = readEscape(octets, at, end);
      if (escaped === undefined) return undefined;
      plain[length++] = escaped.octet;
      at = escaped.last;
    }
  }
  return plain.subarray(0, length);
}

/** A quoted character-string: one line of printable ASCII whatever the octets are. */
export function printQuoted(octets: Uint8Array): string {
  let text = '"';
  let from = 0;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet >= 0x20 && octet < 0x7f && octet !== QUOTE && octet !== BACKSLASH) continue;
    text += `${latin1(octets, from, i)}\\`;
    // A quote or backslash stands behind its backslash with the plain octets that follow it.
    from = octet >= 0x20 && octet < 0x7f ? i : i + 1;
    if (from > i) text += String(octet).padStart(3, '0');
  }
  return `${text}${latin1(octets, from, octets.length)}"`;
}

const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

function latin1(octets: Uint8Array, from: number, to: number): string {
  // For the few octets that most runs have a loop is quicker than a call.
  if (to - from > 24) return view(octets).toString('latin1', from, to);
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(octets[i]!);
  return text;
}

function view(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length);
}
