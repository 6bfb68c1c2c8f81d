/**
 * Field kinds: the parts RDATA layouts are made of. Each knows how to read its presentation form, how to print it, and how to
 * step over its wire form (which is also the check of its validity).
 *
 * Always holds: what `skip` accepts, `print` prints, and `parse` of that gives the same octets back.
 */
import { Name } from '../name.ts';
import type { Reader, Writer } from '../octets.ts';
import {
  parseBase64,
  parseHex,
  parseIpv4,
  parseIpv6,
  printBase64,
  printHex,
  printIpv4,
  printIpv6,
  printQuoted,
  unescapeText,
} from './encoding.ts';
import { parseLocation, printLocation } from './location.ts';
import { parseSvcParams, printSvcParams, skipSvcParams } from './svc-params.ts';

/** A word or quoted string of a zone file, escapes not yet undone, quotes taken off. */
export interface TextToken {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** The tokens of one record's RDATA, consumed from the left. */
export interface TokenCursor {
  /** The next token, or `undefined` at the end. */
  next(): TextToken | undefined;
  readonly left: number;
  /** Where relative names are rooted. */
  readonly origin: Name;
}

export interface NameTraits {
  /** Written with compression (only the types of RFC 1035). */
  readonly isCompressed?: true;
  /** May be compressed in what others send (the types older than RFC 3597, its section 4). */
  readonly isDecompressed?: true;
  /** Lower-cased in canonical form (RFC 4034 6.2). */
  readonly isLowered?: true;
  /** Its addresses go into the additional section. */
  readonly wantsAddress?: true;
}

export interface Field {
  /** What a person calls it, for error texts. */
  readonly label: string;
  /** How many octets it has on the wire, where that is the same for all values. */
  readonly octets?: number;
  /** Present on names only. */
  readonly nameTraits?: NameTraits;
  /** Writes the wire form; gives back what is wrong with the text, if anything. */
  parse(tokens: TokenCursor, out: Writer): string | undefined;
  print(reader: Reader, origin: Name | undefined): string;
  skip(reader: Reader): void;
}

function unsigned(octets: 1 | 2 | 4): Field {
  const max = 2 ** (8 * octets) - 1;
  const read = (reader: Reader): number => (octets === 1 ? reader.u8() : octets === 2 ? reader.u16() : reader.u32());
  return {
    label: `number of 0..${max}`,
    octets,
    parse(tokens, out) {
      const text = tokens.next()?.text;
      if (text === undefined) return `a number of 0..${max} is missing`;
      // The four-octet numbers of SOA are times; BIND's units are common there.
      const value = octets === 4 ? parseTtl(text) : /^\d{1,10}$/.test(text) ? Number(text) : undefined;
      if (value === undefined || value > max) return `'${text}' is no number of 0..${max}`;
      if (octets === 1) out.u8(value);
      else if (octets === 2) out.u16(value);
      else out.u32(value);
      return undefined;
    },
    print: (reader) => String(read(reader)),
    skip: (reader) => void read(reader),
  };
}

export const u8: Field = unsigned(1);
export const u16: Field = unsigned(2);
export const u32: Field = unsigned(4);

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

/** Seconds as a number or with units (`1w2d3h4m5s`), 0..2^32-1; `undefined` for anything else. */
export function parseTtl(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text) <= 0xffffffff ? Number(text) : undefined;
  if (!/^(\d{1,10}[smhdw])+$/i.test(text)) return undefined;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/gi))
    seconds += Number(count) * UNIT_SECONDS[unit!.toLowerCase()]!;
  return seconds <= 0xffffffff ? seconds : undefined;
}

export function name(nameTraits: NameTraits): Field {
  return {
    label: 'domain name',
    nameTraits,
    parse(tokens, out) {
      const token = tokens.next();
      if (token === undefined) return 'a domain name is missing';
      const parsed = Name.parse(token.text, tokens.origin);
      if (!parsed.ok) return `'${token.text}' is no domain name: ${parsed.fault.what}`;
      out.name(parsed.value);
      return undefined;
    },
    print(reader, origin) {
      const value = reader.name(false);
      return origin === undefined ? value.toString() : value.relativeTo(origin);
    },
    skip: (reader) => void reader.name(false),
  };
}

function fixed(
  label: string,
  size: number,
  read: (text: string) => Uint8Array | undefined,
  write: (octets: Uint8Array) => string,
): Field {
  return {
    label,
    octets: size,
    parse(tokens, out) {
      const text = tokens.next()?.text;
      const octets = text === undefined ? undefined : read(text);
      if (octets === undefined) return text === undefined ? `an ${label} is missing` : `'${text}' is no ${label}`;
      out.bytes(octets);
      return undefined;
    },
    print: (reader) => write(reader.bytes(size)),
    skip: (reader) => void reader.bytes(size),
  };
}

export const ipv4: Field = fixed('IPv4 address', 4, parseIpv4, printIpv4);
export const ipv6: Field = fixed('IPv6 address', 16, parseIpv6, printIpv6);

/** All remaining tokens, joined, as octets up to the end of the RDATA. */
function remaining(
  label: string,
  read: (text: string) => Uint8Array | undefined,
  write: (octets: Uint8Array) => string,
): Field {
  return {
    label,
    parse(tokens, out) {
      let text = '';
      while (tokens.left > 0) text += tokens.next()!.text;
      const octets = read(text);
      if (octets === undefined) return `not valid ${label}`;
      out.bytes(octets);
      return undefined;
    },
    print: (reader) => write(reader.rest()),
    skip: (reader) => void reader.rest(),
  };
}

export const hex: Field = remaining('hexadecimal', parseHex, printHex);
export const base64: Field = remaining('base64', parseBase64, printBase64);

function parseString(token: TextToken | undefined, out: Writer): string | undefined {
  if (token === undefined) return 'a character-string is missing';
  const octets = unescapeText(token.text);
  if (octets === undefined) return 'a backslash not followed by a character or by three digits up to 255';
  if (octets.length > 255)
    return `a character-string of ${octets.length} octets (at most 255; split it into several strings)`;
  out.u8(octets.length);
  out.bytes(octets);
  return undefined;
}

/** One character-string (RFC 1035 3.3). */
export const string: Field = {
  label: 'character-string',
  parse: (tokens, out) => parseString(tokens.next(), out),
  print: (reader) => printQuoted(reader.string()),
  skip: (reader) => void reader.string(),
};

/** One or more character-strings up to the end of the RDATA. */
export const strings: Field = {
  label: 'character-strings',
  parse(tokens, out) {
    do {
      const fault = parseString(tokens.next(), out);
      if (fault !== undefined) return fault;
    } while (tokens.left > 0);
    return undefined;
  },
  print(reader) {
    const parts: string[] = [];
    do parts.push(printQuoted(reader.string()));
    while (reader.left > 0);
    return parts.join(' ');
  },
  skip(reader) {
    do reader.string();
    while (reader.left > 0);
  },
};

/** A character-string without length octet up to the end of the RDATA (CAA, URI). */
export const text: Field = {
  label: 'text',
  parse(tokens, out) {
    const token = tokens.next();
    const octets = token === undefined ? undefined : unescapeText(token.text);
    if (octets === undefined)
      return token === undefined
        ? 'a text is missing'
        : 'a backslash not followed by a character or by three digits up to 255';
    out.bytes(octets);
    return undefined;
  },
  print: (reader) => printQuoted(reader.rest()),
  skip: (reader) => void reader.rest(),
};

/** A property tag (RFC 8659 4.1): 1..255 letters and digits after a length octet. */
export const tag: Field = {
  label: 'tag',
  parse(tokens, out) {
    const value = tokens.next()?.text ?? '';
    if (!/^[0-9a-z]{1,255}$/i.test(value)) return `'${value}' is no tag of letters and digits`;
    out.u8(value.length);
    out.bytes(Buffer.from(value, 'latin1'));
    return undefined;
  },
  print: (reader) => Buffer.from(reader.string()).toString('latin1'),
  skip(reader) {
    const value = Buffer.from(reader.string()).toString('latin1');
    if (!/^[0-9a-z]+$/i.test(value)) reader.fail('a tag that is not of letters and digits');
  },
};

/** DNSSEC algorithm numbers (RFC 4034 A.1 and the registry), accepted as mnemonics, printed as numbers. */
const ALGORITHMS: Readonly<Record<string, number>> = {
  RSAMD5: 1,
  DH: 2,
  DSA: 3,
  RSASHA1: 5,
  'DSA-NSEC3-SHA1': 6,
  'RSASHA1-NSEC3-SHA1': 7,
  RSASHA256: 8,
  RSASHA512: 10,
  ECDSAP256SHA256: 13,
  ECDSAP384SHA384: 14,
  ED25519: 15,
  ED448: 16,
};

export const algorithm: Field = {
  ...u8,
  label: 'algorithm',
  parse(tokens, out) {
    const value = tokens.next()?.text ?? '';
    const code = ALGORITHMS[value.toUpperCase()] ?? (/^\d{1,3}$/.test(value) ? Number(value) : 256);
    if (code > 255) return `'${value}' is no algorithm`;
    out.u8(code);
    return undefined;
  },
};

/** RFC 1876. */
export const location: Field = {
  label: 'location',
  parse(tokens, out) {
    const words: string[] = [];
    while (tokens.left > 0) words.push(tokens.next()!.text);
    const octets = parseLocation(words);
    if (typeof octets === 'string') return octets;
    out.bytes(octets);
    return undefined;
  },
  print: (reader) => printLocation(reader),
  skip(reader) {
    if (reader.u8() !== 0) reader.fail('a LOC version other than 0');
    for (let i = 0; i < 3; i++) if (!isSizeOctet(reader.u8())) reader.fail('a LOC size out of range');
    const latitude = Math.abs(reader.u32() - 2 ** 31);
    const longitude = Math.abs(reader.u32() - 2 ** 31);
    if (latitude > 90 * 3_600_000 || longitude > 180 * 3_600_000) reader.fail('a LOC angle out of range');
    reader.u32();
  },
};

/** A digit and a power of ten; zero is written as 00 only, so that text and wire form stay one to one. */
const isSizeOctet = (octet: number): boolean => octet >> 4 <= 9 && (octet & 15) <= 9 && (octet === 0 || octet >> 4 > 0);

/** RFC 9460 2.1, 2.2. */
export const svcParams: Field = {
  label: 'service parameters',
  parse: parseSvcParams,
  print: (reader) => printSvcParams(reader),
  skip: skipSvcParams,
};
