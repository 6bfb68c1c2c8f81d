/**
 * Taking back what one version of a zone changed, on a later version: record by record, so that what came after it stays.
 *
 * A set of records that has been changed again since is a conflict: what was added to it is not there as it was, or what was taken
 * away as its last record would come back beside others. A set that is already as it was before has nothing to be done. The
 * SOA counts without its serial, and as a whole.
 */
import type { Name } from '@zonewright/common/name';
import { type RecordChange, type ResourceRecord, type RRset, rdataKey } from '@zonewright/common/rr/record';
import { contentOf, diffZones, isSoaEdited } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';

export interface Conflict {
  /** `changed`: it was added, and is not there as it was. `taken`: it was removed, and others have its place. */
  readonly kind: 'changed' | 'taken';
  readonly record: ResourceRecord;
}

export interface Reversal {
  readonly change: RecordChange;
  readonly conflicts: readonly Conflict[];
}

/** What takes back, on `head`, what led from `before` to `after`. With conflicts it goes as far as it can. */
export function reverse(before: Zone, after: Zone, head: Zone): Reversal {
  const removed: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  const conflicts: Conflict[] = [];
  for (const set of setsOf(contentOf(diffZones(before, after)))) {
    const now = new PresentSet(head.get(set.name, set.type));
    if (isAsBefore(set, now)) continue;
    const isRemoval = set.added.length === 0;
    const wasEmptied = isRemoval && after.sizeOf(set.name, set.type) === 0;
    for (const record of set.added) {
      if (!now.has(record)) conflicts.push({ kind: 'changed', record });
      removed.push(record);
    }
    for (const record of set.removed) {
      if (wasEmptied && now.ttl !== undefined) conflicts.push({ kind: 'taken', record });
      // Beside what stayed it has the TTL of that.
      added.push(isRemoval && now.ttl !== undefined ? { ...record, ttl: now.ttl } : record);
    }
  }
  if (isSoaEdited(before, after) && isSoaEdited(before, head)) {
    if (isSoaEdited(after, head)) conflicts.push({ kind: 'changed', record: after.soaRecord() });
    added.push(before.soaRecord());
  }
  return { change: { removed, added }, conflicts };
}

/** What makes the records of `head` those of `wanted`. */
export function restore(wanted: Zone, head: Zone): RecordChange {
  const { removed, added } = contentOf(diffZones(head, wanted));
  return { removed, added: isSoaEdited(wanted, head) ? [...added, wanted.soaRecord()] : added };
}

/** What changed of the records of one name and type. */
interface ChangedSet extends RecordChange {
  readonly name: Name;
  readonly type: number;
}

function setsOf({ removed, added }: RecordChange): Iterable<ChangedSet> {
  const sets = new Map<string, { name: Name; type: number; removed: ResourceRecord[]; added: ResourceRecord[] }>();
  const setOf = ({ name, type }: ResourceRecord): { removed: ResourceRecord[]; added: ResourceRecord[] } => {
    const key = `${type} ${name.key}`;
    const set = sets.get(key) ?? { name, type, removed: [], added: [] };
    sets.set(key, set);
    return set;
  };
  for (const record of removed) setOf(record).removed.push(record);
  for (const record of added) setOf(record).added.push(record);
  return sets.values();
}

/** Has a set all that was removed, and nothing of what was added in its place? */
function isAsBefore({ removed, added }: ChangedSet, now: PresentSet): boolean {
  const before = new Set(removed.map(keyOf));
  return (
    removed.every((record) => now.has(record)) && added.every((it) => before.has(keyOf(it)) || !now.hasLoosely(it))
  );
}

const keyOf = ({ type, rdata }: ResourceRecord): string => rdataKey(type, rdata);

/** A set as it is now, or none. */
class PresentSet {
  readonly ttl: number | undefined;
  readonly #keys: ReadonlySet<string>;

  constructor(set: RRset | undefined) {
    this.ttl = set?.ttl;
    this.#keys = new Set(set?.rdatas.map((rdata) => rdataKey(set.type, rdata)));
  }

  has(record: ResourceRecord): boolean {
    return record.ttl === this.ttl && this.hasLoosely(record);
  }

  /** With whatever TTL. */
  hasLoosely(record: ResourceRecord): boolean {
    return this.#keys.has(keyOf(record));
  }
}
