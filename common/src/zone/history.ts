/**
 * The latest changes of a zone, so that an IXFR (RFC 1995) can be answered from a serial that is not the current one.
 * A bounded chain: each delta starts at the serial where the one before ended; anything else starts the chain anew.
 */
import type { Delta } from './delta.ts';

/** Deltas kept for a zone, and records in all of them: what an IXFR longer than this costs, an AXFR does better. */
const MAX_DELTAS = 1000;
const MAX_RECORDS = 100_000;

export class History {
  #deltas: Delta[] = [];
  #records = 0;

  add(delta: Delta): void {
    if (this.#deltas.at(-1)?.to !== delta.from) this.clear();
    this.#deltas.push(delta);
    this.#records += sizeOf(delta);
    let drop = 0;
    while (this.#deltas.length - drop > MAX_DELTAS || (this.#records > MAX_RECORDS && drop < this.#deltas.length)) {
      this.#records -= sizeOf(this.#deltas[drop]!);
      drop++;
    }
    if (drop > 0) this.#deltas.splice(0, drop);
  }

  clear(): void {
    this.#deltas = [];
    this.#records = 0;
  }

  /** The deltas that lead from `serial` to the newest version; `undefined` when the chain does not reach back so far. */
  since(serial: number): readonly Delta[] | undefined {
    const start = this.#deltas.findLastIndex((delta) => delta.from === serial);
    return start < 0 ? undefined : this.#deltas.slice(start);
  }
}

const sizeOf = (delta: Delta): number => delta.removed.length + delta.added.length;
