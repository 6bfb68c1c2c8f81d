/**
 * The journal on the disk: a database of LMDB, read and written synchronously, in a thread of its own (`journal-thread.ts`).
 *
 * One table, whose keys begin with a letter: the state (format, id, positions, the commit in force), open entries by position, last
 * good versions by file, deltas by number - their heads, which are read at the start, and their records in parts, which are read when
 * a history is wanted.
 *
 * Always holds: a transaction is on the disk when `write` returns, or nothing of it when it throws; then the store is of no more use,
 * and another has to be opened. What a write expects to find is looked at in its transaction, so nothing is written twice.
 */
import { createHash } from 'node:crypto';
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Name } from '@zonewright/common/name';
import { open, type RootDatabase } from 'lmdb';
import { newJournalId } from './journal.ts';
import { DeltaChains, type Dropped } from './journal-chains.ts';
import { checkDatabase } from './journal-check.ts';
import { Unusable } from './journal-fault.ts';
import {
  type DeltaHead,
  joined,
  readDeltaHead,
  readState,
  type State,
  seal,
  unseal,
  writeDeltaHead,
  writeState,
} from './journal-octets.ts';
import { Room, type Statistics } from './journal-room.ts';

/** A delta, its records in parts. */
export interface StoredDelta extends Omit<DeltaHead, 'zone' | 'parts'> {
  /** The apex in wire form. */
  readonly zone: Uint8Array;
  readonly parts: readonly Uint8Array[];
}

/** A `JournalWrite` as octets. */
export interface StoredWrite {
  readonly entries: readonly { readonly position: number; readonly octets: Uint8Array }[];
  readonly closed: readonly number[];
  readonly inForce: string | undefined;
  /** `octets`: `undefined` to forget it. */
  readonly lastGood: readonly { readonly fileName: string; readonly octets: Uint8Array | undefined }[];
  /** Wire form. */
  readonly withdrawn: readonly Uint8Array[];
  readonly deltas: readonly StoredDelta[];
}

/** What an opened store holds. */
export interface Stored extends State {
  /** Each its position (six octets) and what `writeEntry` wrote, behind its length (four octets). */
  readonly open: Uint8Array;
  /** What `writeLastGood` wrote, each behind its length. */
  readonly lastGood: Uint8Array;
}

const STATE = Buffer.from('s');
/** Of the file of locks, which LMDB fills with what it needs. It is mapped: a hole in it could not be filled on a full disk. */
const LOCK_OCTETS = 8192;

const numbered = (letter: string, number: number, part = 0): Buffer => {
  const key = Buffer.alloc(9, letter);
  key.writeUIntBE(number, 1, 6);
  key.writeUInt16BE(part, 7);
  return key;
};
const entryKey = (position: number): Buffer => numbered('e', position);
const headKey = (number: number): Buffer => numbered('h', number);
const partKey = (number: number, part: number): Buffer => numbered('d', number, part);
/** A file name may be longer than a key. */
const goodKey = (fileName: string): Buffer =>
  Buffer.concat([Buffer.from('g'), createHash('sha256').update(fileName).digest()]);

export class JournalStore {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #room: Room;
  readonly #chains = new DeltaChains();
  readonly stored: Stored;

  /** Opens the journal in that file, or makes one. Throws {@link Unusable}, system errors, and those of LMDB, which have a number as `code`. */
  constructor(path: string) {
    if (!existsSync(path)) create(path);
    const damage = checkDatabase(path);
    if (damage !== undefined) throw new Unusable(damage);
    this.#room = new Room(path);
    this.#db = openDatabase(path);
    try {
      this.stored = this.#read();
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** All of the writes in one transaction. `generation`: how many transactions there were before. */
  write(generation: number, writes: readonly StoredWrite[]): void {
    this.#db.transactionSync(() => {
      this.#makeRoom(writes);
      const state = this.#readState();
      if (state.generation !== generation) throw new Unusable('another than the last write is the last');
      let { position, inForce } = state;
      for (const write of writes) {
        this.#apply(write);
        position = write.entries.at(-1)?.position ?? position;
        inForce = write.inForce ?? inForce;
      }
      this.#put(STATE, writeState({ ...state, generation: generation + 1, position, inForce }));
    });
  }

  /** Records of the chain of a zone, one after the other. Empty where a part of it is damaged: it can be done without. */
  historyOf(zone: Name): Uint8Array {
    const records: Uint8Array[] = [];
    for (const { number, head } of this.#chains.of(zone)) {
      for (let part = 0; part < head.parts; part++) {
        const octets = this.#get(partKey(number, part));
        if (octets === undefined) return new Uint8Array(0);
        records.push(octets);
      }
    }
    this.#db.resetReadTxn();
    return joined(records);
  }

  close(): Promise<void> {
    this.#room.close();
    return this.#db.close();
  }

  #makeRoom(writes: readonly StoredWrite[]): void {
    let [values, octets] = [1, 0];
    for (const value of writes.flatMap(valuesOf)) {
      values++;
      octets += value.length;
    }
    this.#room.make(this.#db.getStats() as Statistics, values, octets);
  }

  #apply({ entries, closed, lastGood, withdrawn, deltas }: StoredWrite): void {
    for (const { position, octets } of entries) this.#put(entryKey(position), octets);
    for (const position of closed) this.#db.remove(entryKey(position));
    for (const { fileName, octets } of lastGood) {
      if (octets === undefined) this.#db.remove(goodKey(fileName));
      else this.#put(goodKey(fileName), octets);
    }
    for (const zone of withdrawn) this.#forget(this.#chains.withdraw(nameOf(zone)));
    for (const delta of deltas) {
      const { next: number } = this.#chains;
      const head: DeltaHead = { ...delta, zone: nameOf(delta.zone), parts: delta.parts.length };
      this.#put(headKey(number), writeDeltaHead(head));
      for (const [part, octets] of delta.parts.entries()) this.#put(partKey(number, part), octets);
      this.#forget(this.#chains.add(number, head));
    }
  }

  #forget(dropped: readonly Dropped[]): void {
    for (const { number, head } of dropped) {
      this.#db.remove(headKey(number));
      for (let part = 0; part < head.parts; part++) this.#db.remove(partKey(number, part));
    }
  }

  #read(): Stored {
    const state = this.#readState();
    for (const [key, octets] of this.#all('h')) this.#chains.add(key.readUIntBE(1, 6), readDeltaHead(octets));
    const open: Uint8Array[] = [];
    for (const [key, octets] of this.#all('e')) open.push(lengthOf(octets.length + 6), key.subarray(1, 7), octets);
    const lastGood: Uint8Array[] = [];
    for (const [, octets] of this.#all('g')) lastGood.push(lengthOf(octets.length), octets);
    this.#db.resetReadTxn();
    return { ...state, open: joined(open), lastGood: joined(lastGood) };
  }

  #readState(): State {
    const octets = this.#get(STATE);
    if (octets === undefined) throw new Unusable('it is no journal');
    const state = readState(octets);
    if (state === undefined) throw new Unusable('it was written by a later version of Zonewright');
    return state;
  }

  /** What stands under keys that begin with a letter. */
  *#all(letter: string): Generator<readonly [Buffer, Uint8Array], void, undefined> {
    const [start, end] = [Buffer.from(letter), Buffer.from([letter.charCodeAt(0) + 1])];
    for (const { key, value } of this.#db.getRange({ start, end })) {
      const octets = unseal(key, value);
      if (octets === undefined) throw new Unusable('a value is damaged');
      yield [key, octets];
    }
  }

  #get(key: Buffer): Uint8Array | undefined {
    const value = this.#db.getBinary(key);
    return value === undefined ? undefined : unseal(key, value);
  }

  #put(key: Buffer, value: Uint8Array): void {
    this.#db.put(key, Buffer.from(seal(key, value)));
  }
}

/** Under another name until it is one: a file of that name is a whole journal, whatever happens meanwhile. */
function create(path: string): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const db = openDatabase(draft);
  const room = new Room(draft);
  room.make(db.getStats() as Statistics, 1, 0);
  room.close();
  const state = { id: newJournalId(), generation: 0, position: 0, inForce: undefined };
  db.transactionSync(() => void db.put(STATE, Buffer.from(seal(STATE, writeState(state)))));
  void db.close();
  renameSync(draft, path);
  rmSync(lockOf(draft), { force: true });
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/** Heads of deltas are smaller than what they have to do with. */
function valuesOf({ entries, lastGood, deltas }: StoredWrite): Uint8Array[] {
  const values = [...entries.map(({ octets }) => octets), ...deltas.flatMap(({ zone, parts }) => [zone, ...parts])];
  return [...values, ...lastGood.flatMap(({ octets }) => octets ?? [])];
}

const lockOf = (path: string): string => `${path}-lock`;

function openDatabase(path: string): RootDatabase<Buffer, Buffer> {
  writeFileSync(lockOf(path), Buffer.alloc(LOCK_OCTETS), { mode: 0o600 });
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    // A transaction that is over is on the disk.
    overlappingSync: false,
    maxReaders: 8,
    permissionsMode: 0o600,
  } as Parameters<typeof open>[0] & { readonly permissionsMode: number });
  chmodSync(path, 0o600);
  return db;
}

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a zone with ${name.fault.what}`);
  return name.value;
}

function lengthOf(length: number): Uint8Array {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(length);
  return octets;
}
