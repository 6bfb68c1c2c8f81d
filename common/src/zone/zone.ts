/**
 * Zone data behind one interface: find a name, closest encloser, walk in order, snapshot, change.
 *
 * A zone is an immutable value: a change gives a new zone that shares most of its data with the old one, so a reader or a
 * transfer keeps what it began with. Nodes are held in canonical order (the order of {@link Name.key}), where everything below a
 * name directly follows it: an empty non-terminal is a name that has no node, but whose successor is below it.
 *
 * Always holds: exactly one SOA, at the apex; all owners are at or below the apex; class IN.
 */
import type { Name } from '../name.ts';
import { CLASS } from '../rr/class.ts';
import { type ResourceRecord, type RRset, rdataKey, recordsOf } from '../rr/record.ts';
import { readSoa, type Soa } from '../rr/soa.ts';
import { TYPE, typeRow } from '../rr/type.ts';
import { after, before, find, fromSorted, insert, remove, type Tree, walk } from './tree.ts';

/** All sets of one name. */
export interface ZoneNode {
  readonly name: Name;
  readonly rrsets: ReadonlyMap<number, RRset>;
}

/** Records to take away and to put in. Removing compares without TTL (RFC 2136 1.1.1). */
export interface RecordChange {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

export class Zone {
  readonly origin: Name;
  readonly #nodes: Tree<ZoneNode>;
  #soa: Soa | undefined;

  private constructor(origin: Name, nodes: Tree<ZoneNode>) {
    this.origin = origin;
    this.#nodes = nodes;
  }

  /**
   * Builds a zone. Records outside of it or not of class IN are left out; of the records of a set that differ in TTL the
   * smallest TTL counts (RFC 2181 5.2). `undefined` when there is not exactly one SOA at the apex.
   */
  static fromRecords(origin: Name, records: Iterable<ResourceRecord>): Zone | undefined {
    const nodes = new Map<string, { name: Name; records: ResourceRecord[] }>();
    for (const record of records) {
      if (record.class !== CLASS.IN || !record.name.isSubdomainOf(origin)) continue;
      const entry = nodes.get(record.name.key);
      if (entry === undefined) nodes.set(record.name.key, { name: record.name, records: [record] });
      else entry.records.push(record);
    }
    const entries = [...nodes].map(([key, entry]) => [key, nodeOf(entry.name, entry.records)] as const);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const zone = new Zone(origin, fromSorted(entries));
    return zone.get(origin, TYPE.SOA)?.rdatas.length === 1 ? zone : undefined;
  }

  get soaSet(): RRset {
    return this.get(this.origin, TYPE.SOA)!;
  }

  get soa(): Soa {
    this.#soa ??= readSoa(this.soaSet.rdatas[0]!);
    return this.#soa;
  }

  get serial(): number {
    return this.soa.serial;
  }

  /** The node of a name; `undefined` for names that do not exist and for empty non-terminals. */
  find(name: Name): ZoneNode | undefined {
    return find(this.#nodes, name.key);
  }

  get(name: Name, type: number): RRset | undefined {
    return this.find(name)?.rrsets.get(type);
  }

  /** Does the name exist, be it as an empty non-terminal (RFC 4592 2.2.2)? */
  exists(name: Name): boolean {
    return this.find(name) !== undefined || this.hasChildren(name);
  }

  /** Is there any node below the name? */
  hasChildren(name: Name): boolean {
    return after(this.#nodes, name.key)?.key.startsWith(name.key) ?? false;
  }

  /** The deepest existing name at or above `name`, which is at or below the apex (RFC 4592 3.3.1). */
  closestEncloser(name: Name): Name {
    if (this.exists(name)) return name;
    const previous = before(this.#nodes, name.key)?.value.name ?? this.origin;
    const next = after(this.#nodes, name.key)?.value.name ?? this.origin;
    const left = name.commonAncestor(previous);
    const right = name.commonAncestor(next);
    return left.labelCount >= right.labelCount ? left : right;
  }

  /** The zone cut (NS below the apex) nearest to the apex that `name` is at or below (RFC 1034 4.2). */
  cutAt(name: Name): RRset | undefined {
    const own = this.origin.labelCount;
    for (let count = own + 1; count <= name.labelCount; count++) {
      const cut = this.get(name.ancestor(count), TYPE.NS);
      if (cut !== undefined) return cut;
    }
    return undefined;
  }

  /** The DNAME nearest to the apex that `name` is below (RFC 6672 3.2). */
  dnameAbove(name: Name): RRset | undefined {
    for (let count = this.origin.labelCount; count < name.labelCount; count++) {
      const dname = this.get(name.ancestor(count), TYPE.DNAME);
      if (dname !== undefined) return dname;
    }
    return undefined;
  }

  /** All nodes in canonical order, from `from` on. */
  *nodes(from?: Name): Generator<ZoneNode, void, undefined> {
    for (const { value } of walk(this.#nodes, from?.key)) yield value;
  }

  /** All records but the SOA, in canonical order of their owners. */
  *records(): Generator<ResourceRecord, void, undefined> {
    for (const node of this.nodes()) {
      for (const rrset of node.rrsets.values()) if (rrset.type !== TYPE.SOA) yield* recordsOf(rrset);
    }
  }

  /** The SOA as a record. */
  soaRecord(): ResourceRecord {
    return recordsOf(this.soaSet)[0]!;
  }

  /**
   * The zone with records taken away and put in, in this order. The TTL of an added record becomes that of its whole set;
   * of a type that allows one record, an added one replaces it. `undefined` when no single SOA would be left.
   */
  change(change: RecordChange): Zone | undefined {
    const touched = new Map<string, { name: Name; removed: ResourceRecord[]; added: ResourceRecord[] }>();
    const at = (record: ResourceRecord): { removed: ResourceRecord[]; added: ResourceRecord[] } => {
      const entry = touched.get(record.name.key) ?? { name: record.name, removed: [], added: [] };
      touched.set(record.name.key, entry);
      return entry;
    };
    for (const record of change.removed) at(record).removed.push(record);
    for (const record of change.added) if (record.name.isSubdomainOf(this.origin)) at(record).added.push(record);
    let nodes = this.#nodes;
    for (const [key, entry] of touched) {
      const rrsets = changeSets(find(nodes, key)?.rrsets ?? new Map(), entry.removed, entry.added);
      nodes =
        rrsets.size === 0
          ? remove(nodes, key)
          : insert(nodes, key, { name: find(nodes, key)?.name ?? entry.name, rrsets });
    }
    const zone = new Zone(this.origin, nodes);
    return zone.get(this.origin, TYPE.SOA)?.rdatas.length === 1 ? zone : undefined;
  }
}

function nodeOf(name: Name, records: readonly ResourceRecord[]): ZoneNode {
  const sets = new Map<number, { ttl: number; byKey: Map<string, Uint8Array> }>();
  for (const record of records) {
    const set = sets.get(record.type) ?? { ttl: record.ttl, byKey: new Map() };
    sets.set(record.type, set);
    set.ttl = Math.min(set.ttl, record.ttl);
    const key = rdataKey(record.type, record.rdata);
    if (!set.byKey.has(key)) set.byKey.set(key, record.rdata);
  }
  return {
    name,
    rrsets: new Map(
      [...sets].map(([type, set]) => [type, { name, type, ttl: set.ttl, rdatas: [...set.byKey.values()] }]),
    ),
  };
}

function changeSets(
  old: ReadonlyMap<number, RRset>,
  removed: readonly ResourceRecord[],
  added: readonly ResourceRecord[],
): ReadonlyMap<number, RRset> {
  const rrsets = new Map(old);
  for (const type of new Set([...removed, ...added].map((record) => record.type))) {
    const before = old.get(type);
    const byKey = new Map(before?.rdatas.map((rdata) => [rdataKey(type, rdata), rdata]));
    let ttl = before?.ttl ?? 0;
    for (const record of removed) if (record.type === type) byKey.delete(rdataKey(type, record.rdata));
    for (const record of added) {
      if (record.type !== type) continue;
      if (typeRow(type)?.isSingle) byKey.clear();
      byKey.set(rdataKey(type, record.rdata), record.rdata);
      ttl = record.ttl;
    }
    const name = before?.name ?? [...removed, ...added][0]!.name;
    if (byKey.size === 0) rrsets.delete(type);
    else rrsets.set(type, { name, type, ttl, rdatas: [...byKey.values()] });
  }
  return rrsets;
}
