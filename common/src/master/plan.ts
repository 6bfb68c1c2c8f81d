/**
 * Which entries of a file a change touches: entries that go, entries that say something else, and places where new ones are put.
 *
 * Records that go and records that come are paired within their RRset, so that a new SERIAL or address is a change of a line and
 * not another line. A record that is already there with another TTL changes its TTL.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import type { Survey } from './survey.ts';
import type { TouchedOwner, TouchedSet } from './touched.ts';

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

export function planEdit(survey: Survey): EditPlan {
  const planner = new Planner(survey);
  // What belongs to an owner that stands there already comes before new owners.
  const isNew = ({ entries }: TouchedOwner): boolean => entries.length === 0;
  for (const owner of survey.owners) if (!isNew(owner)) planner.plan(owner);
  for (const owner of survey.owners) if (isNew(owner)) planner.plan(owner);
  return planner;
}

class Planner implements EditPlan {
  readonly dropped = new Set<number>();
  readonly replaced = new Map<number, ResourceRecord>();
  readonly additions = new Map<number, Addition[]>();
  readonly #survey: Survey;

  constructor(survey: Survey) {
    this.#survey = survey;
  }

  plan(owner: TouchedOwner): void {
    const rest = [...owner.sets.values()].map((set) => ({ set, added: this.#pair(set) }));
    for (const { set, added } of rest) if (set.last !== undefined) this.#place(added, set.last);
    const kept = owner.entries.findLast((entry) => !this.dropped.has(entry));
    const fresh = rest.filter(({ set, added }) => set.last === undefined && added.length > 0);
    const [first] = fresh;
    const type = fresh.length === 1 ? first!.added[0]!.type : undefined;
    const anchor = kept ?? owner.entries.at(-1) ?? (first && this.#sectionEnd(owner.name, type));
    for (const { added } of fresh) this.#place(added, anchor);
  }

  /** Settles what can be done in place, marks what goes, and gives back what needs lines of its own. */
  #pair(set: TouchedSet): ResourceRecord[] {
    const added = new Map([...set.added].filter(([key]) => !this.#survey.known.has(key)));
    const hits = set.hits.filter(({ key, isRemoved }) => isRemoved || added.has(key));
    const free: number[] = [];
    const settled = new Set<string>();
    const isUniform = new Map<string, boolean>();
    for (const { key, ttl, isRemoved } of hits) {
      const isSame = !isRemoved && ttl === added.get(key)?.ttl;
      isUniform.set(key, isSame && (isUniform.get(key) ?? true));
    }
    for (const { entry, key } of hits) {
      if (isUniform.get(key)) continue;
      const record = added.get(key);
      if (record === undefined) free.push(entry);
      else this.replaced.set(entry, record);
      settled.add(key);
    }
    for (const key of [...settled, ...isUniform.keys()]) added.delete(key);
    const rest = [...added.values()];
    const { ttl, least } = set;
    if (ttl !== undefined && least?.isWritten && least.record.ttl !== ttl)
      this.replaced.set(least.entry, { ...least.record, ttl });
    for (const [i, entry] of free.entries()) {
      // A SOA that stands twice, as in what a transfer gave, goes on to do so.
      const next = rest[i] ?? (rest[0]?.type === TYPE.SOA ? rest[0] : undefined);
      if (next === undefined) this.dropped.add(entry);
      else this.replaced.set(entry, next);
    }
    return rest.slice(free.length);
  }

  #place(records: readonly ResourceRecord[], anchor: number | undefined): void {
    if (records.length === 0) return;
    const at = anchor ?? this.#survey.entries - 1;
    const list = this.additions.get(at) ?? [];
    this.additions.set(at, list);
    for (const record of records) list.push({ record, model: anchor });
  }

  /**
   * New owners stand at the end of the records whose $ORIGIN is nearest above them; comments at the end of a file stay there. Where
   * records of one type stand together there, one of a single type stands at their end.
   */
  #sectionEnd(owner: Name, type: number | undefined): number | undefined {
    for (let above: Name | undefined = owner; above !== undefined; above = above.parent()) {
      const section = this.#survey.sections.get(above.key);
      if (section === undefined) continue;
      const block = type === undefined ? undefined : section.blocks.get(type);
      const isBlock = block !== undefined && block.runs === 1 && block.owners > 1 && !block.isCut;
      return isBlock ? block.last : section.last;
    }
    return this.#survey.lastRecord;
  }
}
