/**
 * The latest changes of a zone, so that an IXFR (RFC 1995) can be answered from a serial that is not the current one.
 * A bounded chain: each delta starts at the serial where the one before ended; anything else starts the chain anew.
 * Deltas are kept as octets (`kept-delta.ts`): those that are added are not held.
 */
import type { ResourceRecord } from '../rr/record.ts';
import { condense } from './condense.ts';
import type { Delta } from './delta.ts';
import { type Difference, differenceOf } from './difference.ts';
import { KeptDelta } from './kept-delta.ts';

/** Deltas kept for a zone, and records and octets in all of them: what an IXFR longer than this costs, an AXFR does better. */
export const MAX_DELTAS = 1000;
export const MAX_RECORDS = 100_000;
export const MAX_OCTETS = 16 * 2 ** 20;
/** Records of a chain that is condensed: more would take longer than a server may be busy, so they go as they are. */
const MAX_CONDENSED = 5_000;

export class History {
  #chain: KeptDelta[] = [];
  #newest: number | undefined;
  #records = 0;
  #octets = 0;
  /** The last result of {@link shortest}: several secondaries ask for the same. */
  #shortest: { readonly from: number; readonly difference: Difference } | undefined;

  add(delta: Delta): void {
    if (this.#newest !== delta.from) this.clear();
    const latest = differenceOf(delta);
    // It would drop all before it, and then itself.
    if (isTooMuch(1, latest)) this.clear();
    else this.#push(new KeptDelta(delta, latest));
    this.#newest = delta.to;
  }

  #push(latest: KeptDelta): void {
    this.#shortest = undefined;
    this.#chain.push(latest);
    this.#records += latest.records;
    this.#octets += latest.octets;
    let drop = 0;
    while (isTooMuch(this.#chain.length - drop, { records: this.#records, octets: this.#octets })) {
      this.#records -= this.#chain[drop]!.records;
      this.#octets -= this.#chain[drop]!.octets;
      drop++;
    }
    if (drop > 0) this.#chain.splice(0, drop);
  }

  clear(): void {
    this.#chain = [];
    this.#newest = undefined;
    this.#records = 0;
    this.#octets = 0;
    this.#shortest = undefined;
  }

  /** All deltas that are kept, the oldest first. */
  get all(): readonly Delta[] {
    return this.#chain.map(({ delta }) => delta);
  }

  /** The same as octets, as `delta-octets.ts` has them; in memory of their own. */
  get written(): Uint8Array<ArrayBuffer> {
    const octets = new Uint8Array(this.#chain.reduce((sum, { written }) => sum + written.length, 0));
    let at = 0;
    for (const { written } of this.#chain) {
      octets.set(written, at);
      at += written.length;
    }
    return octets;
  }

  /** The deltas that lead from `serial` to the newest version; `undefined` when the chain does not reach back so far. */
  since(serial: number): readonly Delta[] | undefined {
    return this.#from(serial)?.map(({ delta }) => delta);
  }

  /** The same in the fewest octets: condensed where that is shorter and not too much work. */
  shortest(serial: number): Difference | undefined {
    if (this.#shortest?.from === serial) return this.#shortest.difference;
    const chain = this.#from(serial);
    if (chain === undefined) return undefined;
    const several = {
      to: this.#newest!,
      records: chain.reduce((sum, { records }) => sum + records, 0),
      octets: chain.reduce((sum, { octets }) => sum + octets, 0),
      sequence: () => sequenceOf(chain),
    };
    const isShort = chain.length > 1 && several.records <= MAX_CONDENSED;
    const [first, ...rest] = isShort ? chain.map(({ delta }) => delta) : [];
    const condensed = first === undefined ? several : new KeptDelta(condense([first, ...rest]));
    const difference = condensed.octets < several.octets ? condensed : several;
    this.#shortest = { from: serial, difference };
    return difference;
  }

  #from(serial: number): readonly KeptDelta[] | undefined {
    const start = this.#chain.findLastIndex(({ from }) => from === serial);
    return start < 0 ? undefined : this.#chain.slice(start);
  }
}

function isTooMuch(deltas: number, { records, octets }: Pick<Difference, 'records' | 'octets'>): boolean {
  return deltas > MAX_DELTAS || records > MAX_RECORDS || octets > MAX_OCTETS;
}

function* sequenceOf(chain: readonly KeptDelta[]): Generator<ResourceRecord, void, undefined> {
  for (const kept of chain) yield* kept.sequence();
}
