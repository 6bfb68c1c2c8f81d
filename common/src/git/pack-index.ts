/**
 * The index of a pack: where in it each object begins (gitformat-pack(5), "pack-*.idx files", version 2).
 *
 * It stays the octets that it is on the disk. Multi-pack indexes are not needed and not read.
 */
import { createHash } from 'node:crypto';
import { Failure } from './fault.ts';
import { OID_OCTETS } from './object.ts';

const MAGIC = 0xff744f63;
const VERSION = 2;
const FANOUT = 8;
const OIDS = FANOUT + 256 * 4;
/** Offsets from here on stand in a table of their own. */
const LARGE = 0x80000000;

/** An object of a pack: its name, where it begins, and the CRC-32 of its octets there. */
export interface IndexEntry {
  readonly oid: string;
  readonly offset: number;
  readonly crc: number;
}

/** The fault of a pack, or of its index, that is not what git would write. */
export const broken = (): Failure => new Failure('corrupt', 'a pack of the repository is damaged');

export class PackIndex {
  readonly #octets: Buffer;
  /** How many objects the pack has. */
  readonly count: number;

  constructor(octets: Buffer) {
    if (octets.length < OIDS + 2 * OID_OCTETS || octets.readUInt32BE(0) !== MAGIC || octets.readUInt32BE(4) !== VERSION)
      throw broken();
    this.#octets = octets;
    this.count = octets.readUInt32BE(OIDS - 4);
    if (octets.length < OIDS + this.count * (OID_OCTETS + 8) + 2 * OID_OCTETS) throw broken();
  }

  /** Where the object of a name, of 20 octets, begins in the pack, or `undefined` where it is not in it. */
  find(name: Buffer): number | undefined {
    const octets = this.#octets;
    const first = name[0]!;
    const start = name.readUInt32BE(0);
    let low = first === 0 ? 0 : octets.readUInt32BE(FANOUT + (first - 1) * 4);
    let high = Math.min(octets.readUInt32BE(FANOUT + first * 4), this.count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = OIDS + middle * OID_OCTETS;
      const order = octets.readUInt32BE(at) - start || octets.compare(name, 0, OID_OCTETS, at, at + OID_OCTETS);
      if (order === 0) return this.offset(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** The name at `at`, from 0, of all. */
  oid(at: number): string {
    const start = OIDS + at * OID_OCTETS;
    return this.#octets.toString('hex', start, start + OID_OCTETS);
  }

  /** Where the object begins whose name is the one at `at`, from 0, of all. */
  offset(at: number): number {
    const offsets = OIDS + this.count * (OID_OCTETS + 4);
    const small = this.#octets.readUInt32BE(offsets + at * 4);
    if (small < LARGE) return small;
    const large = offsets + this.count * 4 + (small - LARGE) * 8;
    if (large + 8 > this.#octets.length) throw broken();
    return Number(this.#octets.readBigUInt64BE(large));
  }
}

/** The octets of an index. `pack`: the SHA-1 at the end of the pack. */
export function formatIndex(entries: readonly IndexEntry[], pack: Uint8Array): Buffer {
  const sorted = [...entries].sort((a, b) => (a.oid < b.oid ? -1 : 1));
  const large = sorted.filter(({ offset }) => offset >= LARGE);
  const octets = Buffer.alloc(OIDS + sorted.length * (OID_OCTETS + 8) + large.length * 8 + 2 * OID_OCTETS);
  octets.writeUInt32BE(MAGIC, 0);
  octets.writeUInt32BE(VERSION, 4);
  const crcs = OIDS + sorted.length * OID_OCTETS;
  const offsets = crcs + sorted.length * 4;
  const larges = offsets + sorted.length * 4;
  const upTo = new Uint32Array(256);
  let count = 0;
  for (const [at, { oid, offset, crc }] of sorted.entries()) {
    const start = OIDS + at * OID_OCTETS;
    octets.write(oid, start, 'hex');
    octets.writeUInt32BE(crc, crcs + at * 4);
    octets.writeUInt32BE(offset < LARGE ? offset : LARGE + count, offsets + at * 4);
    if (offset >= LARGE) octets.writeBigUInt64BE(BigInt(offset), larges + 8 * count++);
    upTo[octets[start]!]!++;
  }
  for (let first = 0, sum = 0; first < 256; first++) {
    sum += upTo[first]!;
    octets.writeUInt32BE(sum, FANOUT + first * 4);
  }
  octets.set(pack, larges + large.length * 8);
  const end = octets.length - OID_OCTETS;
  octets.set(createHash('sha1').update(octets.subarray(0, end)).digest(), end);
  return octets;
}
