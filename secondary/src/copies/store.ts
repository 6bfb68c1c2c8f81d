/**
 * Copies of zones on the disk: a database of LMDB, read and written synchronously, in a thread of its own (`thread.ts`).
 *
 * One table, whose keys are a letter, the hash of the zone's name, and numbers: heads of zones (`head.ts`), parts of snapshots
 * (`zone-octets.ts`), heads and parts of deltas (`delta-values.ts`). What a head does not name is not there, whatever else stands in the file:
 * so what is new is written first, then the head, and what it no longer names is removed at last.
 *
 * Always holds: a head leads to a version that was published, wholly; after a crash at any moment that is the newest one or an older one.
 * A transaction is on the disk when it is over.
 */
import { createHash } from 'node:crypto';
import { type DeltaHead, readDeltaHead } from '@zonewright/common/lmdb/delta-values';
import { type Database, getSealed, makeRoomIn, openOrCreate, putSealed } from '@zonewright/common/lmdb/environment';
import { Unusable } from '@zonewright/common/lmdb/fault';
import { type Packs, unpack } from '@zonewright/common/lmdb/pack';
import { unseal } from '@zonewright/common/lmdb/seal';
import { Name } from '@zonewright/common/name';
import { MAX_DELTAS, MAX_OCTETS, MAX_RECORDS } from '@zonewright/common/zone/history';
import { Image, type ImageHandle } from '@zonewright/common/zone/image';
import { writeZone } from '@zonewright/common/zone/zone-octets';
import { type Chain, type Head, type PlainState, readHead, writeHead } from './head.ts';

/** What is to be kept of a zone. Names are in wire form. */
export interface CopyWrite {
  readonly origin: Uint8Array;
  /** `undefined`: nothing. */
  readonly kept:
    | {
        readonly state: PlainState;
        /** Of the version that is then kept. */
        readonly serial: number;
        /** The version, to be kept whole; else it is what the deltas lead to, or where there are none the one that is kept already. */
        readonly snapshot: { readonly image: ImageHandle; readonly root: number } | undefined;
        /** As `packDeltas` has them: they lead to this version. */
        readonly deltas: Packs;
      }
    | undefined;
}

/** What stands under the head of a copy. */
export interface StoredCopy {
  readonly head: Head;
  /** Of the snapshot, in order. */
  readonly parts: Iterable<Uint8Array>;
  /** Records of the deltas from one of them on, as `writeRecords` has them, the oldest first. */
  deltas(from: number): Iterable<Uint8Array>;
}

/** In one transaction, about. */
const BATCH_OCTETS = 8 * 2 ** 20;
/** Of all deltas of a zone, if the zone has not more: what an IXFR longer than this costs, an AXFR does better. */
const LEAST_CHAIN_OCTETS = 65_536;

const FORMAT = 1;
const FORMAT_KEY = Buffer.from('f');
const LETTERS = { head: 'z', part: 'p', deltaHead: 'h', delta: 'd' } as const;
const HASH_OCTETS = 16;

/** The hash of a zone's name, in lower case. */
const hashOf = (zone: Name): Buffer =>
  createHash('sha256').update(zone.toLowerCase().wire).digest().subarray(0, HASH_OCTETS);

/** The numbers take six and four octets. */
function keyOf(letter: string, hash: Buffer, number?: number, part?: number): Buffer {
  const key = Buffer.alloc(1 + HASH_OCTETS + (number === undefined ? 0 : 6) + (part === undefined ? 0 : 4), letter);
  hash.copy(key, 1);
  if (number !== undefined) key.writeUIntBE(number, 1 + HASH_OCTETS, 6);
  if (part !== undefined) key.writeUInt32BE(part, 7 + HASH_OCTETS);
  return key;
}

/** What a transaction does, in order. */
type Step =
  | { readonly key: Buffer; readonly value: Uint8Array }
  /** Removes what is below `start` and above. */
  | { readonly start: Buffer; readonly end: Buffer };

export class CopyStore {
  readonly #db: Database;
  readonly #path: string;
  #steps: Step[] = [];
  #stepOctets = 0;

  /** Opens the file, or makes one. Throws {@link Unusable}, system errors, and those of LMDB, which have a number as `code`. */
  constructor(path: string) {
    this.#path = path;
    this.#db = openOrCreate(path, () => [FORMAT_KEY, Uint8Array.of(FORMAT)]);
    const format = getSealed(this.#db, FORMAT_KEY)?.[0];
    if (format === FORMAT) return;
    void this.close();
    throw new Unusable(format === undefined ? 'it holds no copies' : 'it was written by a later version of Zonewright');
  }

  /** Gives which writes, by their number, go on from something else than what is kept: nothing of these was done. */
  write(writes: readonly CopyWrite[]): readonly number[] {
    this.#steps = [];
    this.#stepOctets = 0;
    this.#db.resetReadTxn();
    const unfit: number[] = [];
    for (const [i, write] of writes.entries()) {
      if (!this.#keep(write)) unfit.push(i);
      if (this.#stepOctets >= BATCH_OCTETS) this.#flush();
    }
    this.#flush();
    return unfit;
  }

  /** The copies behind a key, in the order of keys; those whose head is damaged as `undefined`. */
  *copies(after?: Uint8Array): Generator<readonly [key: Uint8Array, copy: StoredCopy | undefined], void, undefined> {
    const start = after === undefined ? Buffer.from(LETTERS.head) : Buffer.concat([after, Buffer.of(0)]);
    const end = Buffer.from([LETTERS.head.charCodeAt(0) + 1]);
    for (const { key, value } of this.#db.getRange({ start, end })) {
      const head = this.#headOf(key, value);
      yield [key, head && this.#copy(head, key.subarray(1))];
    }
  }

  /** Removes what no head names, and heads that are damaged or among those given. */
  sweep(damaged: readonly Uint8Array[]): void {
    this.#steps = [];
    const bad = new Set(damaged.map((key) => Buffer.from(key).toString('hex')));
    const heads = new Map<string, Head>();
    for (const { key, value } of this.#all(LETTERS.head)) {
      const head = this.#headOf(key, value);
      if (head === undefined || bad.has(key.toString('hex'))) this.#remove(key, key);
      else heads.set(key.toString('hex', 1), head);
    }
    for (const letter of [LETTERS.part, LETTERS.deltaHead, LETTERS.delta] as const) {
      for (const { key } of this.#all(letter)) {
        const head = heads.get(key.toString('hex', 1, 1 + HASH_OCTETS));
        const number = key.readUIntBE(1 + HASH_OCTETS, 6);
        const isNamed =
          letter === LETTERS.part
            ? number === head?.snapshot.number && key.readUInt32BE(7 + HASH_OCTETS) < head.snapshot.parts
            : head !== undefined && number >= head.chain.first && number < head.chain.next;
        if (!isNamed) this.#remove(key, key);
      }
    }
    this.#flush();
  }

  /** Lets go of what was read. */
  endRead(): void {
    this.#db.resetReadTxn();
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #keep({ origin, kept }: CopyWrite): boolean {
    const zone = nameOf(origin);
    const hash = hashOf(zone);
    if (kept === undefined) {
      for (const letter of Object.values(LETTERS)) this.#remove(keyOf(letter, hash), keyOf(letter, hash));
      return true;
    }
    const { state, serial, snapshot: whole } = kept;
    const before = this.#head(hash);
    const given = [...deltasOf(kept.deltas)];
    // What was written before, and not acknowledged, may be there.
    const deltas = before?.serial === serial ? [] : given;
    const isChained = given.length > 0 && before?.serial === (deltas[0]?.head.from ?? serial);
    if (whole === undefined && before === undefined) return false;
    if (whole === undefined && before?.serial !== serial && !isChained) return false;
    if (before !== undefined && whole === undefined && deltas.length === 0) {
      this.#put(keyOf(LETTERS.head, hash), writeHead({ ...before, state }));
      return true;
    }
    const snapshot = whole === undefined ? before!.snapshot : this.#putSnapshot(hash, before, whole);
    const last = before?.chain ?? { first: 1, since: 1, next: 1, octets: 0, records: 0 };
    let chain: Chain = isChained
      ? last
      : { first: last.next, since: last.next, next: last.next, octets: 0, records: 0 };
    const added = new Map<number, DeltaHead>();
    for (const { head, octets, parts } of deltas) {
      const number = chain.next;
      this.#put(keyOf(LETTERS.deltaHead, hash, number), octets);
      for (const [part, records] of parts.entries()) this.#put(keyOf(LETTERS.delta, hash, number, part), records);
      added.set(number, head);
      chain = {
        ...chain,
        next: number + 1,
        octets: chain.octets + head.octets,
        records: chain.records + head.records,
      };
    }
    if (whole !== undefined) chain = { ...chain, since: chain.next };
    chain = this.#trim(hash, chain, snapshot.octets, added);
    this.#put(keyOf(LETTERS.head, hash), writeHead({ zone, state, serial, snapshot, chain }));
    if (before !== undefined) this.#removeOld(hash, before, snapshot.number, chain.first);
    return true;
  }

  #putSnapshot(
    hash: Buffer,
    before: Head | undefined,
    { image, root }: { readonly image: ImageHandle; readonly root: number },
  ): Head['snapshot'] {
    const number = (before?.snapshot.number ?? 0) + 1;
    let [parts, octets] = [0, 0];
    for (const part of writeZone(Image.ofHandle(image), root)) {
      this.#put(keyOf(LETTERS.part, hash, number, parts++), part);
      octets += part.length;
      if (this.#stepOctets >= BATCH_OCTETS) this.#flush();
    }
    return { number, parts, octets };
  }

  /** Leaves the oldest deltas out that are more than a chain has, but none that leads from the snapshot to the copy. */
  #trim(hash: Buffer, chain: Chain, snapshotOctets: number, added: ReadonlyMap<number, DeltaHead>): Chain {
    const most = Math.min(MAX_OCTETS, Math.max(snapshotOctets, LEAST_CHAIN_OCTETS));
    let { first, octets, records } = chain;
    while (first < chain.since && (octets > most || records > MAX_RECORDS || chain.next - first > MAX_DELTAS)) {
      const head = added.get(first) ?? this.#deltaHead(hash, first);
      // Of a damaged one it is not known what it takes.
      if (head === undefined && first + 1 === chain.since) [octets, records] = [0, 0];
      octets -= head?.octets ?? 0;
      records -= head?.records ?? 0;
      first++;
    }
    return { ...chain, first, octets: Math.max(0, octets), records: Math.max(0, records) };
  }

  /** What the head named before and does not name now. */
  #removeOld(hash: Buffer, { snapshot, chain }: Head, number: number, first: number): void {
    if (snapshot.number !== number) {
      const start = keyOf(LETTERS.part, hash, snapshot.number);
      this.#remove(start, start);
    }
    if (chain.first >= first) return;
    for (const letter of [LETTERS.deltaHead, LETTERS.delta])
      this.#remove(keyOf(letter, hash, chain.first), keyOf(letter, hash, first - 1));
  }

  #copy(head: Head, hash: Buffer): StoredCopy {
    const store = this;
    return {
      head,
      parts: (function* () {
        for (let part = 0; part < head.snapshot.parts; part++)
          yield store.#get(keyOf(LETTERS.part, hash, head.snapshot.number, part));
      })(),
      deltas: function* (from) {
        for (let number = from; number < head.chain.next; number++) {
          const { parts } = readDeltaHead(store.#get(keyOf(LETTERS.deltaHead, hash, number)));
          for (let part = 0; part < parts; part++) yield store.#get(keyOf(LETTERS.delta, hash, number, part));
        }
      },
    };
  }

  #head(hash: Buffer): Head | undefined {
    const key = keyOf(LETTERS.head, hash);
    const value = this.#db.getBinary(key);
    return value && this.#headOf(key, value);
  }

  #headOf(key: Buffer, value: Buffer): Head | undefined {
    const octets = unseal(key, value);
    return octets && readHead(octets);
  }

  #deltaHead(hash: Buffer, number: number): DeltaHead | undefined {
    const octets = getSealed(this.#db, keyOf(LETTERS.deltaHead, hash, number));
    return octets && readDeltaHead(octets);
  }

  /** Throws {@link Damaged}. */
  #get(key: Buffer): Uint8Array {
    const octets = getSealed(this.#db, key);
    if (octets === undefined) throw new Damaged('a value is damaged or missing');
    return octets;
  }

  #all(letter: string): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    const [start, end] = [Buffer.from(letter), Buffer.from([letter.charCodeAt(0) + 1])];
    return this.#db.getRange({ start, end });
  }

  #put(key: Buffer, value: Uint8Array): void {
    this.#steps.push({ key, value });
    this.#stepOctets += value.length;
  }

  /** All keys from one that begins with `first` to one that begins with `last`. */
  #remove(first: Buffer, last: Buffer): void {
    this.#steps.push({ start: first, end: Buffer.concat([last, Buffer.alloc(11, 0xff)]) });
  }

  #flush(): void {
    if (this.#steps.length === 0) return;
    const steps = this.#steps;
    this.#db.resetReadTxn();
    this.#db.transactionSync(() => {
      makeRoomIn(this.#db, this.#path, steps.length, this.#stepOctets);
      for (const step of steps) {
        if ('key' in step) putSealed(this.#db, step.key, step.value);
        else for (const key of [...this.#db.getKeys(step)]) this.#db.remove(key);
      }
    });
    this.#steps = [];
    this.#stepOctets = 0;
  }
}

/** Something that a head names is not what it has to be. */
export class Damaged extends Error {}

interface PackedDelta {
  readonly head: DeltaHead;
  readonly octets: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

function* deltasOf(packs: Packs): Generator<PackedDelta, void, undefined> {
  const values = unpack(packs);
  for (const octets of values) {
    const head = readDeltaHead(octets);
    yield { head, octets, parts: Array.from({ length: head.parts }, () => values.next().value!) };
  }
}

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a zone with ${name.fault.what}`);
  return name.value;
}
