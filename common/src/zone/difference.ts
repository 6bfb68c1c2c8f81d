/** A way from an older version of a zone to a newer one, as the differences of an IXFR have it (RFC 1995 4). */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
import type { Delta } from './delta.ts';

export interface Difference {
  /** The serial that it leads to. */
  readonly to: number;
  /** Records, SOAs included. */
  readonly records: number;
  /** Of these in wire form, names uncompressed but without the origin, as in {@link Zone.octets}. */
  readonly octets: number;
  /** Of each change the old SOA, what is removed, the new SOA, what is added; each record is made when it is asked for. */
  sequence(): Iterable<ResourceRecord>;
}

/** What the type, class, TTL and length of a record take, and the pointer or root label that ends its owner. */
const RECORD_OCTETS = 11;

/** One change as a way. */
export function differenceOf(delta: Delta): Difference {
  const { origin, to, removed, added } = delta;
  return {
    to,
    records: removed.length + added.length,
    octets: octetsOf(removed, origin) + octetsOf(added, origin),
    sequence: () => sequenceOf(delta),
  };
}

function* sequenceOf({ removed, added }: Delta): Generator<ResourceRecord, void, undefined> {
  yield* removed;
  yield* added;
}

/** Octets of records in wire form, their names uncompressed but without the origin. */
function octetsOf(records: Iterable<ResourceRecord>, origin: Name): number {
  let octets = 0;
  for (const { name, rdata } of records) octets += name.wire.length - origin.wire.length + RECORD_OCTETS + rdata.length;
  return octets;
}
