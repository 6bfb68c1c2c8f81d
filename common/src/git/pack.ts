/**
 * One pack file and its index (gitformat-pack(5), index version 2), read object by object.
 *
 * Only the index is held in memory; of the pack, only the octets of the object asked for are read. The handle stays open, so
 * objects of a pack that `git gc` has removed meanwhile are still read. Multi-pack indexes are not needed and not read.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';
import { applyDelta } from './delta.ts';
import { Failure } from './fault.ts';

export type ObjectType = 'commit' | 'tree' | 'blob' | 'tag';

export interface GitObject {
  readonly type: ObjectType;
  readonly content: Uint8Array;
}

const TYPES: Readonly<Record<number, ObjectType>> = { 1: 'commit', 2: 'tree', 3: 'blob', 4: 'tag' };
const OFS_DELTA = 6;
const REF_DELTA = 7;
const OID_OCTETS = 20;
const FANOUT = 8;
const OIDS = FANOUT + 256 * 4;
/** git itself makes chains of 50; hostile ones may be longer. */
const MAX_CHAIN = 4096;

const broken = (): Failure => new Failure('corrupt', 'a pack of the repository is damaged');

/** What an object in a pack is before its delta is applied. */
interface Entry {
  readonly kind: number;
  readonly data: Buffer;
  readonly base: number | string | undefined;
}

export class Pack {
  readonly #index: Buffer;
  readonly #count: number;
  readonly #file: FileHandle;
  /** Where objects begin, ascending, and at the end where the last one ends: an object ends where the next begins. */
  readonly #bounds: Float64Array;

  private constructor(index: Buffer, count: number, file: FileHandle, size: number) {
    this.#index = index;
    this.#count = count;
    this.#file = file;
    this.#bounds = new Float64Array(count + 1);
    for (let at = 0; at < count; at++) this.#bounds[at] = this.#offset(at);
    this.#bounds[count] = size - OID_OCTETS;
    this.#bounds.sort();
  }

  /** Opens `NAME.pack` by its `NAME.idx`. */
  static async open(indexPath: string): Promise<Pack> {
    const index = await readFile(indexPath);
    if (index.length < OIDS + 2 * OID_OCTETS || index.readUInt32BE(0) !== 0xff744f63 || index.readUInt32BE(4) !== 2)
      throw broken();
    const count = index.readUInt32BE(OIDS - 4);
    if (index.length < OIDS + count * (OID_OCTETS + 8) + 2 * OID_OCTETS) throw broken();
    const file = await open(indexPath.replace(/\.idx$/, '.pack'), 'r');
    try {
      return new Pack(index, count, file, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error instanceof RangeError ? broken() : error;
    }
  }

  /** The names of all objects. */
  *names(): Generator<string> {
    for (let at = OIDS; at < OIDS + this.#count * OID_OCTETS; at += OID_OCTETS)
      yield this.#index.toString('hex', at, at + OID_OCTETS);
  }

  /** Where an object begins in the pack, or `undefined` where it is not in it. */
  find(oid: string): number | undefined {
    const wanted = Buffer.from(oid, 'hex');
    const first = wanted[0]!;
    let low = first === 0 ? 0 : this.#index.readUInt32BE(FANOUT + (first - 1) * 4);
    let high = Math.min(this.#index.readUInt32BE(FANOUT + first * 4), this.#count);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = OIDS + middle * OID_OCTETS;
      const order = this.#index.compare(wanted, 0, OID_OCTETS, at, at + OID_OCTETS);
      if (order === 0) return this.#offset(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** The object at `offset`. `outside` finds the base of a delta that is in no pack; `limit` holds for every step, in octets. */
  async read(offset: number, limit: number, outside: (oid: string) => Promise<GitObject>): Promise<GitObject> {
    const deltas: Buffer[] = [];
    let at = offset;
    for (;;) {
      const entry = await this.#entry(at, limit);
      const type = TYPES[entry.kind];
      if (type !== undefined) return { type, content: this.#unfold(entry.data, deltas, limit) };
      if (entry.base === undefined || deltas.length >= MAX_CHAIN) throw broken();
      deltas.push(entry.data);
      if (typeof entry.base === 'string') {
        const inside = this.find(entry.base);
        if (inside === undefined) {
          const base = await outside(entry.base);
          return { type: base.type, content: this.#unfold(base.content, deltas, limit) };
        }
        at = inside;
      } else {
        at = entry.base;
      }
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #unfold(base: Uint8Array, deltas: Buffer[], limit: number): Uint8Array {
    let content = base;
    for (let delta = deltas.pop(); delta !== undefined; delta = deltas.pop())
      content = applyDelta(content, delta, limit);
    return content;
  }

  #offset(at: number): number {
    const offsets = OIDS + this.#count * (OID_OCTETS + 4);
    const small = this.#index.readUInt32BE(offsets + at * 4);
    if (small < 0x80000000) return small;
    return Number(this.#index.readBigUInt64BE(offsets + this.#count * 4 + (small - 0x80000000) * 8));
  }

  /** Where the object that begins at `offset` ends. */
  #end(offset: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    const end = this.#bounds[low];
    if (end === undefined) throw broken();
    return end;
  }

  async #entry(offset: number, limit: number): Promise<Entry> {
    const raw = Buffer.allocUnsafe(this.#end(offset) - offset);
    const { bytesRead } = await this.#file.read(raw, 0, raw.length, offset);
    if (bytesRead !== raw.length) throw broken();
    let at = 0;
    let octet = raw[at++] ?? 0;
    const kind = (octet >> 4) & 7;
    let size = octet & 15;
    for (let scale = 16; octet >= 0x80; scale *= 128) {
      octet = raw[at++] ?? 0;
      size += (octet & 0x7f) * scale;
    }
    if (size > limit) throw new Failure('limit', `an object of the repository is larger than ${limit} octets`);
    let base: number | string | undefined;
    if (kind === OFS_DELTA) {
      octet = raw[at++] ?? 0;
      let back = octet & 0x7f;
      while (octet >= 0x80) {
        octet = raw[at++] ?? 0;
        back = (back + 1) * 128 + (octet & 0x7f);
      }
      if (back <= 0 || back > offset) throw broken();
      base = offset - back;
    } else if (kind === REF_DELTA) {
      base = raw.toString('hex', at, at + OID_OCTETS);
      at += OID_OCTETS;
    }
    try {
      const data = inflateSync(raw.subarray(at), { maxOutputLength: Math.max(size, 1) });
      if (data.length !== size) throw broken();
      return { kind, data, base };
    } catch {
      throw broken();
    }
  }
}
