/**
 * Sets and nodes as they are written to the end of an arena, and the index of a version that is made as one: what the first version
 * of an image (`image-first.ts`) and those that follow on it (`image-change.ts`) have in common.
 */
import { put16 } from '../octets.ts';
import type { Image } from './image.ts';
import { flagOf, HAS, middleBits, NODE, nodeWords, pageWords, ROOT, SET, setWords, topWords } from './image-layout.ts';
import { spread } from './lookup-name.ts';

/** The octets of a record beside its name and RDATA: type, class, TTL, length. */
const RECORD_FIXED = 10;
/** Sets of a name that are kept, signatures by what they cover. The rules refuse a zone that has so many (`rules/size.ts`). */
export const MAX_SETS = 4096;

/** Writes a set; gives its offset. The octets of its records are copied. */
export function writeSet(image: Image, key: number, ttl: number, rdatas: readonly Uint8Array[]): number {
  let octets = 0;
  for (const rdata of rdatas) octets += 2 + rdata.length;
  const set = image.allocate(setWords(octets));
  const { words, bytes } = image;
  words[set + SET.key] = key;
  words[set + SET.ttl] = ttl;
  words[set + SET.count] = rdatas.length;
  words[set + SET.octets] = octets;
  let at = image.setData(set);
  for (const rdata of rdatas) {
    put16(bytes, at, rdata.length);
    bytes.set(rdata, at + 2);
    at += 2 + rdata.length;
  }
  return set;
}

/** Writes a node that is in no index yet. `name` holds its labels as on the wire, without the apex. */
export function writeNode(
  image: Image,
  hash: number,
  name: Uint8Array,
  start: number,
  length: number,
  sets: ArrayLike<number>,
  setCount: number,
): number {
  const count = Math.min(setCount, MAX_SETS);
  const node = image.allocate(nodeWords(length, count));
  const { words, bytes } = image;
  words[node + NODE.hash] = hash;
  let flags = 0;
  for (let i = 0; i < count; i++) {
    const set = sets[i]!;
    words[node + NODE.sets + i] = set;
    flags |= flagOf(image.setType(set));
  }
  words[node + NODE.meta] = (length << 24) | (flags << 16) | count;
  const at = (node + NODE.sets + count) << 2;
  for (let i = 0; i < length; i++) bytes[at + i] = name[start + i]!;
  image.enter(node);
  return node;
}

/** Makes something known of a node. */
export function flag(image: Image, node: number, flags: number): void {
  image.words[node + NODE.meta]! |= flags << 16;
}

/** Adds a node and what it holds to the sums of a version, or takes it away. */
export function countNode(image: Image, root: number, node: number, sign: 1 | -1): void {
  const { words } = image;
  const flags = image.flags(node);
  // The apex, whose NS is no cut, has no octets of its own.
  const name = image.nameOctets(node);
  if (name > 0 && (flags & HAS.ns) !== 0) words[root + ROOT.cuts]! += sign;
  if ((flags & HAS.dname) !== 0) words[root + ROOT.dnames]! += sign;
  let records = 0;
  let octets = 0;
  let size = nodeWords(name, image.setCount(node));
  for (let i = image.setCount(node) - 1; i >= 0; i--) {
    const set = image.setAt(node, i);
    const count = image.setSize(set);
    records += count;
    size += setWords(image.setOctets(set));
    // Each record: its name and root label, RECORD_FIXED, RDATA, whose length octets stand for none of it.
    octets += count * (name + RECORD_FIXED - 1) + image.setOctets(set);
  }
  words[root + ROOT.records]! += sign * records;
  words[root + ROOT.octets]! += sign * octets;
  words[root + ROOT.words]! += sign * size;
}

/**
 * Writes an index of 2^`bits` slots that holds nothing yet. Gives where its pages begin, which stand one behind the other: so long as
 * nobody has changed it, a slot is found without the levels above.
 */
export function makeIndex(image: Image, root: number, bits: number): number {
  const tops = topWords(bits);
  const middle = 1 << middleBits(bits);
  const page = pageWords(bits);
  const top = image.allocate(tops + tops * middle + tops * middle * page);
  const tables = top + tops;
  const pages = tables + tops * middle;
  const { words } = image;
  words[root + ROOT.bits] = bits;
  words[root + ROOT.top] = top;
  for (let i = 0; i < tops; i++) words[top + i] = tables + i * middle;
  for (let i = 0; i < tops * middle; i++) words[tables + i] = pages + i * page;
  return pages;
}

/** The slot of a hash in an index that was made just now. */
export function slotOf(pages: number, bits: number, hash: number): number {
  return pages + (spread(hash) >>> (32 - bits));
}
