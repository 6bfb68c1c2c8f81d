/**
 * Sets of types: the windows of NSEC, NSEC3 and CSYNC (RFC 4034 4.1.2), and the single bitmap of NXT (RFC 2535 5.2).
 *
 * Always holds: each set has one wire form: windows ascend, none is empty, none ends with a zero octet.
 */
import type { Field, NumberReader } from '../field.ts';
import { readNumber } from '../word.ts';
import type { Words } from '../words.ts';

/** How types are written; given, since the table of types is made of these fields. */
export interface TypeNames {
  readonly read: NumberReader;
  print(code: number): string;
}

const WINDOW_OCTETS = 32;

/** A set of types as bits, an octet for eight of them. */
class TypeSet {
  readonly octets: Uint8Array = new Uint8Array(256 * WINDOW_OCTETS);
  /** Octets of each window up to its last one that is not zero. */
  readonly lengths: Uint8Array = new Uint8Array(256);
  /** Behind the last window that is not empty. */
  windows = 0;

  add(code: number): void {
    const window = code >> 8;
    this.octets[code >> 3]! |= 0x80 >> (code & 7);
    this.lengths[window] = Math.max(this.lengths[window]!, ((code & 0xff) >> 3) + 1);
    this.windows = Math.max(this.windows, window + 1);
  }

  clear(): void {
    this.octets.fill(0, 0, this.windows * WINDOW_OCTETS);
    this.lengths.fill(0, 0, this.windows);
    this.windows = 0;
  }
}

/** The types of the record at hand. */
const set = new TypeSet();

/** Fills the set with types up to `max`; gives what is wrong, if anything. */
function takeTypes(words: Words, read: NumberReader, max: number): string | undefined {
  set.clear();
  while (words.left > 0) {
    words.next();
    const code = read(words.octets, words.start, words.end);
    if (code < 0) return `'${words.text}' is no record type`;
    if (code > max) return `'${words.text}' is a type above ${max}, for which there is no room`;
    set.add(code);
  }
  return undefined;
}

/** The numbers of the bits that are set, the first octet's highest being 0. */
function bits(octets: Uint8Array): number[] {
  const set: number[] = [];
  for (const [i, octet] of octets.entries())
    for (let bit = 0; bit < 8; bit++) if ((octet & (0x80 >> bit)) !== 0) set.push(8 * i + bit);
  return set;
}

export function typeBitmap(types: TypeNames): Field {
  return {
    label: 'types',
    isExact: true,
    parse(words, out) {
      const fault = takeTypes(words, types.read, 0xffff);
      if (fault !== undefined) return fault;
      for (let window = 0; window < set.windows; window++) {
        const length = set.lengths[window]!;
        if (length === 0) continue;
        out.u8(window);
        out.u8(length);
        out.bytes(set.octets, window * WINDOW_OCTETS, window * WINDOW_OCTETS + length);
      }
      return undefined;
    },
    print(reader) {
      const words: string[] = [];
      while (reader.left > 0) {
        const window = reader.u8() << 8;
        for (const bit of bits(reader.string())) words.push(types.print(window | bit));
      }
      return words.join(' ');
    },
    skip(reader) {
      for (let last = -1; reader.left > 0; ) {
        const window = reader.u8();
        const octets = reader.string();
        if (window <= last) reader.fail('windows of types that do not ascend');
        if (octets.length === 0 || octets.length > 32) reader.fail('a window of types that has not 1..32 octets');
        else if (octets.at(-1) === 0) reader.fail('a window of types that ends with a zero octet');
        last = window;
      }
    },
  };
}

/** Types 0..127 in one bitmap; numbers are read too (RFC 2535 5.3). Where its first bit is set, the rest is of a form that was never defined. */
export function nxtBitmap(types: TypeNames): Field {
  const read: NumberReader = (octets, start, end) => {
    const number = readNumber(octets, start, end, 127);
    return number < 0 ? types.read(octets, start, end) : number;
  };
  return {
    label: 'types up to 127',
    parse(words, out) {
      const fault = takeTypes(words, read, 127);
      if (fault !== undefined) return fault;
      if (set.octets[0]! >= 0x80) return 'type 0 cannot stand in an NXT record';
      out.bytes(set.octets, 0, set.lengths[0]!);
      return undefined;
    },
    print(reader) {
      const octets = reader.rest();
      return isOtherForm(octets) ? undefined : bits(octets).map(types.print).join(' ');
    },
    skip(reader) {
      const octets = reader.rest();
      if (isOtherForm(octets)) return;
      if (octets.length > 16) reader.fail('a bitmap of more than 128 types');
      if (octets.at(-1) === 0) reader.fail('a bitmap that ends with a zero octet');
    },
  };
}

const isOtherForm = (octets: Uint8Array): boolean => (octets[0] ?? 0) >= 0x80;
