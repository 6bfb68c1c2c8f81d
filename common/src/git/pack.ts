/**
 * One pack and its index. The file stays open, so objects of a pack that `git gc` has removed meanwhile are still read.
 */
import { closeSync, fstatSync, openSync, readFileSync, statSync } from 'node:fs';
import { type GitObject, OID_OCTETS } from './object.ts';
import type { PackCache } from './pack-cache.ts';
import { PackFile } from './pack-file.ts';
import { PackIndex } from './pack-index.ts';

export class Pack {
  readonly #descriptor: number;
  readonly #index: PackIndex;
  readonly #file: PackFile;

  private constructor(descriptor: number, index: PackIndex, file: PackFile) {
    this.#descriptor = descriptor;
    this.#index = index;
    this.#file = file;
  }

  /** Opens `NAME.pack` by its `NAME.idx`. */
  static open(indexPath: string, cache: PackCache): Pack {
    const index = new PackIndex(readFileSync(indexPath));
    const descriptor = openSync(packOf(indexPath), 'r');
    try {
      const bounds = new Float64Array(index.count + 1);
      for (let at = 0; at < index.count; at++) bounds[at] = index.offset(at);
      bounds[index.count] = fstatSync(descriptor).size - OID_OCTETS;
      return new Pack(descriptor, index, new PackFile(descriptor, bounds.sort(), cache));
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  /** Where the object of a name, of 20 octets, begins in the pack, or `undefined` where it is not in it. */
  find(name: Buffer): number | undefined {
    return this.#index.find(name);
  }

  /** The object at `offset`, of at most `limit` octets. What a delta is against is always in the same pack. */
  read(offset: number, limit: number, oid?: string): GitObject {
    return this.#file.read(offset, limit, (base) => this.#index.find(Buffer.from(base, 'hex')), oid);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** The objects of a pack, and how many octets of it each takes. */
export function* packedObjects(
  indexPath: string,
): Generator<{ readonly oid: string; readonly octets: number }, void, undefined> {
  const index = new PackIndex(readFileSync(indexPath));
  const { size } = statSync(packOf(indexPath));
  const numbers = Uint32Array.from({ length: index.count }, (_, at) => at);
  numbers.sort((a, b) => index.offset(a) - index.offset(b));
  for (const [i, at] of numbers.entries()) {
    const next = numbers[i + 1];
    const end = next === undefined ? size - OID_OCTETS : index.offset(next);
    yield { oid: index.oid(at), octets: end - index.offset(at) };
  }
}

const packOf = (indexPath: string): string => indexPath.replace(/\.idx$/, '.pack');
