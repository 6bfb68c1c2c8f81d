/**
 * What changed between two versions of a zone: the unit of IXFR (RFC 1995), of the history, and of an edit to a zone file.
 * A record whose TTL alone changed is removed with the old and added with the new one.
 */
import type { Name } from '../name.ts';
import { type RecordChange, type ResourceRecord, rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { recordsAt, type Zone, type ZoneNode } from './zone.ts';

export interface Delta extends RecordChange {
  readonly origin: Name;
  readonly from: number;
  readonly to: number;
  /** The old SOA is the first removed record, the new one the first added. */
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

/** Puts the records of `from` into `into` that `other` has not, or with another TTL. */
function keepMissing(from: readonly ResourceRecord[], other: readonly ResourceRecord[], into: ResourceRecord[]): void {
  const keyOf = ({ type, ttl, rdata }: ResourceRecord): string => `${ttl} ${rdataKey(type, rdata)}`;
  const keys = new Set(other.map(keyOf));
  // Not spread into `push`: a set may hold more records than a call may have arguments.
  for (const record of from) if (!keys.has(keyOf(record))) into.push(record);
}

function recordsOfType(node: ZoneNode | undefined, type: number): readonly ResourceRecord[] {
  const rrset = node?.rrsets.get(type);
  return node === undefined || rrset === undefined ? [] : [...recordsAt(node, rrset)];
}

function diffNodes(
  old: ZoneNode | undefined,
  next: ZoneNode | undefined,
  removed: ResourceRecord[],
  added: ResourceRecord[],
): void {
  if (old === next) return;
  for (const type of new Set([...(old?.rrsets.keys() ?? []), ...(next?.rrsets.keys() ?? [])])) {
    if (type === TYPE.SOA) continue;
    const before = recordsOfType(old, type);
    const after = recordsOfType(next, type);
    keepMissing(before, after, removed);
    keepMissing(after, before, added);
  }
}

function deltaOf(old: Zone, next: Zone, removed: readonly ResourceRecord[], added: readonly ResourceRecord[]): Delta {
  return {
    origin: next.origin,
    from: old.serial,
    to: next.serial,
    removed: [old.soaRecord(), ...removed],
    added: [next.soaRecord(), ...added],
  };
}

/** The difference of two versions of one zone, over all of their names. */
export function diffZones(old: Zone, next: Zone): Delta {
  return diffZonesWithin(old, next, Number.POSITIVE_INFINITY)!;
}

/** The same; `undefined` as soon as it holds more than so many records, the SOAs not counted. */
export function diffZonesWithin(old: Zone, next: Zone, records: number): Delta | undefined {
  const removed: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  for (const [a, b] of old.differences(next)) {
    diffNodes(a, b, removed, added);
    if (removed.length + added.length > records) return undefined;
  }
  return deltaOf(old, next, removed, added);
}

/** How many records the difference holds, the SOAs not counted. */
export function countDifferences(old: Zone, next: Zone): { readonly removed: number; readonly added: number } {
  let [removed, added] = [0, 0];
  for (const [a, b] of old.differences(next)) {
    const gone: ResourceRecord[] = [];
    const come: ResourceRecord[] = [];
    diffNodes(a, b, gone, come);
    removed += gone.length;
    added += come.length;
  }
  return { removed, added };
}

/** The difference of two versions of one zone that is known to lie in `names` and the SOA. */
export function diffNames(old: Zone, next: Zone, names: Iterable<Name>): Delta {
  const removed: ResourceRecord[] = [];
  const added: ResourceRecord[] = [];
  for (const name of new Map([...names].map((name) => [name.key, name])).values())
    diffNodes(old.find(name), next.find(name), removed, added);
  return deltaOf(old, next, removed, added);
}

/** Does anything but the SOA differ? */
export function isEmptyDelta(delta: Delta): boolean {
  return delta.removed.length === 1 && delta.added.length === 1;
}

/** The records of a delta without the two SOAs. */
export function contentOf(delta: Delta): RecordChange {
  return { removed: delta.removed.slice(1), added: delta.added.slice(1) };
}

/** Does the SOA differ in more than its serial? */
export function isSoaEdited(old: Zone, next: Zone): boolean {
  const soaKey = (zone: Zone): string =>
    JSON.stringify([
      zone.soaSet.ttl,
      zone.soa.mname.key,
      zone.soa.rname.key,
      zone.soa.refresh,
      zone.soa.retry,
      zone.soa.expire,
      zone.soa.minimum,
    ]);
  return soaKey(old) !== soaKey(next);
}
