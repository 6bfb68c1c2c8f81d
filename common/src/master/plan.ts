/**
 * Which entries of a file a change touches: entries that go, entries that say something else, and places where new ones are put.
 *
 * Records that go and records that come are paired within their RRset, so that a new SERIAL or address is a change of a line and
 * not another line. A record that is already there with another TTL changes its TTL.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
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
  for (const owner of survey.owners) planner.plan(owner);
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
    const anchor = kept ?? owner.entries.at(-1);
    for (const { set, added } of rest) {
      if (set.last === undefined) this.#place(added, anchor ?? this.#sectionEnd(owner.name));
    }
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

  #place(records: readonly ResourceRecord[], anchor: number | undefined): void {
    if (records.length === 0) return;
    const at = anchor ?? this.#survey.entries - 1;
    const list = this.additions.get(at) ?? [];
    this.additions.set(at, list);
    for (const record of records) list.push({ record, model: anchor });
  }

  /** New owners stand at the end of the records whose $ORIGIN is nearest above them; comments at the end of a file stay there. */
  #sectionEnd(owner: Name): number | undefined {
    for (let above: Name | undefined = owner; above !== undefined; above = above.parent()) {
      const last = this.#survey.sections.get(above.key);
      if (last !== undefined) return last;
    }
    return this.#survey.lastRecord;
  }
}
