/**
 * The journal on the disk: a database of LMDB, read and written synchronously, in a thread of its own (`thread.ts`).
 *
 * One table, whose keys begin with a letter: the state (format, secret, positions, the commit in force), open entries by position, last
 * good versions by file, notes by zone, deltas by number - their heads, which are read at the start, and their records in parts, which are read when
 * a history is wanted.
 *
 * Always holds: a transaction is on the disk when `write` returns, or nothing of it when it throws; then the store is of no more use,
 * and another has to be opened. What a write expects to find is looked at in its transaction, so nothing is written twice.
 */
import { createHash } from 'node:crypto';
import { readDeltaHead } from '@zonewright/common/lmdb/delta-values';
import { type Database, getSealed, makeRoomIn, openOrCreate, putSealed } from '@zonewright/common/lmdb/environment';
import { Unusable } from '@zonewright/common/lmdb/fault';
import { octetsIn, Packing, type Packs, unpack } from '@zonewright/common/lmdb/pack';
import { unseal } from '@zonewright/common/lmdb/seal';
import { Name } from '@zonewright/common/name';
import { newMarkSecret } from '../mark.ts';
import { DeltaChains, type Dropped } from './chains.ts';
import { saysNothing } from './journal.ts';
import { positionOf, readLastGood, readNote, readState, type State, writeState } from './octets.ts';

/** A `JournalWrite` as octets (`octets.ts`). */
export interface StoredWrite {
  /** What `writeEntry` wrote. */
  readonly entries: Packs;
  readonly closed: readonly number[];
  readonly inForce: string | undefined;
  readonly time: number | undefined;
  /** What `writeLastGood` wrote. */
  readonly lastGood: Packs;
  /** What `writeNote` wrote. */
  readonly notes: Packs;
  /** Names in wire form. */
  readonly withdrawn: Packs;
  /** As `packDeltas` has them. */
  readonly deltas: Packs;
}

/** What an opened store holds. */
export interface Stored extends State {
  /** As in a {@link StoredWrite}. */
  readonly open: Packs;
  readonly lastGood: Packs;
  readonly notes: Packs;
}

const STATE = Buffer.from('s');

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
const hashed = (letter: string, text: string): Buffer =>
  Buffer.concat([Buffer.from(letter), createHash('sha256').update(text).digest()]);
const goodKey = (fileName: string): Buffer => hashed('g', fileName);
const noteKey = ({ key }: Name): Buffer => hashed('n', key);

export class JournalStore {
  readonly #db: Database;
  readonly #path: string;
  readonly #chains = new DeltaChains();
  readonly stored: Stored;

  /** Opens the journal in that file, or makes one. Throws {@link Unusable}, system errors, and those of LMDB, which have a number as `code`. */
  constructor(path: string) {
    this.#path = path;
    this.#db = openOrCreate(path, () => [STATE, writeState(newState())]);
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
      if (state.generation !== generation)
        throw new Unusable('a write that was given up is there all the same', 'disk');
      let { position, inForce, time } = state;
      for (const write of writes) {
        position = this.#apply(write) ?? position;
        inForce = write.inForce ?? inForce;
        time = write.time ?? time;
      }
      this.#put(STATE, writeState({ ...state, generation: generation + 1, position, inForce, time }));
    });
  }

  /** The parts of all deltas of a zone. None where one of them is damaged: they can be done without. */
  historyOf(zone: Name): Packs {
    const packing = new Packing();
    try {
      for (const { number, head } of this.#chains.of(zone)) {
        for (let part = 0; part < head.parts; part++) {
          const octets = this.#get(partKey(number, part));
          if (octets === undefined) return [];
          packing.add(octets);
        }
      }
      return packing.end();
    } finally {
      this.#db.resetReadTxn();
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }

  #makeRoom(writes: readonly StoredWrite[]): void {
    let [values, octets] = [1, 0];
    for (const { entries, lastGood, notes, deltas } of writes) {
      const packs = [...entries, ...lastGood, ...notes, ...deltas];
      for (const _ of unpack(packs)) values++;
      octets += octetsIn(packs);
    }
    makeRoomIn(this.#db, this.#path, values, octets);
  }

  /** Gives the position of its last entry. */
  #apply({ entries, closed, lastGood, notes, withdrawn, deltas }: StoredWrite): number | undefined {
    let position: number | undefined;
    for (const octets of unpack(entries)) {
      position = positionOf(octets);
      this.#put(entryKey(position), octets);
    }
    for (const each of closed) this.#db.remove(entryKey(each));
    for (const octets of unpack(lastGood)) {
      const [fileName, good] = readLastGood(octets);
      if (good === undefined) this.#db.remove(goodKey(fileName));
      else this.#put(goodKey(fileName), octets);
    }
    for (const octets of unpack(notes)) {
      const note = readNote(octets);
      if (saysNothing(note)) this.#db.remove(noteKey(note.zone));
      else this.#put(noteKey(note.zone), octets);
    }
    for (const zone of unpack(withdrawn)) this.#forget(this.#chains.withdraw(nameOf(zone)));
    const values = unpack(deltas);
    for (const octets of values) {
      const number = this.#chains.next;
      const head = readDeltaHead(octets);
      this.#put(headKey(number), octets);
      for (let part = 0; part < head.parts; part++) this.#put(partKey(number, part), values.next().value!);
      this.#forget(this.#chains.add(number, head));
    }
    return position;
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
    const [open, lastGood, notes] = [new Packing(), new Packing(), new Packing()];
    for (const [, octets] of this.#all('e')) open.add(octets);
    for (const [, octets] of this.#all('g')) lastGood.add(octets);
    for (const [, octets] of this.#all('n')) notes.add(octets);
    this.#db.resetReadTxn();
    return { ...state, open: open.end(), lastGood: lastGood.end(), notes: notes.end() };
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
    return getSealed(this.#db, key);
  }

  #put(key: Buffer, value: Uint8Array): void {
    putSealed(this.#db, key, value);
  }
}

const newState = (): State => ({ secret: newMarkSecret(), generation: 0, position: 0, inForce: undefined, time: 0 });

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a zone with ${name.fault.what}`);
  return name.value;
}
