/**
 * Words of zone files that are read straight from octets: names, types, TTLs and addresses as nearly all lines have them. What is
 * written in any other way - escapes, units, generic forms, faults - gives `undefined` and takes the general way over text.
 *
 * Always holds: where something is read here, the general way reads the same.
 */
import { MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name } from '../name.ts';
import { ok, type Result } from '../result.ts';
import { parseRdata, type RdataFault } from '../rr/rdata.ts';
import { MAX_TTL } from '../rr/record.ts';
import { parseType, TYPE } from '../rr/type.ts';
import type { EntryLexer } from './lexer.ts';

const isDigit = (octet: number): boolean => octet >= 0x30 && octet <= 0x39;

/** A name without escapes, in octets `start` up to `end`; relative to `origin` without final dot. */
export function readName(octets: Uint8Array, start: number, end: number, origin: Name): Name | undefined {
  if (end - start === 1 && octets[start] === AT) return origin;
  const isAbsolute = octets[end - 1] === DOT;
  const rest = isAbsolute ? undefined : origin.wire;
  // A dot makes room for the length of the label behind it.
  const size = end - start + 1 + (rest?.length ?? 0);
  if (size > MAX_NAME_OCTETS) return undefined;
  const wire = new Uint8Array(size);
  let label = 0;
  let at = 1;
  for (let i = start; i < end; i++) {
    const octet = octets[i]!;
    if (octet === BACKSLASH) return undefined;
    if (octet === DOT) {
      wire[label] = at - label - 1;
      if (at - label === 1 || at - label - 1 > MAX_LABEL_OCTETS) return undefined;
      label = at++;
    } else wire[at++] = octet;
  }
  if (rest !== undefined) {
    wire[label] = at - label - 1;
    if (at - label === 1 || at - label - 1 > MAX_LABEL_OCTETS) return undefined;
    for (let i = 0; i < rest.length; i++) wire[at + i] = rest[i]!;
  }
  const name = Name.fromWire(wire);
  return name.ok ? name.value : undefined;
}

/** Seconds, with or without units. */
export function readTtl(octets: Uint8Array, start: number, end: number): number | undefined {
  let seconds = 0;
  let number = 0;
  let digits = 0;
  for (let i = start; i < end; i++) {
    const octet = octets[i]!;
    if (isDigit(octet)) {
      number = number * 10 + octet - 0x30;
      if (++digits > MAX_DIGITS) return undefined;
    } else {
      const unit = UNIT_SECONDS.get(octet | 0x20);
      if (unit === undefined || digits === 0) return undefined;
      seconds += number * unit;
      number = 0;
      digits = 0;
    }
  }
  if (digits === 0) return seconds <= MAX_TTL && end > start ? seconds : undefined;
  return digits === end - start ? number : undefined;
}

/** Numbers of so many digits are less than any limit. */
const MAX_DIGITS = 9;
const UNIT_SECONDS: ReadonlyMap<number, number> = new Map([
  [0x73, 1],
  [0x6d, 60],
  [0x68, 3600],
  [0x64, 86400],
  [0x77, 604800],
]);

/** The longest mnemonic that is looked up without making a string: six bits a character fit into a small integer. */
const SHORT = 5;
const types = new Map<number, number>();

/** A type by its mnemonic, in any case. */
export function readType(lexer: EntryLexer, index: number): number | undefined {
  const { octets } = lexer;
  const start = lexer.starts[index]!;
  const end = lexer.ends[index]!;
  if (end - start > SHORT) return parseType(lexer.word(index));
  let packed = 0;
  for (let i = start; i < end; i++) {
    const octet = octets[i]!;
    const upper = octet & 0xdf;
    // Letters become 1..26 and digits 48..57, so that no two mnemonics are packed alike.
    if (upper >= 0x41 && upper <= 0x5a) packed = (packed << 6) | (upper & 0x3f);
    else if (isDigit(octet)) packed = (packed << 6) | octet;
    else return parseType(lexer.word(index));
  }
  const known = types.get(packed);
  if (known !== undefined) return known;
  const type = parseType(lexer.word(index));
  if (type !== undefined) types.set(packed, type);
  return type;
}

function readIpv4(octets: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const address = new Uint8Array(4);
  let at = start;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && octets[at++] !== DOT) return undefined;
    const first = at;
    let value = 0;
    while (at < end && isDigit(octets[at]!) && at - first < 3) value = value * 10 + octets[at++]! - 0x30;
    if (at === first || value > 255 || (at - first > 1 && octets[first] === 0x30)) return undefined;
    address[i] = value;
  }
  return at === end ? address : undefined;
}

/** Without an IPv4 address at its end. */
function readIpv6(octets: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const address = new Uint8Array(16);
  let filled = 0;
  let gap = -1;
  let at = start;
  if (octets[at] === COLON && octets[at + 1] === COLON && at + 2 <= end) {
    gap = 0;
    at += 2;
  }
  while (at < end) {
    const first = at;
    let group = 0;
    for (let digit = hexDigit(octets[at]!); at < end && digit >= 0; digit = hexDigit(octets[at]!)) {
      group = group * 16 + digit;
      at++;
    }
    if (at === first || at - first > 4 || filled === 16) return undefined;
    address[filled++] = group >> 8;
    address[filled++] = group & 0xff;
    if (at === end) break;
    if (octets[at++] !== COLON || at === end) return undefined;
    if (octets[at] !== COLON) continue;
    if (gap >= 0) return undefined;
    gap = filled;
    at++;
  }
  if (gap < 0) return filled === 16 ? address : undefined;
  if (filled === 16) return undefined;
  address.copyWithin(16 - (filled - gap), gap, filled);
  return address.fill(0, gap, 16 - (filled - gap));
}

function hexDigit(octet: number | undefined): number {
  if (octet === undefined) return -1;
  if (isDigit(octet)) return octet - 0x30;
  const lower = octet | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** Character-strings without escapes. */
function readStrings(lexer: EntryLexer, first: number): Uint8Array | undefined {
  const { octets } = lexer;
  let size = 0;
  for (let i = first; i < lexer.count; i++) {
    const length = lexer.ends[i]! - lexer.starts[i]! - (lexer.isQuoted(i) ? 2 : 0);
    if (length > 255) return undefined;
    size += 1 + length;
  }
  if (size === 0 || size > 65535) return undefined;
  const rdata = new Uint8Array(size);
  let at = 0;
  for (let i = first; i < lexer.count; i++) {
    const quote = lexer.isQuoted(i) ? 1 : 0;
    const end = lexer.ends[i]! - quote;
    let from = lexer.starts[i]! + quote;
    rdata[at++] = end - from;
    for (; from < end; from++) {
      if (octets[from] === BACKSLASH) return undefined;
      rdata[at++] = octets[from]!;
    }
  }
  return rdata;
}

type WordReader = (octets: Uint8Array, start: number, end: number, origin: Name) => Uint8Array | undefined;

const readTarget: WordReader = (octets, start, end, origin) => readName(octets, start, end, origin)?.wire;

/** Types whose RDATA is one word. */
const SINGLE: ReadonlyMap<number, WordReader> = new Map([
  [TYPE.A, readIpv4],
  [TYPE.AAAA, readIpv6],
  [TYPE.NS, readTarget],
  [TYPE.CNAME, readTarget],
  [TYPE.PTR, readTarget],
  [TYPE.DNAME, readTarget],
]);

/** Types whose RDATA is numbers of two octets and a name: how many numbers. */
const NUMBERED: ReadonlyMap<number, number> = new Map([
  [TYPE.MX, 1],
  [TYPE.SRV, 3],
]);

function readNumbered(lexer: EntryLexer, first: number, numbers: number, origin: Name): Uint8Array | undefined {
  const last = first + numbers;
  if (lexer.count !== last + 1 || lexer.isQuoted(last)) return undefined;
  const target = readName(lexer.octets, lexer.starts[last]!, lexer.ends[last]!, origin)?.wire;
  if (target === undefined) return undefined;
  const rdata = new Uint8Array(2 * numbers + target.length);
  for (let i = 0; i < numbers; i++) {
    const start = lexer.starts[first + i]!;
    const end = lexer.ends[first + i]!;
    let number = 0;
    if (end - start > 5) return undefined;
    for (let at = start; at < end; at++) {
      if (!isDigit(lexer.octets[at]!)) return undefined;
      number = number * 10 + lexer.octets[at]! - 0x30;
      if (number > 0xffff) return undefined;
    }
    rdata[2 * i] = number >> 8;
    rdata[2 * i + 1] = number & 0xff;
  }
  rdata.set(target, 2 * numbers);
  return rdata;
}

/** The RDATA of common types, from the words `first` on. */
export function readRdataWords(type: number, lexer: EntryLexer, first: number, origin: Name): Uint8Array | undefined {
  if (type === TYPE.TXT) return readStrings(lexer, first);
  const numbers = NUMBERED.get(type);
  if (numbers !== undefined) return readNumbered(lexer, first, numbers, origin);
  const read = SINGLE.get(type);
  if (read === undefined || lexer.count !== first + 1 || lexer.isQuoted(first)) return undefined;
  return read(lexer.octets, lexer.starts[first]!, lexer.ends[first]!, origin);
}

/** The RDATA of any type, from the words `first` on. */
export function readRdata(
  type: number,
  lexer: EntryLexer,
  first: number,
  origin: Name,
): Result<Uint8Array, RdataFault> {
  const common = readRdataWords(type, lexer, first, origin);
  return common === undefined ? parseRdata(type, lexer.tokens(first), origin) : ok(common);
}

const AT = 0x40;
const DOT = 0x2e;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
