/**
 * Sets of types: the windows of NSEC, NSEC3 and CSYNC (RFC 4034 4.1.2), and the single bitmap of NXT (RFC 2535 5.2).
 *
 * Always holds: each set has one wire form: windows ascend, none is empty, none ends with a zero octet.
 */
import { parseNumber } from '../encoding.ts';
import type { Field, TokenCursor } from '../field.ts';

/** How types are written; given, since the table of types is made of these fields. */
export interface TypeNames {
  parse(text: string): number | undefined;
  print(code: number): string;
}

/** The types up to `max`, ascending, each once; or what is wrong. */
function takeTypes(tokens: TokenCursor, types: TypeNames, max: number): number[] | string {
  const codes = new Set<number>();
  while (tokens.left > 0) {
    const { text } = tokens.next()!;
    const code = types.parse(text);
    if (code === undefined) return `'${text}' is no record type`;
    if (code > max) return `'${text}' is a type above ${max}, for which there is no room`;
    codes.add(code);
  }
  return [...codes].sort((a, b) => a - b);
}

/** The numbers of the bits that are set, the first octet's highest being 0. */
function bits(octets: Uint8Array): number[] {
  const set: number[] = [];
  for (const [i, octet] of octets.entries())
    for (let bit = 0; bit < 8; bit++) if ((octet & (0x80 >> bit)) !== 0) set.push(8 * i + bit);
  return set;
}

/** The shortest bitmap with these bits, which ascend. */
function bitmap(set: readonly number[]): Uint8Array {
  const octets = new Uint8Array(set.length === 0 ? 0 : (set.at(-1)! >> 3) + 1);
  for (const bit of set) octets[bit >> 3]! |= 0x80 >> (bit & 7);
  return octets;
}

export function typeBitmap(types: TypeNames): Field {
  return {
    label: 'types',
    parse(tokens, out) {
      const codes = takeTypes(tokens, types, 0xffff);
      if (typeof codes === 'string') return codes;
      for (let from = 0, to = 0; from < codes.length; from = to) {
        const window = codes[from]! >> 8;
        while (to < codes.length && codes[to]! >> 8 === window) to++;
        const octets = bitmap(codes.slice(from, to).map((code) => code & 0xff));
        out.u8(window);
        out.u8(octets.length);
        out.bytes(octets);
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
  return {
    label: 'types up to 127',
    parse(tokens, out) {
      const codes = takeTypes(tokens, { ...types, parse: (text) => parseNumber(text, 127) ?? types.parse(text) }, 127);
      if (typeof codes === 'string') return codes;
      if (codes[0] === 0) return 'type 0 cannot stand in an NXT record';
      out.bytes(bitmap(codes));
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
