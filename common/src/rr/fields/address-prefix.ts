/**
 * Address prefixes: the items of APL (RFC 3123 4) and the suffix of A6 (RFC 2874 3.1).
 *
 * Left out: the text of address families other than IPv4 and IPv6, which is not defined; a list with one is printed by RFC 3597.
 */
import type { Reader } from '../../octets.ts';
import { parseIpv4, parseIpv6, parseNumber, printIpv4, printIpv6 } from '../encoding.ts';
import type { Field } from '../field.ts';

interface Family {
  readonly bits: number;
  read(text: string): Uint8Array | undefined;
  write(octets: Uint8Array): string;
}

const families = new Map<number, Family>([
  [1, { bits: 32, read: parseIpv4, write: printIpv4 }],
  [2, { bits: 128, read: parseIpv6, write: printIpv6 }],
]);

interface Item {
  readonly family: number;
  readonly prefix: number;
  readonly isNegated: boolean;
  /** Without its trailing zero octets. */
  readonly address: Uint8Array;
}

function readItem(reader: Reader): Item {
  const family = reader.u16();
  const prefix = reader.u8();
  const length = reader.u8();
  return { family, prefix, isNegated: length >= 0x80, address: reader.bytes(length & 0x7f) };
}

function parseItem(text: string): Item | undefined {
  const match = /^(!?)(\d{1,5}):([0-9a-f:.]+)\/(\d{1,3})$/i.exec(text);
  const family = families.get(Number(match?.[2]));
  const address = family?.read(match![3]!);
  const prefix = Number(match?.[4]);
  if (address === undefined || prefix > family!.bits) return undefined;
  let { length } = address;
  while (length > 0 && address[length - 1] === 0) length--;
  return { family: Number(match![2]), prefix, isNegated: match![1] === '!', address: address.subarray(0, length) };
}

/** `[!]family:address/prefix` up to the end of the RDATA, none included. */
export const prefixes: Field = {
  label: 'address prefixes',
  parse(words, out) {
    while (words.left > 0) {
      const text = words.nextText()!;
      const item = parseItem(text);
      if (item === undefined) return `'${text}' is no address prefix as 1:192.0.2.0/24 or !2:2001:db8::/32`;
      out.u16(item.family);
      out.u8(item.prefix);
      out.u8(item.address.length | (item.isNegated ? 0x80 : 0));
      out.bytes(item.address);
    }
    return undefined;
  },
  print(reader) {
    const words: string[] = [];
    while (reader.left > 0) {
      const { family, prefix, isNegated, address } = readItem(reader);
      const known = families.get(family);
      if (known === undefined) return undefined;
      const whole = new Uint8Array(known.bits >> 3);
      whole.set(address);
      words.push(`${isNegated ? '!' : ''}${family}:${known.write(whole)}/${prefix}`);
    }
    return words.join(' ');
  },
  skip(reader) {
    while (reader.left > 0) {
      const { family, prefix, address } = readItem(reader);
      const bits = families.get(family)?.bits ?? 0xffff;
      if (prefix > bits || 8 * address.length > bits) reader.fail('an address prefix too long for its family');
      if (address.at(-1) === 0) reader.fail('an address prefix that ends with a zero octet');
    }
  },
};

/**
 * The length of the prefix (0..128), and of the address what comes behind it, nothing at 128. A name follows unless the prefix is
 * empty. Bits of the suffix that belong to the prefix are ignored when received, and cannot be written.
 */
export const a6Suffix: Field = {
  label: 'prefix length and address suffix',
  parse(words, out) {
    const text = words.nextText() ?? '';
    const prefix = parseNumber(text, 128);
    if (prefix === undefined) return `'${text}' is no prefix length of 0..128`;
    out.u8(prefix);
    if (prefix === 128) return undefined;
    const address = parseIpv6(words.nextText() ?? '');
    if (address === undefined) return 'an IPv6 address is missing';
    const suffix = address.subarray(prefix >> 3);
    suffix[0]! &= 0xff >> (prefix & 7);
    out.bytes(suffix);
    return undefined;
  },
  print(reader) {
    const prefix = reader.u8();
    if (prefix === 128) return '128';
    const address = new Uint8Array(16);
    address.set(reader.bytes(16 - (prefix >> 3)), prefix >> 3);
    const hasPad = (address[prefix >> 3]! & ~(0xff >> (prefix & 7))) !== 0;
    return hasPad ? undefined : `${prefix} ${printIpv6(address)}`;
  },
  skip(reader) {
    const prefix = reader.u8();
    if (prefix > 128) reader.fail('a prefix of more than 128 bits');
    reader.bytes(16 - (prefix >> 3));
    if (prefix === 0 && reader.left > 0) reader.fail('a name behind a whole address');
    if (prefix > 0 && reader.left === 0) reader.fail('no name behind a part of an address');
  },
};
