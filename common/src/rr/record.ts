/** Resource records (RFC 1035 3.2.1) and sets of them (RFC 2181 5) as values. */
import type { Name } from '../name.ts';
import { CLASS, printClass } from './class.ts';
import { canonicalRdata, printRdata } from './rdata.ts';
import { printType } from './type.ts';

/** One record as it stands in a message or zone file. */
export interface ResourceRecord {
  readonly name: Name;
  readonly type: number;
  readonly class: number;
  /** Seconds, 0..2^32-1 on the wire; values above 2^31-1 mean 0 (RFC 2181 8). */
  readonly ttl: number;
  /** Wire form, names uncompressed. */
  readonly rdata: Uint8Array;
}

/** All records of one name and type, class IN. One TTL for all (RFC 2181 5.2). */
export interface RRset {
  readonly name: Name;
  readonly type: number;
  readonly ttl: number;
  /** At least one, no two the same in canonical form. */
  readonly rdatas: readonly Uint8Array[];
}

/** Records to take away, and then to put in. Removing compares without TTL (RFC 2136 1.1.1). */
export interface RecordChange {
  readonly removed: readonly ResourceRecord[];
  readonly added: readonly ResourceRecord[];
}

export const MAX_TTL = 2 ** 31 - 1;

/** What a TTL that was received means, seconds: with its uppermost bit set it is zero (RFC 2181 8). */
export function meantTtl(ttl: number): number {
  return ttl > MAX_TTL ? 0 : ttl;
}

/** A string that is equal for equal RDATA (canonical form). */
export function rdataKey(type: number, rdata: Uint8Array): string {
  const { buffer, byteOffset, length } = canonicalRdata(type, rdata);
  return Buffer.from(buffer, byteOffset, length).toString('latin1');
}

/** A string that is equal for records that are the same but for their TTL (RFC 2136 1.1.1). */
export function recordKey(record: Pick<ResourceRecord, 'name' | 'type' | 'rdata'>): string {
  // The length keeps the octets of the name and those of the RDATA apart.
  return `${record.type} ${record.name.key.length} ${record.name.key}${rdataKey(record.type, record.rdata)}`;
}

/** The records of a set, each made when it is asked for: a set may be large, and its reader slow. */
export function* eachRecord({ name, type, ttl, rdatas }: RRset): Generator<ResourceRecord, void, undefined> {
  for (const rdata of rdatas) yield { name, type, class: CLASS.IN, ttl, rdata };
}

export function recordsOf(rrset: RRset): ResourceRecord[] {
  return [...eachRecord(rrset)];
}

/** Canonical order of RDATA (RFC 4034 6.3). */
export function compareRdata(type: number, a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(canonicalRdata(type, a), canonicalRdata(type, b));
}

/** `NAME TTL CLASS TYPE RDATA` on one line; names relative to `origin` where given. */
export function printRecord(record: ResourceRecord, origin?: Name): string {
  const owner = origin === undefined ? record.name.toString() : record.name.relativeTo(origin);
  return `${owner} ${record.ttl} ${printClass(record.class)} ${printType(record.type)} ${printRdata(record.type, record.rdata, origin)}`;
}
