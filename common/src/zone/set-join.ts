/**
 * The sets of a name of an image in the making, put together: records of one type that were written apart become one set, records that
 * are the same become one, of TTLs that differ the smallest counts (RFC 2181 5.2), and a signature has the TTL of what it signs
 * (RFC 4034 3).
 *
 * Always holds: a set that is as it is to be stays where it is. A set costs in proportion to its size.
 */
import { read16 } from '../octets.ts';
import { rdataKey } from '../rr/record.ts';
import type { Image } from './image.ts';
import { SET, signedBy } from './image-layout.ts';
import { MAX_SETS, writeSet } from './image-node.ts';
import { areSameOctets } from './lookup-name.ts';

/** Different records of a set among which the same ones are looked for: the rules refuse a set that is so large (`rules/size.ts`). */
const MAX_DISTINCT = 100_000;
/** Records of a set, and sets, of which each is compared with each: for more of them a table is quicker. */
const FEW = 8;

/** Gives the sets, each type once, in the order in which they came. */
export function joinSets(image: Image, sets: readonly number[]): readonly number[] {
  const byKey = new Map<number, number[]>();
  for (const set of sets) {
    const key = image.words[set + SET.key]!;
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [set]);
    else same.push(set);
  }
  const joined = [...byKey.values()].map((same) => joinSame(image, same));
  shareTtls(image, joined);
  return joined;
}

/** Gives signatures the TTL of what they sign, where that is here. Not of a name with so many sets that the rules refuse it. */
export function shareTtls(image: Image, sets: readonly number[]): void {
  const { words } = image;
  if (sets.length > MAX_SETS) return;
  for (const set of sets) {
    const signed = signedBy(words[set + SET.key]!);
    if (signed < 0) continue;
    const other = sets.find((each) => words[each + SET.key] === signed);
    if (other !== undefined) words[set + SET.ttl] = words[other + SET.ttl]!;
  }
}

/** One set out of several of one key. */
function joinSame(image: Image, sets: readonly number[]): number {
  const [first] = sets as readonly [number];
  if (sets.length === 1 && !hasDoubles(image, first)) return first;
  const rdatas: Uint8Array[] = [];
  let ttl = image.setTtl(first);
  for (const set of sets) {
    ttl = Math.min(ttl, image.setTtl(set));
    for (const rdata of rdatasOf(image, set)) rdatas.push(rdata);
  }
  const kept = distinct(image.setType(first), rdatas);
  if (sets.length === 1 && kept.length === rdatas.length) return first;
  return writeSet(image, image.words[first + SET.key]!, ttl, kept);
}

/** Can it be told at a glance that there is nothing to join, be it records or sets? */
export function areJoined(image: Image, sets: readonly number[]): boolean {
  if (sets.length > FEW) return false;
  const { words } = image;
  for (let i = 0; i < sets.length; i++) {
    const set = sets[i]!;
    for (let j = 0; j < i; j++) if (words[sets[j]! + SET.key] === words[set + SET.key]) return false;
    if (hasDoubles(image, set)) return false;
  }
  return true;
}

/** Might records of the set be the same? Octets are compared without case, as names in them are (RFC 4034 6.2). */
function hasDoubles(image: Image, set: number): boolean {
  const count = image.setSize(set);
  if (count > FEW) return true;
  const { bytes } = image;
  let at = image.setData(set);
  for (let i = 1; i < count; i++) {
    const next = at + 2 + read16(bytes, at);
    let other = next;
    for (let j = i; j < count; j++) {
      if (areSameOctets(bytes, at, bytes, other, next - at)) return true;
      other += 2 + read16(bytes, other);
    }
    at = next;
  }
  return false;
}

function* rdatasOf(image: Image, set: number): Generator<Uint8Array, void, undefined> {
  const { bytes } = image;
  let at = image.setData(set);
  for (let left = image.setSize(set); left > 0; left--) {
    const next = at + 2 + read16(bytes, at);
    yield bytes.subarray(at + 2, next);
    at = next;
  }
}

function distinct(type: number, rdatas: readonly Uint8Array[]): readonly Uint8Array[] {
  const byKey = new Map<string, Uint8Array>();
  for (const rdata of rdatas) {
    const key = rdataKey(type, rdata);
    if (!byKey.has(key)) byKey.set(key, rdata);
    if (byKey.size > MAX_DISTINCT) return rdatas;
  }
  return [...byKey.values()];
}
