/**
 * The latest changes of a zone, so that an IXFR (RFC 1995) can be answered from a serial that is not the current one.
 * A bounded chain: each delta starts at the serial where the one before ended; anything else starts the chain anew.
 */
import type { Name } from '../name.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { condense } from './condense.ts';
import type { Delta } from './delta.ts';

/** Deltas kept for a zone, and records and octets in all of them: what an IXFR longer than this costs, an AXFR does better. */
export const MAX_DELTAS = 1000;
export const MAX_RECORDS = 100_000;
export const MAX_OCTETS = 16 * 2 ** 20;
/** Records of a chain that is condensed: more would take longer than a server may be busy, so they go as they are. */
const MAX_CONDENSED = 5_000;
/** What the type, class, TTL and length of a record take, and the pointer or root label that ends its owner. */
const RECORD_OCTETS = 11;

/** A way from an older version to the newest. */
export interface Difference {
  readonly deltas: readonly Delta[];
  /** Records in all of them, SOAs included. */
  readonly records: number;
  /** Of these in wire form, names uncompressed but without the origin, as in {@link Zone.octets}. */
  readonly octets: number;
}

export class History {
  #differences: Difference[] = [];
  #newest: number | undefined;
  #records = 0;
  #octets = 0;
  /** The last result of {@link shortest}: several secondaries ask for the same. */
  #shortest: { readonly from: number; readonly difference: Difference } | undefined;

  add(delta: Delta): void {
    if (this.#newest !== delta.from) this.clear();
    const latest = differenceOf(delta);
    this.#shortest = undefined;
    this.#newest = delta.to;
    this.#differences.push(latest);
    this.#records += latest.records;
    this.#octets += latest.octets;
    let drop = 0;
    while (drop < this.#differences.length && this.#isTooMuch(this.#differences.length - drop)) {
      this.#records -= this.#differences[drop]!.records;
      this.#octets -= this.#differences[drop]!.octets;
      drop++;
    }
    if (drop > 0) this.#differences.splice(0, drop);
  }

  clear(): void {
    this.#differences = [];
    this.#newest = undefined;
    this.#records = 0;
    this.#octets = 0;
    this.#shortest = undefined;
  }

  /** All deltas that are kept, the oldest first. */
  get all(): readonly Delta[] {
    return this.#differences.map(({ deltas }) => deltas[0]!);
  }

  /** The deltas that lead from `serial` to the newest version; `undefined` when the chain does not reach back so far. */
  since(serial: number): readonly Delta[] | undefined {
    return this.#from(serial)?.map(({ deltas }) => deltas[0]!);
  }

  /** The same in the fewest octets: condensed where that is shorter and not too much work. */
  shortest(serial: number): Difference | undefined {
    if (this.#shortest?.from === serial) return this.#shortest.difference;
    const chain = this.#from(serial);
    if (chain === undefined) return undefined;
    const several = {
      deltas: chain.map(({ deltas }) => deltas[0]!),
      records: chain.reduce((sum, { records }) => sum + records, 0),
      octets: chain.reduce((sum, { octets }) => sum + octets, 0),
    };
    const [first, ...rest] = several.deltas;
    const isShort = first !== undefined && rest.length > 0 && several.records <= MAX_CONDENSED;
    const condensed = isShort ? differenceOf(condense([first, ...rest])) : several;
    const difference = condensed.octets < several.octets ? condensed : several;
    this.#shortest = { from: serial, difference };
    return difference;
  }

  #from(serial: number): readonly Difference[] | undefined {
    const start = this.#differences.findLastIndex(({ deltas }) => deltas[0]!.from === serial);
    return start < 0 ? undefined : this.#differences.slice(start);
  }

  #isTooMuch(deltas: number): boolean {
    return deltas > MAX_DELTAS || this.#records > MAX_RECORDS || this.#octets > MAX_OCTETS;
  }
}

/** One change as a way. */
export function differenceOf(delta: Delta): Difference {
  const { origin, removed, added } = delta;
  return {
    deltas: [delta],
    records: removed.length + added.length,
    octets: octetsOf(removed, origin) + octetsOf(added, origin),
  };
}

/** Octets of records in wire form, their names uncompressed but without the origin. */
function octetsOf(records: Iterable<ResourceRecord>, origin: Name): number {
  let octets = 0;
  for (const { name, rdata } of records) octets += name.wire.length - origin.wire.length + RECORD_OCTETS + rdata.length;
  return octets;
}
