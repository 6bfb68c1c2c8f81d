/**
 * How two versions of a file differ, record by record (key by key): in canonical order (RFC 4034 6), what went before what came. A
 * record whose TTL alone differs is one change. What differs in nothing but the case of names and the order of records is the same:
 * so it is for resolvers, and for signatures.
 *
 * Always holds: no secret of a key is in it, not even of one in a zone, where it does not belong.
 */
import type { Key } from '@zonewright/common/authority/key';
import { Name } from '@zonewright/common/name';
import { canonicalRdata, printRdata } from '@zonewright/common/rr/rdata';
import { type RecordChange, type ResourceRecord, recordKey } from '@zonewright/common/rr/record';
import { printType } from '@zonewright/common/rr/type';
import { isTsigSecret } from '@zonewright/common/zone/check';

export interface RecordDifference {
  /** `ttl`: only the TTL is another. */
  readonly change: 'removed' | 'added' | 'ttl';
  readonly name: string;
  /** Seconds: of a removed record as it was, of others as it is. */
  readonly ttl: number;
  /** Seconds, as it was; where that is what changed. */
  readonly oldTtl?: number;
  readonly type: string;
  /** Presentation form. */
  readonly rdata: string;
}

export interface KeyDifference {
  readonly change: 'removed' | 'added';
  readonly key: string;
  readonly algorithm: string;
}

export type Difference = RecordDifference | KeyDifference;

export function differenceOfRecords({ removed, added }: RecordChange): readonly RecordDifference[] {
  const old = new Map(removed.map((record) => [recordKey(record), record]));
  const kept = new Set(added.map(recordKey).filter((key) => old.has(key)));
  const gone = removed.filter((record) => !kept.has(recordKey(record)));
  const changes = [
    ...gone.map((record) => sorted(record, { change: 'removed' })),
    ...added.map((record) => {
      const before = old.get(recordKey(record));
      return sorted(record, before === undefined ? { change: 'added' } : { change: 'ttl', oldTtl: before.ttl });
    }),
  ];
  return changes.sort(byPlace).map(({ difference }) => difference);
}

/** A key whose secret alone differs went and came. */
export function differenceOfKeys(old: readonly Key[], next: readonly Key[]): readonly KeyDifference[] {
  const lacks = (others: readonly Key[]) => {
    const byName = new Map(others.map((key) => [key.name.key, key]));
    return (key: Key): boolean => !isSameKey(key, byName.get(key.name.key));
  };
  const told = (change: KeyDifference['change'], key: Key): KeyDifference => ({
    change,
    key: key.name.toString(),
    algorithm: key.algorithm.mnemonic,
  });
  return [
    ...old.filter(lacks(next)).map((key) => told('removed', key)),
    ...next.filter(lacks(old)).map((key) => told('added', key)),
  ];
}

const SIGN = { removed: '-', added: '+', ttl: '~' } as const;

/** One line for people: `- RECORD`, `+ RECORD`, `~ RECORD (TTL was N)`. */
export function printDifference(difference: Difference): string {
  const sign = SIGN[difference.change];
  if ('key' in difference) return `${sign} key ${difference.key} ${difference.algorithm}`;
  const { name, ttl, type, rdata, oldTtl } = difference;
  const line = `${sign} ${name} ${ttl} IN ${type} ${rdata}`.trimEnd();
  return oldTtl === undefined ? line : `${line} (TTL was ${oldTtl})`;
}

interface Sorted {
  readonly record: ResourceRecord;
  readonly canonical: Uint8Array;
  readonly difference: RecordDifference;
}

function sorted(record: ResourceRecord, about: Pick<RecordDifference, 'change' | 'oldTtl'>): Sorted {
  const { name, ttl, type, rdata } = record;
  const text = isTsigSecret(type, rdata) ? '(secret)' : printRdata(type, rdata);
  const difference = { ...about, name: name.toString(), ttl, type: printType(type), rdata: text };
  return { record, canonical: canonicalRdata(type, rdata), difference };
}

/** Removals stand first among all that is the same: sorting keeps the order of these. */
function byPlace(a: Sorted, b: Sorted): number {
  return (
    Name.compare(a.record.name, b.record.name) ||
    a.record.type - b.record.type ||
    Number(b.difference.change === 'removed') - Number(a.difference.change === 'removed') ||
    Buffer.compare(a.canonical, b.canonical)
  );
}

function isSameKey(a: Key, b: Key | undefined): boolean {
  if (b === undefined || a.limits?.text !== b.limits?.text) return false;
  return a.algorithm === b.algorithm && a.secret.equals(b.secret);
}
