/**
 * What is known of a copy without its records, as octets: the zone, its state, where its snapshot and its deltas stand. Numbers are in network
 * order, names as on the wire.
 */
import { Name } from '@zonewright/common/name';
import { Reader, Writer } from '@zonewright/common/octets';
import type { CopyState } from '@zonewright/common/service/copies';

/** A {@link CopyState} that can be posted: a name is in wire form. */
export interface PlainState extends Omit<CopyState, 'namedBy'> {
  readonly namedBy: 'key' | 'notify' | Uint8Array;
}

export function plainState({ checkedAt, expireAt, namedBy }: CopyState): PlainState {
  return { checkedAt, expireAt, namedBy: typeof namedBy === 'string' ? namedBy : namedBy.wire };
}

export function stateOfPlain({ checkedAt, expireAt, namedBy }: PlainState): CopyState {
  if (typeof namedBy === 'string') return { checkedAt, expireAt, namedBy };
  const name = Name.fromWire(namedBy);
  if (!name.ok) throw new Error(`a catalog with ${name.fault.what}`);
  return { checkedAt, expireAt, namedBy: name.value };
}

/** Deltas of a copy: those numbered `first` to `next`, exclusive; those from `since` on lead from the snapshot to the copy. */
export interface Chain {
  readonly first: number;
  readonly since: number;
  readonly next: number;
  /** Of all of them. */
  readonly octets: number;
  readonly records: number;
}

export interface Head {
  readonly zone: Name;
  readonly state: PlainState;
  /** Of the copy. */
  readonly serial: number;
  readonly snapshot: {
    /** Raised with each. */
    readonly number: number;
    /** In so many values, and octets in them. */
    readonly parts: number;
    readonly octets: number;
  };
  readonly chain: Chain;
}

const FORMAT = 1;
const HEAD_OCTETS = 1024;
const NAMED_BY = ['key', 'notify', 'catalog'] as const;
/** The largest number that is kept, also of time: far beyond any. */
const MOST = 2 ** 48 - 1;

export function writeHead({ zone, state, serial, snapshot, chain }: Head): Uint8Array {
  const writer = new Writer(HEAD_OCTETS);
  writer.u8(FORMAT);
  writer.name(zone);
  const { checkedAt, expireAt, namedBy } = state;
  for (const time of [checkedAt, expireAt]) writer.u48(Math.min(MOST, Math.max(0, Math.trunc(time))));
  writer.u32(serial);
  for (const number of [snapshot.number, snapshot.parts, snapshot.octets]) writer.u48(number);
  for (const number of [chain.first, chain.since, chain.next, chain.octets, chain.records]) writer.u48(number);
  writer.u8(NAMED_BY.indexOf(typeof namedBy === 'string' ? namedBy : 'catalog'));
  if (typeof namedBy !== 'string') writer.bytes(namedBy);
  return writer.octets.slice(0, writer.length);
}

/** `undefined`: nothing that this program has written. */
export function readHead(octets: Uint8Array): Head | undefined {
  const reader = new Reader(octets);
  if (reader.u8() !== FORMAT) return undefined;
  const zone = reader.name(false);
  const [checkedAt, expireAt, serial] = [reader.u48(), reader.u48(), reader.u32()];
  const snapshot = { number: reader.u48(), parts: reader.u48(), octets: reader.u48() };
  const [first, since, next] = [reader.u48(), reader.u48(), reader.u48()];
  const chain = { first, since, next, octets: reader.u48(), records: reader.u48() };
  const by = NAMED_BY[reader.u8()];
  const namedBy = by === 'catalog' ? new Uint8Array(reader.rest()) : by;
  if (reader.fault !== undefined || namedBy === undefined) return undefined;
  return { zone, state: { checkedAt, expireAt, namedBy }, serial, snapshot, chain };
}
