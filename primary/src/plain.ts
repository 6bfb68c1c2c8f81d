/**
 * Records, deltas and keys as plain data, for another thread: octets and numbers instead of objects with methods.
 *
 * A record is its name uncompressed, type, class, TTL, length and RDATA, as on the wire (RFC 1035 3.2.1). Trusts its input: it comes
 * from this program.
 */
import { type Key, keyOfRecord } from '@zonewright/common/authority/key';
import { limitKey } from '@zonewright/common/authority/key-limits';
import { Name } from '@zonewright/common/name';
import { put16, Reader } from '@zonewright/common/octets';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import type { Delta } from '@zonewright/common/zone/delta';
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

/** Octets of type, class, TTL and length. */
const FIXED = 10;

export function plainRecords(records: readonly ResourceRecord[]): Uint8Array {
  const size = records.reduce((sum, { name, rdata }) => sum + name.wire.length + FIXED + rdata.length, 0);
  const octets = new Uint8Array(size);
  let at = 0;
  for (const { name, type, class: of, ttl, rdata } of records) {
    octets.set(name.wire, at);
    at += name.wire.length;
    put16(octets, at, type);
    put16(octets, at + 2, of);
    put16(octets, at + 4, ttl >>> 16);
    put16(octets, at + 6, ttl & 0xffff);
    put16(octets, at + 8, rdata.length);
    octets.set(rdata, at + FIXED);
    at += FIXED + rdata.length;
  }
  return octets;
}

export function* recordsOfPlain(octets: Uint8Array): Generator<ResourceRecord, void, undefined> {
  for (let at = 0; at < octets.length; ) {
    // One for each record: a reader reads no more names than a message can have.
    const reader = new Reader(octets, at);
    const name = reader.name(false);
    const [type, of, ttl] = [reader.u16(), reader.u16(), reader.u32()];
    const rdata = reader.bytes(reader.u16()).slice();
    if (reader.fault !== undefined) throw new Error(`plain records with ${reader.fault.what}`);
    at = reader.offset;
    yield { name, type, class: of, ttl, rdata };
  }
}

export function plainDelta({ from, to, removed, added }: Delta): PlainDelta {
  return { from, to, removed: plainRecords(removed), added: plainRecords(added) };
}

export function deltaOfPlain(origin: Name, { from, to, removed, added }: PlainDelta): Delta {
  return { origin, from, to, removed: [...recordsOfPlain(removed)], added: [...recordsOfPlain(added)] };
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
