/**
 * The objects of one pack file (gitformat-pack(5), "pack-*.pack files"), each read by where it begins.
 *
 * Of the pack, only what is asked for is read, and what lies beside it, since that is mostly wanted next. An object may be a
 * delta against another one, and so on: of such a chain, two objects and one delta are held at a time.
 */
import { applyDelta } from './delta.ts';
import { inflate } from './inflate.ts';
import { type GitObject, type ObjectType, OID_OCTETS, tooLarge } from './object.ts';
import type { PackCache } from './pack-cache.ts';
import { broken } from './pack-index.ts';

const TYPES: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const OFS_DELTA = 6;
const REF_DELTA = 7;
/** git itself makes chains of 50; hostile ones may be longer. */
const MAX_CHAIN = 4096;
/** The most octets of an object that another one is a delta against, also where that one has to be smaller. */
const MAX_BASE = 64 * 1024 * 1024;
/** No header is longer: a size below 2^53, and a name. */
export const LONGEST_ENTRY_HEADER = 32;
const SIZE_OCTETS = 8;

/** An object as it stands in a pack. */
export interface PackEntry {
  readonly offset: number;
  /** Where its zlib stream begins. */
  readonly data: number;
  /** Octets of what the stream holds: the content, or the delta. */
  readonly size: number;
  /** `undefined`: it is a delta. */
  readonly type: ObjectType | undefined;
  /** What it is a delta against: the offset, or the name, of an object. */
  readonly base: number | string | undefined;
}

/** The entry that begins at `offset`; `octets` are the first ones there. */
export function parseEntry(octets: Buffer, offset: number): PackEntry {
  let at = 0;
  const next = (): number => {
    const octet = octets[at++];
    if (octet === undefined) throw broken();
    return octet;
  };
  let octet = next();
  const kind = (octet >> 4) & 7;
  let size = octet & 15;
  for (let scale = 16; octet >= 0x80; scale *= 128) {
    if (at > SIZE_OCTETS) throw broken();
    octet = next();
    size += (octet & 0x7f) * scale;
  }
  let base: number | string | undefined;
  if (kind === OFS_DELTA) {
    octet = next();
    let back = octet & 0x7f;
    while (octet >= 0x80) {
      octet = next();
      back = (back + 1) * 128 + (octet & 0x7f);
    }
    if (back <= 0 || back > offset) throw broken();
    base = offset - back;
  } else if (kind === REF_DELTA) {
    if (at + OID_OCTETS > octets.length) throw broken();
    base = octets.toString('hex', at, at + OID_OCTETS);
    at += OID_OCTETS;
  } else if (TYPES[kind] === undefined) {
    throw broken();
  }
  return { offset, data: offset + at, size, type: TYPES[kind], base };
}

/** Which object it is whose name is not known. */
export const placed = (offset: number): string => `at octet ${offset} of a pack`;

export class PackFile {
  readonly #file: number;
  readonly #cache: PackCache;
  readonly #number: number;
  /** Where objects begin, ascending, and at the end where the last one ends: an object ends where the next begins. */
  readonly #bounds: Float64Array;

  /** `file`: a descriptor that is open as long as this is used. */
  constructor(file: number, bounds: Float64Array, cache: PackCache) {
    this.#file = file;
    this.#bounds = bounds;
    this.#cache = cache;
    this.#number = cache.add();
  }

  /**
   * The object at `offset`, of at most `limit` octets. `find` tells where in the pack the object of a name begins. `oid`: its name, as far
   * as it is known.
   */
  read(offset: number, limit: number, find: (oid: string) => number | undefined, oid?: string): GitObject {
    const deltas: PackEntry[] = [];
    const nameOf = (at: number): string => (at === offset && oid !== undefined ? oid : placed(at));
    const mostOf = (depth: number): number => (depth === 0 ? limit : Math.max(limit, MAX_BASE));
    let at = offset;
    let object = this.#cache.base(this.#number, at);
    while (object === undefined) {
      const entry = this.#entry(at);
      const most = mostOf(deltas.length);
      if (entry.size > most) throw tooLarge(most, nameOf(at));
      if (entry.type !== undefined) {
        object = { type: entry.type, content: this.#inflated(entry) };
        if (deltas.length > 0) this.#cache.keep(this.#number, at, object);
        break;
      }
      const base = typeof entry.base === 'string' ? find(entry.base) : entry.base;
      if (base === undefined || deltas.length >= MAX_CHAIN) throw broken();
      deltas.push(entry);
      at = base;
      object = this.#cache.base(this.#number, at);
    }
    const { type } = object;
    for (let entry = deltas.pop(); entry !== undefined; entry = deltas.pop()) {
      const most = mostOf(deltas.length);
      const content = applyDelta(object.content, this.#inflated(entry), most, nameOf(entry.offset));
      object = { type, content };
      if (deltas.length > 0) this.#cache.keep(this.#number, entry.offset, object);
    }
    return object;
  }

  #inflated({ offset, data, size }: PackEntry): Buffer {
    const content = inflate(this.#octets(data, this.#end(offset)), size);
    if (content === undefined) throw broken();
    return content;
  }

  #entry(offset: number): PackEntry {
    return parseEntry(this.#octets(offset, Math.min(this.#end(offset), offset + LONGEST_ENTRY_HEADER)), offset);
  }

  #octets(from: number, to: number): Buffer {
    const octets = to < from ? undefined : this.#cache.octets(this.#number, this.#file, from, to);
    if (octets === undefined) throw broken();
    return octets;
  }

  /** Where the object that begins at `offset` ends. */
  #end(offset: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    const end = this.#bounds[low];
    if (end === undefined) throw broken();
    return end;
  }
}
