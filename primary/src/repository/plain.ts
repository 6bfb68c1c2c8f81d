/**
 * Deltas and keys as plain data, for another thread: octets (`record-octets.ts`) and numbers instead of objects with methods. Trusts
 * its input: it comes from this program.
 */
import { type Key, keyOfRecord } from '@zonewright/common/authority/key';
import { limitKey } from '@zonewright/common/authority/key-limits';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import type { Delta } from '@zonewright/common/zone/delta';
import { readRecords, writeRecords } from '@zonewright/common/zone/record-octets';
import type { ZoneHandle } from '@zonewright/common/zone/zone';

/** A {@link Delta} but its origin. */
export interface PlainDelta {
  readonly from: number;
  readonly to: number;
  readonly removed: Uint8Array;
  readonly added: Uint8Array;
}

export interface PlainKey {
  /** Wire form. */
  readonly name: Uint8Array;
  /** RDATA of its DNSKEY record: holds the secret. */
  readonly rdata: Uint8Array;
  /** Of its limits. */
  readonly limits?: string;
}

export { readRecords as recordsOfPlain };

export function plainRecords(records: readonly ResourceRecord[]): Uint8Array {
  return writeRecords([records]);
}

export function plainDelta({ from, to, removed, added }: Delta): PlainDelta {
  return { from, to, removed: plainRecords(removed), added: plainRecords(added) };
}

export function deltaOfPlain(origin: Name, { from, to, removed, added }: PlainDelta): Delta {
  return { origin, from, to, removed: [...readRecords(removed)], added: [...readRecords(added)] };
}

export function plainKey({ name, algorithm, secret, limits }: Key): PlainKey {
  const rdata = Uint8Array.of(0, 0, 3, algorithm.number, ...secret.export());
  return { name: name.wire, rdata, ...(limits === undefined ? {} : { limits: limits.text }) };
}

export function keyOfPlain({ name, rdata, limits }: PlainKey): Key {
  const owner = Name.fromWire(name);
  if (!owner.ok) throw new Error(`a key with ${owner.fault.what}`);
  const key = keyOfRecord({ name: owner.value, type: TYPE.DNSKEY, class: CLASS.IN, ttl: 0, rdata });
  const limited = key.ok && limits !== undefined ? limitKey(key.value, limits) : key;
  if (!limited.ok) throw new Error(limited.fault.what);
  return limited.value;
}

/** A version of a zone for comparing: without its chain. */
export function withoutChain(handle: ZoneHandle): ZoneHandle {
  return { ...handle, chain: undefined };
}
