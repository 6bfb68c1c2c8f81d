/**
 * Putting a pack together (gitformat-pack(5)): what is pushed, and what is written here where it is many objects at once.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, crc32, deflate, deflateSync } from 'node:zlib';
import { writeDurably } from './durable.ts';
import type { NamedObject, ObjectType } from './object.ts';
import { formatIndex, type IndexEntry } from './pack-index.ts';

const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);

const PACK_HEADER = 12;
const TYPE_CODES: Readonly<Record<ObjectType, number>> = { commit: 1, tree: 2, blob: 3, tag: 4 };
const REF_DELTA = 7;
/** What is smaller, in octets, is compressed in less time than it takes to hand it to a thread. */
const SMALL = 65_536;
/** As git compresses what is written at once (`core.looseCompression`). */
const LEVEL = { level: constants.Z_BEST_SPEED } as const;

export interface WrittenPack {
  readonly parts: readonly Uint8Array[];
  readonly entries: readonly IndexEntry[];
  /** The SHA-1 at its end, by which it is named. */
  readonly sum: Buffer;
}

export class PackWriter {
  readonly #parts: Uint8Array[] = [];
  readonly #entries: IndexEntry[] = [];
  #length = PACK_HEADER;

  /** Adds a whole object. */
  async add(oid: string, type: ObjectType, content: Uint8Array): Promise<void> {
    await this.#add(oid, [entryHeader(TYPE_CODES[type], content.length)], content);
  }

  /** Adds an object as a delta against another one, which may be outside of the pack. */
  async addDelta(oid: string, base: string, delta: Uint8Array): Promise<void> {
    await this.#add(oid, [entryHeader(REF_DELTA, delta.length), Buffer.from(base, 'hex')], delta);
  }

  finish(): WrittenPack {
    const header = Buffer.alloc(PACK_HEADER);
    header.write('PACK');
    header.writeUInt32BE(2, 4);
    header.writeUInt32BE(this.#entries.length, 8);
    const hash = createHash('sha1').update(header);
    for (const part of this.#parts) hash.update(part);
    const sum = hash.digest();
    return { parts: [header, ...this.#parts, sum], entries: this.#entries, sum };
  }

  async #add(oid: string, head: readonly Uint8Array[], data: Uint8Array): Promise<void> {
    const body = data.length < SMALL ? deflateSync(data, LEVEL) : await deflated(data, LEVEL);
    let crc = 0;
    const offset = this.#length;
    for (const part of [...head, body]) {
      crc = crc32(part, crc);
      this.#length += part.length;
      this.#parts.push(part);
    }
    this.#entries.push({ oid, offset, crc });
  }
}

/** Adds objects to a folder of objects as one pack, durably; gives how many octets it takes. */
export async function addPack(folder: string, objects: Iterable<NamedObject>): Promise<number> {
  const pack = new PackWriter();
  for (const { oid, type, content } of objects) await pack.add(oid, type, content);
  const { parts, entries, sum } = pack.finish();
  const name = join(folder, 'pack', `pack-${sum.toString('hex')}`);
  const octets = Buffer.concat(parts);
  await writeDurably(`${name}.pack`, octets, 0o444);
  // The index comes last: with it, the pack is part of the repository.
  await writeDurably(`${name}.idx`, formatIndex(entries, sum), 0o444);
  return octets.length;
}

function entryHeader(kind: number, size: number): Uint8Array {
  const octets = [(kind << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    octets[octets.length - 1]! |= 0x80;
    octets.push(rest & 0x7f);
  }
  return Uint8Array.from(octets);
}
