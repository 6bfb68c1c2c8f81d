/**
 * Field kinds: the parts RDATA layouts are made of. Each knows how to read its presentation form, how to print it, and how to
 * step over its wire form (which is also the check of its validity). Here are what a kind is, numbers, and names; what other types
 * are made of stands in `fields/`, a file for each concept.
 *
 * Always holds: what `skip` accepts, `print` prints, and `parse` of that gives the same octets back; or `print` gives `undefined`,
 * and the record has no form but that of RFC 3597.
 */
import { MAX_LABEL_OCTETS, MAX_NAME_OCTETS, type Name, nameTextFault, readNameText, textOctets } from '../name.ts';
import type { Reader, Writer } from '../octets.ts';
import { readNumber, readTtl } from './word.ts';
import type { Words } from './words.ts';

export type { TextToken } from './words.ts';

export interface NameTraits {
  /** Written with compression (only the types of RFC 1035). */
  readonly isCompressed?: true;
  /** May be compressed in what others send (the types older than RFC 3597, its section 4). */
  readonly isDecompressed?: true;
  /** Lower-cased in canonical form (RFC 4034 6.2, RFC 6840 5.1). */
  readonly isLowered?: true;
  /** Its addresses go into the additional section. */
  readonly wantsAddress?: true;
  /** Absent where the RDATA ends before it. */
  readonly isOptional?: true;
}

export interface Field {
  /** What a person calls it, for error texts; each kind has its own. */
  readonly label: string;
  /** How many octets it has on the wire, where that is the same for all values. */
  readonly octets?: number;
  /** What `parse` writes is always what `skip` accepts. */
  readonly isExact?: true;
  /** Present on names only. */
  readonly nameTraits?: NameTraits;
  /** Writes the wire form; gives back what is wrong with the words, if anything. */
  parse(words: Words, out: Writer): string | undefined;
  /** `undefined` for octets that are valid and cannot be said in presentation form; the empty text for nothing at all. */
  print(reader: Reader, origin: Name | undefined): string | undefined;
  skip(reader: Reader): void;
}

/** A number out of a word, octets `start` up to `end`; below 0 when it is none. */
export type NumberReader = (octets: Uint8Array, start: number, end: number) => number;

/** A word that is a number in network order. Words are decimal digits unless `read` knows more. */
export function unsigned(
  octets: 1 | 2 | 4,
  label = `number of 0..${2 ** (8 * octets) - 1}`,
  read: NumberReader = (text, start, end) => readNumber(text, start, end, 2 ** (8 * octets) - 1),
  write: (value: number) => string = String,
): Field {
  return {
    label,
    octets,
    isExact: true,
    parse(words, out) {
      if (!words.next()) return `a ${label} is missing`;
      const value = read(words.octets, words.start, words.end);
      if (value < 0) return `'${words.text}' is no ${label}`;
      if (octets === 1) out.u8(value);
      else if (octets === 2) out.u16(value);
      else out.u32(value);
      return undefined;
    },
    print: (reader) => write(octets === 1 ? reader.u8() : octets === 2 ? reader.u16() : reader.u32()),
    skip: (reader) => skipOctets(reader, octets),
  };
}

export const u8: Field = unsigned(1);
export const u16: Field = unsigned(2);
export const u32: Field = unsigned(4);

/** Seconds as a number or with units (`1w2d3h4m5s`), 0..2^32-1; `undefined` for anything else. */
export function parseTtl(text: string): number | undefined {
  const octets = textOctets(text);
  const ttl = readTtl(octets, 0, octets.length);
  return ttl < 0 ? undefined : ttl;
}

/** A span of time; BIND's units are common in SOA records. */
export const seconds: Field = unsigned(4, 'number of 0..4294967295, in seconds or with units', readTtl);

export function name(nameTraits: NameTraits): Field {
  const isAbsent = (left: number): boolean => nameTraits.isOptional === true && left === 0;
  return {
    label: 'domain name',
    nameTraits,
    ...(nameTraits.isOptional ? {} : { isExact: true }),
    parse: (words, out) => (isAbsent(words.left) ? undefined : parseName(words, out)),
    print: (reader, origin) => (isAbsent(reader.left) ? '' : printName(reader, origin)),
    skip: (reader) => (isAbsent(reader.left) ? undefined : skipName(reader)),
  };
}

/** Where a name is put together. */
const draft = new Uint8Array(MAX_NAME_OCTETS);

/** A name as one of several things a kind is made of. */
export function parseName(words: Words, out: Writer): string | undefined {
  if (!words.next()) return 'a domain name is missing';
  const length = readNameText(words.octets, words.start, words.end, words.origin.wire, draft);
  if (length < 0) return `'${words.text}' is no domain name: ${nameTextFault(length)}`;
  out.bytes(draft, 0, length);
  return undefined;
}

export function printName(reader: Reader, origin: Name | undefined): string {
  const value = reader.name(false);
  return origin === undefined ? value.toString() : value.relativeTo(origin);
}

/** Steps over octets without a view of them. */
export function skipOctets(reader: Reader, count: number): void {
  if (reader.left >= count) reader.offset += count;
  else reader.bytes(count);
}

/** Steps over a character-string. */
export function skipString(reader: Reader): void {
  skipOctets(reader, reader.u8());
}

/** Steps over a name without making one, since all RDATA is checked; the reader is asked only what is wrong. */
export function skipName(reader: Reader): void {
  const { octets, offset, end } = reader;
  let at = offset;
  while (at < end && octets[at]! > 0 && octets[at]! <= MAX_LABEL_OCTETS) at += 1 + octets[at]!;
  if (reader.left > 0 && at < end && octets[at] === 0 && at - offset < MAX_NAME_OCTETS) reader.offset = at + 1;
  else reader.name(false);
}

/** Names up to the end of the RDATA, none included; neither compressed nor lower-cased. */
export const names: Field = {
  label: 'domain names',
  isExact: true,
  parse(words, out) {
    let fault: string | undefined;
    while (words.left > 0 && fault === undefined) fault = parseName(words, out);
    return fault;
  },
  print(reader, origin) {
    const parts: string[] = [];
    while (reader.left > 0) parts.push(printName(reader, origin));
    return parts.join(' ');
  },
  skip(reader) {
    while (reader.left > 0) skipName(reader);
  },
};
