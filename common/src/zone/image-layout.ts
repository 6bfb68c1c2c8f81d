/**
 * How a zone image is laid out in its arena: words of the records that stand in it, the levels of the index, the keys of sets. What
 * they are for is told in `image.ts`.
 */
import { TYPE } from '../rr/type.ts';

/** Words of the root record. */
export const ROOT = {
  bits: 0,
  top: 1,
  apex: 2,
  names: 3,
  log: 4,
  cuts: 5,
  dnames: 6,
  records: 7,
  octets: 8,
  words: 9,
  size: 10,
} as const;
export const NODE = { next: 0, hash: 1, children: 2, meta: 3, sets: 4 } as const;
export const SET = { key: 0, ttl: 1, count: 2, octets: 3, data: 4 } as const;

/** What a node is known to have, so that its sets need not be looked through. `data` is any set but NSEC3 and signatures. */
export const HAS = { ns: 1, cname: 2, dname: 4, wildcard: 8, rrsig: 16, nsec3: 32, data: 64 } as const;

export const PAGE_BITS = 6;
export const PAGE: number = 1 << PAGE_BITS;
/** Slots of the smallest and of the largest index (log2). */
export const MIN_BITS = 2;
export const MAX_BITS = 26;

/** The key of the signatures of one type: each is a set of its own, with the TTL of what it signs (RFC 4034 3). */
export const signaturesOf = (type: number): number => TYPE.RRSIG | (type << 16);

/** By what a set is found in its node: its type, and for signatures also the type that they cover. */
export function setKey(type: number, rdata: Uint8Array): number {
  return type === TYPE.RRSIG && rdata.length >= 2 ? signaturesOf((rdata[0]! << 8) | rdata[1]!) : type;
}

/** The type that the signatures with this key cover; for the key of any other set, one that no set has. */
export function signedBy(key: number): number {
  return (key & 0xffff) === TYPE.RRSIG ? key >>> 16 : -1;
}

const wordsFor = (octets: number): number => (octets + 3) >> 2;

/** The index size for so many names: chains of about one node. */
export function bitsFor(names: number): number {
  const wanted = 32 - Math.clz32(Math.max(1, names - 1));
  return Math.min(MAX_BITS, Math.max(MIN_BITS, wanted));
}

/** Of an index with less slots than a page has, the only page is so small; above it stand tables of one word. */
export const pageWords = (bits: number): number => 1 << Math.min(bits, PAGE_BITS);
export const middleBits = (bits: number): number => Math.max(0, bits - PAGE_BITS) >> 1;
export const topWords = (bits: number): number => 1 << (Math.max(0, bits - PAGE_BITS) - middleBits(bits));

/** Words of an index of so many bits, all of its levels. */
export function indexWords(bits: number): number {
  return (1 << bits) + (topWords(bits) << middleBits(bits)) + topWords(bits);
}

export const nodeWords = (nameOctets: number, sets: number): number => NODE.sets + sets + wordsFor(nameOctets);
export const setWords = (octets: number): number => SET.data + wordsFor(octets);

/** What a set of this type makes known of its node. */
export function flagOf(type: number): number {
  switch (type) {
    case TYPE.NS:
      return HAS.ns | HAS.data;
    case TYPE.CNAME:
      return HAS.cname | HAS.data;
    case TYPE.DNAME:
      return HAS.dname | HAS.data;
    case TYPE.RRSIG:
      return HAS.rrsig;
    case TYPE.NSEC3:
      return HAS.nsec3;
    default:
      return HAS.data;
  }
}
