/**
 * What is in a pack that a remote has sent, and under which names: what its index is made of (gitformat-pack(5)).
 *
 * The file is gone through twice: in its order, since only unpacking an object tells where it ends, and along the deltas, each
 * after what it is made from. No object may lean on one outside of the pack.
 */
import { crc32 } from 'node:zlib';
import { Failure } from './fault.ts';
import { inflateCounted } from './inflate.ts';
import { type GitObject, OID_OCTETS, objectName, tooLarge } from './object.ts';
import { PackCache, readAt } from './pack-cache.ts';
import { LONGEST_ENTRY_HEADER, PackFile, parseEntry, placed } from './pack-file.ts';
import { broken, type IndexEntry } from './pack-index.ts';

/** The most octets of one object that is taken in; what reads it later has a limit of its own. */
const MAX_INCOMING = 1024 ** 3;
/** The most objects of a pack that is taken in. */
const MAX_PACK_OBJECTS = 2_000_000;
/** Octets of bases that are kept while deltas are resolved: the largest file that can be read later is among them. */
const INDEX_CACHE = 64 * 1024 * 1024;
/** Octets that are looked through at once; more where an object takes more. */
const STRETCH = 1024 * 1024;
const PACK_HEADER = 12;

/** A pack that has been looked through. */
export interface IndexedPack {
  readonly entries: readonly IndexEntry[];
  read(entry: IndexEntry): GitObject;
}

/** Looks through a pack of `size` octets, whose checksum is right. `file`: its descriptor, open as long as objects are read. */
export function indexPack(file: number, size: number): IndexedPack {
  const end = size - OID_OCTETS;
  const found = scan(file, end);
  const bounds = new Float64Array(found.length + 1).fill(end);
  for (const [at, { offset }] of found.entries()) bounds[at] = offset;
  const pack = new PackFile(file, bounds, new PackCache(INDEX_CACHE));
  const byName = new Map<string, number>();
  const read = ({ offset }: { readonly offset: number }): GitObject =>
    pack.read(offset, MAX_INCOMING, (oid) => byName.get(oid));
  return { entries: nameAll(found, byName, read), read };
}

/** What the first pass sees of an object: its name, or what it is a delta against. */
interface Found {
  readonly offset: number;
  readonly crc: number;
  readonly oid: string | undefined;
  readonly base: number | string | undefined;
}

/** The objects from the start of the file to `end`, one after the other. */
function scan(file: number, end: number): Found[] {
  let from = 0;
  let octets = readAt(file, 0, Math.min(STRETCH, end));
  if (octets.length < PACK_HEADER || octets.toString('latin1', 0, 4) !== 'PACK' || octets.readUInt32BE(4) !== 2)
    throw broken();
  const count = octets.readUInt32BE(8);
  if (count > MAX_PACK_OBJECTS)
    throw new Failure('limit', `the remote sent more than ${MAX_PACK_OBJECTS} objects at once`);
  const found: Found[] = [];
  let offset = PACK_HEADER;
  while (found.length < count) {
    const rest = octets.subarray(offset - from);
    const isAll = rest.length >= end - offset;
    const object = rest.length < LONGEST_ENTRY_HEADER && !isAll ? STRETCH : take(rest, offset, isAll);
    if (typeof object === 'number') {
      if (isAll) throw broken();
      octets = readAt(file, offset, Math.min(Math.max(STRETCH, object), end - offset));
      from = offset;
    } else {
      found.push(object);
      offset += object.length;
    }
  }
  if (offset !== end) throw broken();
  return found;
}

/**
 * The object at the start of `octets`, and how many of them it takes. Where it is damaged, or does not end in them, how many to
 * try with: zone files shrink to a quarter or less, and nothing grows by more than a few octets.
 */
function take(octets: Buffer, offset: number, isAll: boolean): (Found & { readonly length: number }) | number {
  const { data, size, type, base } = parseEntry(octets, offset);
  if (size > MAX_INCOMING) throw tooLarge(MAX_INCOMING, placed(offset));
  if (octets.length < size / 8 && !isAll) return Math.ceil(size / 4);
  const inflated = inflateCounted(octets.subarray(data - offset), size);
  if (inflated === undefined) return Math.max(2 * octets.length, size + STRETCH);
  const length = data - offset + inflated.taken;
  const oid = type === undefined ? undefined : objectName(type, inflated.content);
  return { offset, length, crc: crc32(octets.subarray(0, length)), oid, base };
}

/** Names the deltas too, and notes all names in `byName` on the way: who is found is followed by those who wait for it. */
function nameAll(found: readonly Found[], byName: Map<string, number>, read: (at: Found) => GitObject): IndexEntry[] {
  const waiting = new Map<number | string, Found[]>();
  const ready: { readonly object: Found; readonly oid: string }[] = [];
  for (const object of found) {
    const { oid, base } = object;
    if (oid !== undefined) ready.push({ object, oid });
    else if (waiting.get(base!)?.push(object) === undefined) waiting.set(base!, [object]);
  }
  const entries: IndexEntry[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const { object, oid } = next;
    byName.set(oid, object.offset);
    entries.push({ oid, offset: object.offset, crc: object.crc });
    for (const name of [object.offset, oid]) {
      for (const child of waiting.get(name) ?? []) {
        const { type, content } = read(child);
        ready.push({ object: child, oid: objectName(type, content) });
      }
      waiting.delete(name);
    }
  }
  if (entries.length !== found.length) throw broken();
  return entries;
}
