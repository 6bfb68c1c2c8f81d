/**
 * Octets as text: numbers, hexadecimal, base64 and base32hex (RFC 4648, strict: no foreign characters, right padding), addresses
 * (RFC 5952 for IPv6), and character-strings (RFC 1035 5.1). Parsers give `undefined` for what they do not accept.
 */
import { readEscape, textOctets } from '../name.ts';

export function parseHex(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? new Uint8Array(Buffer.from(text, 'hex')) : undefined;
}

export function printHex(octets: Uint8Array): string {
  return view(octets).toString('hex');
}

export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[0-9a-z+/]*={0,2}$/i.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'base64'));
}

export function printBase64(octets: Uint8Array): string {
  return view(octets).toString('base64');
}

/** Decimal digits, at most ten, as a number of 0..`max`. */
export function parseNumber(text: string, max: number): number | undefined {
  if (text.length === 0 || text.length > 10) return undefined;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    value = 10 * value + digit;
  }
  return value <= max ? value : undefined;
}

/** RFC 4648 7 without padding, as RFC 5155 3.3 wants it, in either case. The bits left over have to be zero. */
export function parseBase32Hex(text: string): Uint8Array | undefined {
  const octets = new Uint8Array((text.length * 5) >> 3);
  let length = 0;
  let bits = 0;
  let pending = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = base32Digit(text.charCodeAt(i));
    if (digit < 0) return undefined;
    pending = ((pending << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      octets[length++] = pending >> bits;
    }
  }
  return bits < 5 && (pending & ((1 << bits) - 1)) === 0 ? octets : undefined;
}

export function printBase32Hex(octets: Uint8Array): string {
  let text = '';
  let bits = 0;
  let pending = 0;
  for (const octet of octets) {
    pending = ((pending << 8) | octet) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32HEX[(pending >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + BASE32HEX[(pending << (5 - bits)) & 31];
}

const BASE32HEX = '0123456789abcdefghijklmnopqrstuv';

function base32Digit(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const letter = (code | 0x20) - 0x61;
  return code <= 0x7f && letter >= 0 && letter <= 21 ? letter + 10 : -1;
}

/** Four numbers of 0..255 without leading zeros. Character by character: most records of most zones hold one. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  return readIpv4(text, 0, octets, 0) ? octets : undefined;
}

/** Reads the text from `start` to its end into `out` at `at`. */
function readIpv4(text: string, start: number, out: Uint8Array, at: number): boolean {
  let value = -1;
  let count = 0;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    const digit = code - ZERO;
    if (digit >= 0 && digit <= 9) {
      if (value === 0) return false;
      value = value < 0 ? digit : 10 * value + digit;
      if (value > 255) return false;
    } else if (code === DOT && value >= 0 && count < 4) {
      out[at + count++] = value;
      value = -1;
    } else return false;
  }
  return count === 4;
}

export function printIpv4(octets: Uint8Array): string {
  return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
}

/** RFC 4291 2.2, all of its three forms. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(16);
  let length = 0;
  let gap = text.startsWith('::') ? 0 : -1;
  for (let at = gap < 0 ? 0 : 2; at < text.length; ) {
    const start = at;
    let group = 0;
    for (let digit = hexDigit(text.charCodeAt(at)); digit >= 0; digit = hexDigit(text.charCodeAt(++at)))
      group = 16 * group + digit;
    if (text.charCodeAt(at) === DOT) {
      if (length > 12 || !readIpv4(text, start, octets, length)) return undefined;
      length += 4;
      break;
    }
    if (at === start || at > start + 4 || length === 16) return undefined;
    octets[length++] = group >> 8;
    octets[length++] = group;
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== COLON || at === text.length) return undefined;
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = length;
      at++;
    }
  }
  if (gap < 0) return length === 16 ? octets : undefined;
  if (length > 14) return undefined;
  octets.copyWithin(16 - length + gap, gap, length);
  return octets.fill(0, gap, 16 - length + gap);
}

/** -1 for what is none, the end of a text (`NaN`) included. */
function hexDigit(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const letter = (code | 0x20) - 0x61;
  return code <= 0x7f && letter >= 0 && letter <= 5 ? letter + 10 : -1;
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
  const plain = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH || code > 0xff) return unescapeOctets(textOctets(text));
    plain[i] = code;
  }
  return plain;
}

function unescapeOctets(octets: Uint8Array): Uint8Array | undefined {
  const plain = new Uint8Array(octets.length);
  let length = 0;
  for (let i = 0; i < octets.length; i++) {
    if (octets[i] !== BACKSLASH) plain[length++] = octets[i]!;
    else {
      const escaped = readEscape(octets, i);
      if (escaped === undefined) return undefined;
      plain[length++] = escaped.octet;
      i = escaped.last;
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
const DOT = 0x2e;
const ZERO = 0x30;
const COLON = 0x3a;
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
