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
import { eachRecord, type ResourceRecord, type RRset, rdataKey, recordsOf } from '../rr/record.ts';
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
      for (const rrset of node.rrsets.values()) if (rrset.type !== TYPE.SOA) yield* eachRecord(rrset);
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
    const edit = new ZoneEdit(this);
    for (const record of change.removed) edit.remove(record);
    for (const record of change.added) if (record.name.isSubdomainOf(this.origin)) edit.add(record);
    return edit.finish();
  }

  /** The zone with other sets at some names; a name without sets goes. For {@link ZoneEdit}. */
  withNodes(nodes: Iterable<ZoneNode>): Zone | undefined {
    let tree = this.#nodes;
    for (const node of nodes) {
      const { key } = node.name;
      tree = node.rrsets.size === 0 ? remove(tree, key) : insert(tree, key, node);
    }
    const zone = new Zone(this.origin, tree);
    return zone.get(this.origin, TYPE.SOA)?.rdatas.length === 1 ? zone : undefined;
  }
}

/** A set in the making. */
interface Draft {
  ttl: number;
  /** RDATA by its canonical form. */
  readonly byKey: Map<string, Uint8Array>;
}

/**
 * Changes of a zone in the making, one record at a time. Each costs no more than itself however large its set is: a set is taken
 * apart once, when it is first touched, and put together once, by `finish`.
 */
export class ZoneEdit {
  readonly #base: Zone;
  readonly #drafts = new Map<string, { readonly name: Name; readonly sets: Map<number, Draft> }>();

  constructor(base: Zone) {
    this.#base = base;
  }

  /** The types that the name has now. */
  types(name: Name): readonly number[] {
    const drafts = this.#drafts.get(name.key)?.sets;
    const types = [...(this.#base.find(name)?.rrsets.keys() ?? [])].filter((type) => !drafts?.has(type));
    for (const [type, { byKey }] of drafts ?? []) if (byKey.size > 0) types.push(type);
    return types;
  }

  /** How many records the set has now. */
  size(name: Name, type: number): number {
    return this.#drafts.get(name.key)?.sets.get(type)?.byKey.size ?? this.#base.get(name, type)?.rdatas.length ?? 0;
  }

  /** Is there such a record now, whatever its TTL? */
  has(record: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): boolean {
    return this.#draft(record.name, record.type).byKey.has(rdataKey(record.type, record.rdata));
  }

  /** The RDATA of a set now. */
  rdatas(name: Name, type: number): readonly Uint8Array[] {
    return [...this.#draft(name, type).byKey.values()];
  }

  /** Its TTL becomes that of the set (RFC 2181 5.2); where the type allows one record, it replaces what is there. */
  add(record: ResourceRecord): void {
    const draft = this.#draft(record.name, record.type);
    if (typeRow(record.type)?.isSingle) draft.byKey.clear();
    draft.byKey.set(rdataKey(record.type, record.rdata), record.rdata);
    draft.ttl = record.ttl;
  }

  remove(record: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): void {
    this.#draft(record.name, record.type).byKey.delete(rdataKey(record.type, record.rdata));
  }

  removeSet(name: Name, type: number): void {
    this.#draft(name, type).byKey.clear();
  }

  /** The zone with all changes; `undefined` when no single SOA is left. */
  finish(): Zone | undefined {
    const nodes: ZoneNode[] = [];
    for (const { name: given, sets } of this.#drafts.values()) {
      const node = this.#base.find(given);
      const name = node?.name ?? given;
      const rrsets = new Map(node?.rrsets);
      for (const [type, { ttl, byKey }] of sets) {
        if (byKey.size === 0) rrsets.delete(type);
        else rrsets.set(type, { name, type, ttl, rdatas: [...byKey.values()] });
      }
      nodes.push({ name, rrsets });
    }
    return this.#base.withNodes(nodes);
  }

  #draft(name: Name, type: number): Draft {
    const entry = this.#drafts.get(name.key) ?? { name, sets: new Map<number, Draft>() };
    this.#drafts.set(name.key, entry);
    let draft = entry.sets.get(type);
    if (draft === undefined) {
      const base = this.#base.get(name, type);
      draft = { ttl: base?.ttl ?? 0, byKey: new Map(base?.rdatas.map((rdata) => [rdataKey(type, rdata), rdata])) };
      entry.sets.set(type, draft);
    }
    return draft;
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
