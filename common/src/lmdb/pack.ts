/**
 * Values between two threads: many small arrays of octets cost a message far more than what is in them, so they travel in packs, each
 * value behind its length of four octets. A pack has memory of its own, which is handed over.
 */

export type Packs = readonly Uint8Array<ArrayBuffer>[];

/** Octets of a pack, unless one value has more. */
const PACK_OCTETS = 65_536;
const LENGTH_OCTETS = 4;

export class Packing {
  readonly #packs: Uint8Array<ArrayBuffer>[] = [];
  #values: Uint8Array[] = [];
  #octets = 0;

  /** The value is copied at some later time. */
  add(value: Uint8Array): void {
    this.#values.push(value);
    this.#octets += LENGTH_OCTETS + value.length;
    if (this.#octets >= PACK_OCTETS) this.#pack();
  }

  /** All that was added. */
  end(): Packs {
    if (this.#values.length > 0) this.#pack();
    return this.#packs;
  }

  #pack(): void {
    const pack = new Uint8Array(this.#octets);
    const view = new DataView(pack.buffer);
    let at = 0;
    for (const value of this.#values) {
      view.setUint32(at, value.length);
      pack.set(value, at + LENGTH_OCTETS);
      at += LENGTH_OCTETS + value.length;
    }
    this.#packs.push(pack);
    this.#values = [];
    this.#octets = 0;
  }
}

/** The values in the order in which they were added: views. */
export function* unpack(packs: Packs): Generator<Uint8Array, void, undefined> {
  for (const pack of packs) {
    const view = new DataView(pack.buffer, pack.byteOffset);
    for (let at = 0; at < pack.length; ) {
      const start = at + LENGTH_OCTETS;
      at = start + view.getUint32(at);
      yield pack.subarray(start, at);
    }
  }
}

export const octetsIn = (packs: Packs): number => packs.reduce((sum, { length }) => sum + length, 0);

/** What is handed over with a message. */
export const memoryOf = (packs: Packs): ArrayBuffer[] => packs.map(({ buffer }) => buffer);
