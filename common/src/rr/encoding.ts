/**
 * Octets as text: hexadecimal, base64 (RFC 4648, strict: no foreign characters, right padding), addresses (RFC 5952 for IPv6),
 * and character-strings (RFC 1035 5.1). Parsers give `undefined` for what they do not accept.
 */
import { readEscape, textOctets } from '../name.ts';

export function parseHex(text: string): Uint8Array | undefined {
  return text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined;
}

export function printHex(octets: Uint8Array): string {
  return view(octets).toString('hex');
}

export function parseBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[0-9a-z+/]*={0,2}$/i.test(text)) return undefined;
  return Uint8Array.from(Buffer.from(text, 'base64'));
}

export function printBase64(octets: Uint8Array): string {
  return view(octets).toString('base64');
}

export function parseIpv4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const parts = match.slice(1).map((part) => (/^0\d/.test(part) ? 256 : Number(part)));
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

export function printIpv4(octets: Uint8Array): string {
  return octets.join('.');
}

export function parseIpv6(text: string): Uint8Array | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  let plain = text;
  if (embedded !== null) {
    const v4 = parseIpv4(embedded[2]!);
    if (v4 === undefined) return undefined;
    plain = `${embedded[1]}${printHex(v4.subarray(0, 2))}:${printHex(v4.subarray(2))}`;
  }
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail] = groups;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<string>(tail === undefined ? 0 : missing).fill('0'), ...(tail ?? [])];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]));
}

export function printIpv6(octets: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (octets[2 * i]! << 8) | octets[2 * i + 1]!);
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return `::ffff:${printIpv4(octets.subarray(12))}`;
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return text(groups);
  return `${text(groups.slice(0, best.start))}::${text(groups.slice(best.start + best.length))}`;
}

/** Undoes `\X` and `\DDD`. */
export function unescapeText(text: string): Uint8Array | undefined {
  const octets = textOctets(text);
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
  for (const octet of octets) {
    if (octet === QUOTE || octet === BACKSLASH) text += `\\${String.fromCharCode(octet)}`;
    else if (octet < 0x20 || octet >= 0x7f) text += `\\${String(octet).padStart(3, '0')}`;
    else text += String.fromCharCode(octet);
  }
  return `${text}"`;
}

const BACKSLASH = 0x5c;
const QUOTE = 0x22;

function view(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length);
}
