/**
 * Which entries of a file a change touches: entries that go, entries that say something else, and places where new ones are put.
 *
 * Records that go and records that come are paired within their RRset, so that a new SERIAL or address is a change of a line and
 * not another line. A record that is already there with another TTL changes its TTL; a SOA replaces any other (RFC 1035 5.2).
 */
import type { Name } from '../name.ts';
import { type ResourceRecord, recordKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import type { ZoneFile } from './document.ts';

/** Applied in the order: `removed` go, then `added` come. TTLs of `removed` do not matter. */
export interface RecordChange {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

export interface Addition {
  readonly record: ResourceRecord;
  /** The entry whose layout is taken; none in a file without records. */
  readonly model: number | undefined;
}

export interface EditPlan {
  readonly dropped: ReadonlySet<number>;
  readonly replaced: ReadonlyMap<number, ResourceRecord>;
  /** By the entry behind which they are put; -1 is the beginning of the file. */
  readonly additions: ReadonlyMap<number, readonly Addition[]>;
}

/** One type of one owner, as far as the change is concerned. */
interface TouchedSet {
  readonly removed: Map<string, ResourceRecord>;
  readonly added: Map<string, ResourceRecord>;
  /** Entries that hold a record of either, in the order of the file. */
  readonly hits: { readonly entry: number; readonly key: string; readonly isRemoved: boolean }[];
  last: number | undefined;
}

interface TouchedOwner {
  readonly name: Name;
  readonly sets: Map<number, TouchedSet>;
  readonly entries: number[];
}

function touchedOwners(change: RecordChange): Map<string, TouchedOwner> {
  const owners = new Map<string, TouchedOwner>();
  for (const part of ['removed', 'added'] as const) {
    for (const record of change[part]) {
      const owner = owners.get(record.name.key) ?? { name: record.name, sets: new Map(), entries: [] };
      owners.set(record.name.key, owner);
      const set = owner.sets.get(record.type) ?? { removed: new Map(), added: new Map(), hits: [], last: undefined };
      owner.sets.set(record.type, set);
      set[part].set(recordKey(record), record);
    }
  }
  return owners;
}

/** A number that is equal for equal names, to spare most comparisons: the length and the last octet of the first label. */
function markOf({ wire }: Name): number {
  return (wire.length << 8) | (wire[wire[0]!]! & 0xdf);
}

/**
 * The directives that stand for records which the change concerns (`touched`), and the added records that they stand for already
 * (`known`), by their keys: there is nothing to be done for those.
 */
export function touchedExpansions(
  file: ZoneFile,
  change: RecordChange,
): { readonly touched: ReadonlySet<number>; readonly known: ReadonlySet<string> } {
  const touched = new Set<number>();
  const known = new Set<string>();
  const changed = new Set<string>();
  if (!file.entries.some(({ kind }) => kind === 'expansion')) return { touched, known };
  const owners = touchedOwners(change);
  const marks = new Set([...owners.values()].map(({ name }) => markOf(name)));
  for (const [i, entry] of file.entries.entries()) {
    if (entry.kind !== 'expansion') continue;
    for (const step of entry.steps) {
      if (step.kind !== 'record') continue;
      const { record } = step;
      if (!marks.has(markOf(record.name))) continue;
      const set = owners.get(record.name.key)?.sets.get(record.type);
      if (set === undefined) continue;
      const key = recordKey(record);
      const added = set.added.get(key);
      const isReplaced = record.type === TYPE.SOA && set.added.size > 0;
      if (set.removed.has(key) || isReplaced || (added !== undefined && added.ttl !== record.ttl)) {
        touched.add(i);
        changed.add(key);
      } else if (added !== undefined) known.add(key);
    }
  }
  for (const key of changed) known.delete(key);
  return { touched, known };
}

/** The last record entry of the file under each $ORIGIN. */
interface Sections {
  readonly last: Map<string, number>;
  end: number | undefined;
}

export function planEdit(file: ZoneFile, change: RecordChange): EditPlan {
  const owners = touchedOwners(change);
  const marks = new Set([...owners.values()].map(({ name }) => markOf(name)));
  const sections: Sections = { last: new Map(), end: undefined };
  for (let i = 0; i < file.entries.length; i++) {
    const entry = file.entries[i]!;
    if (entry.kind !== 'record') continue;
    sections.last.set(entry.origin.key, i);
    sections.end = i;
    if (!marks.has(markOf(entry.record.name))) continue;
    const owner = owners.get(entry.record.name.key);
    if (owner === undefined) continue;
    owner.entries.push(i);
    const set = owner.sets.get(entry.record.type);
    if (set === undefined) continue;
    set.last = i;
    const key = recordKey(entry.record);
    const isRemoved = set.removed.has(key) || (entry.record.type === TYPE.SOA && set.added.size > 0);
    if (isRemoved || set.added.has(key)) set.hits.push({ entry: i, key, isRemoved });
  }
  const planner = new Planner(file, sections);
  for (const owner of owners.values()) planner.plan(owner);
  return planner;
}

class Planner implements EditPlan {
  readonly dropped = new Set<number>();
  readonly replaced = new Map<number, ResourceRecord>();
  readonly additions = new Map<number, Addition[]>();
  readonly #file: ZoneFile;
  readonly #sections: Sections;

  constructor(file: ZoneFile, sections: Sections) {
    this.#file = file;
    this.#sections = sections;
  }

  plan(owner: TouchedOwner): void {
    const rest = [...owner.sets.values()].map((set) => ({ set, added: this.#pair(set) }));
    for (const { set, added } of rest) if (set.last !== undefined) this.#place(added, set.last);
    const kept = owner.entries.findLast((entry) => !this.dropped.has(entry));
    const anchor = kept ?? owner.entries.at(-1);
    for (const { set, added } of rest) {
      if (set.last === undefined) this.#place(added, anchor ?? this.#sectionEnd(owner.name));
    }
  }

  /** Settles what can be done in place, marks what goes, and gives back what needs lines of its own. */
  #pair(set: TouchedSet): ResourceRecord[] {
    const added = new Map(set.added);
    const free: number[] = [];
    const settled = new Set<string>();
    const isUniform = new Map<string, boolean>();
    for (const { entry, key, isRemoved } of set.hits) {
      const isSame = !isRemoved && this.#record(entry).ttl === added.get(key)?.ttl;
      isUniform.set(key, isSame && (isUniform.get(key) ?? true));
    }
    for (const { entry, key } of set.hits) {
      if (isUniform.get(key)) continue;
      const record = added.get(key);
      if (record === undefined || settled.has(key)) free.push(entry);
      else this.replaced.set(entry, record);
      settled.add(key);
    }
    for (const key of [...settled, ...isUniform.keys()]) added.delete(key);
    const rest = [...added.values()];
    for (const [i, entry] of free.entries()) {
      const next = rest[i];
      if (next === undefined) this.dropped.add(entry);
      else this.replaced.set(entry, next);
    }
    return rest.slice(free.length);
  }

  #record(entry: number): ResourceRecord {
    const found = this.#file.entries[entry];
    if (found?.kind !== 'record') throw new Error(`entry ${entry} is no record`);
    return found.record;
  }

  #place(records: readonly ResourceRecord[], anchor: number | undefined): void {
    if (records.length === 0) return;
    const at = anchor ?? this.#file.entries.length - 1;
    const list = this.additions.get(at) ?? [];
    this.additions.set(at, list);
    for (const record of records) list.push({ record, model: anchor });
  }

  /** New owners stand at the end of the records whose $ORIGIN is nearest above them; comments at the end of a file stay there. */
  #sectionEnd(owner: Name): number | undefined {
    for (let above: Name | undefined = owner; above !== undefined; above = above.parent()) {
      const last = this.#sections.last.get(above.key);
      if (last !== undefined) return last;
    }
    return this.#sections.end;
  }
}
