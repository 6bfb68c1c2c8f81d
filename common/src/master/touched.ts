/** What a change of records touches in a file: names, sets of records, and the entries that hold them. */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { type RecordChange, type ResourceRecord, recordKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import type { ScannedRecord } from './scan.ts';

/** What a file is to say otherwise. */
export interface FileChange extends RecordChange {
  /**
   * A set of which records only go keeps the TTL that they have in `removed`, as its least one in the file (RFC 2181 5.2).
   * Without this, TTLs of `removed` do not matter.
   */
  readonly areTtlsKept?: boolean;
}

/** A record that the change concerns, where it stands in the file. */
export interface Hit {
  readonly key: string;
  readonly ttl: number;
  readonly isRemoved: boolean;
}

type RecordsByKey = Map<string, ResourceRecord>;

/** One type of one owner, as far as the change is concerned. */
export interface TouchedSet {
  readonly removed: RecordsByKey;
  readonly added: RecordsByKey;
  /** In the order of the file. */
  readonly hits: (Hit & { readonly entry: number })[];
  /** The last entry that holds a record of this type. */
  last: number | undefined;
  /** The TTL that those which stay are to have as their least one; `undefined` where that does not matter. */
  ttl: number | undefined;
  /** Of the records that stay, the first with the least TTL, and the entry that stands for it. */
  least: { readonly record: ResourceRecord; readonly entry: number; readonly isWritten: boolean } | undefined;
}

export interface TouchedOwner {
  readonly name: Name;
  readonly sets: Map<number, TouchedSet>;
  readonly entries: number[];
}

/** The owners of a change, to be found again among those of a file. */
export class TouchedOwners implements Iterable<TouchedOwner> {
  readonly #owners = new Map<string, TouchedOwner>();
  /** 1 for each mark of these owners: most names of a file are passed over by a look at it. */
  readonly #marks = new Uint8Array(MARKS);
  /** The owner that was asked for last, by its number. */
  #number = -1;
  #found: TouchedOwner | undefined;

  constructor({ removed, added, areTtlsKept = false }: FileChange) {
    for (const record of removed) {
      const set = this.#setOf(record);
      set.removed.set(recordKey(record), record);
      if (areTtlsKept) set.ttl = record.ttl;
    }
    for (const record of added) {
      const set = this.#setOf(record);
      set.added.set(recordKey(record), record);
      set.ttl = undefined;
    }
  }

  [Symbol.iterator](): Iterator<TouchedOwner> {
    return this.#owners.values();
  }

  /** The owner of a record, if it is one of these. */
  of(record: ScannedRecord): TouchedOwner | undefined {
    if (record.ownerNumber !== this.#number) {
      this.#number = record.ownerNumber;
      const isLikely = this.#marks[markOf(record.owner, record.ownerLength)] === 1;
      this.#found = isLikely ? this.#owners.get(record.name.key) : undefined;
    }
    return this.#found;
  }

  #setOf({ name, type }: ResourceRecord): TouchedSet {
    this.#marks[markOf(name.wire, name.wire.length)] = 1;
    const owner = this.#owners.get(name.key) ?? { name, sets: new Map(), entries: [] };
    this.#owners.set(name.key, owner);
    const set = owner.sets.get(type) ?? emptySet();
    owner.sets.set(type, set);
    return set;
  }
}

const emptySet = (): TouchedSet => ({
  removed: new Map(),
  added: new Map(),
  hits: [],
  last: undefined,
  ttl: undefined,
  least: undefined,
});

/** A record that stays, if its TTL is the least so far of a set whose TTL matters. */
export function leastOf(
  { ttl: wanted, least }: TouchedSet,
  { name, type, ttl, rdata }: ScannedRecord,
): ResourceRecord | undefined {
  if (wanted === undefined || (least !== undefined && least.record.ttl <= ttl)) return undefined;
  return { name, type, class: CLASS.IN, ttl, rdata };
}

/** What a record that stands in the file has to do with the change of its set. A SOA replaces any other (RFC 1035 5.2). */
export function hitOf(set: TouchedSet, { name, type, ttl, rdata }: ScannedRecord): Hit | undefined {
  const key = recordKey({ name, type, rdata });
  const isRemoved = set.removed.has(key) || (type === TYPE.SOA && set.added.size > 0);
  return isRemoved || set.added.has(key) ? { key, ttl, isRemoved } : undefined;
}

const MARKS = 0x1000;

/** A number below {@link MARKS} that is equal for equal names, made of the first label and the length. */
function markOf(wire: Uint8Array, length: number): number {
  let mark = length;
  for (let at = wire[0]!; at > 0; at--) mark = (mark * 31 + (wire[at]! & 0xdf)) & (MARKS - 1);
  return mark;
}
