/**
 * Records that wait to be written into the image of a zone, in arrays of words: those of the name at hand, and those that came
 * when their name had been written already. No object a record or a name, so that neither the number nor the order of the records
 * of a zone, which may be another's choice, fills the heap.
 */
import { meantTtl } from '../rr/record.ts';
import { type LookupName, spread } from './lookup-name.ts';

/** Words of a record that waits: the one before it of the same name, type, TTL, octets; its RDATA follows. */
const RECORD = { before: 0, type: 1, ttl: 2, octets: 3, data: 4 } as const;
export const NONE = -1;

/** Records in an array of words that grows. */
export class Waiting {
  #words = new Int32Array(64);
  #bytes = new Uint8Array(this.#words.buffer);
  #length = 0;

  clear(): void {
    this.#length = 0;
  }

  /** Puts a record behind another of its name, or behind none; gives where it is. */
  add(before: number, type: number, ttl: number, octets: Uint8Array, start: number, end: number): number {
    const at = this.#length;
    this.#length += RECORD.data + ((end - start + 3) >> 2);
    if (this.#length > this.#words.length) this.#grow();
    this.#words[at + RECORD.before] = before;
    this.#words[at + RECORD.type] = type;
    this.#words[at + RECORD.ttl] = meantTtl(ttl);
    this.#words[at + RECORD.octets] = end - start;
    const data = (at + RECORD.data) << 2;
    for (let i = start; i < end; i++) this.#bytes[data + i - start] = octets[i]!;
    return at;
  }

  #grow(): void {
    const larger = new Int32Array(Math.max(this.#length, this.#words.length + (this.#words.length >> 1)));
    larger.set(this.#words);
    this.#words = larger;
    this.#bytes = new Uint8Array(larger.buffer);
  }

  before(record: number): number {
    return this.#words[record + RECORD.before]!;
  }

  type(record: number): number {
    return this.#words[record + RECORD.type]!;
  }

  ttl(record: number): number {
    return this.#words[record + RECORD.ttl]!;
  }

  /** A view, good until the next record is added. */
  rdata(record: number): Uint8Array {
    const at = (record + RECORD.data) << 2;
    return this.#bytes.subarray(at, at + this.#words[record + RECORD.octets]!);
  }

  /** Puts a record of another such array behind one of its name. */
  copy(before: number, from: Waiting, record: number): number {
    const rdata = from.rdata(record);
    return this.add(before, from.type(record), from.ttl(record), rdata, 0, rdata.length);
  }
}

/** Offsets of the records that end with `last`, the first one first. */
export function inOrder(records: Waiting, last: number): number[] {
  const order: number[] = [];
  for (let at = last; at !== NONE; at = records.before(at)) order.push(at);
  return order.reverse();
}

/** Words of a late name: the hash of the name, a record whose RDATA is the name, the last record of the name. */
const LATE = { hash: 0, owner: 1, last: 2, size: 3 } as const;

/** Names that had been written when more came for them, in the order of that, with what came. */
export class LateNames {
  readonly records: Waiting = new Waiting();
  count = 0;
  #entries = new Int32Array(16 * LATE.size);
  /** Hash table, open, at most half full: a late name + 1, 0 when empty. */
  #slots = new Int32Array(32);

  /** Copies the records that end with `last` behind what the name has here. */
  take(name: LookupName, from: Waiting, last: number): void {
    const at = this.#find(name) * LATE.size + LATE.last;
    let end = this.#entries[at]!;
    for (const record of inOrder(from, last)) end = this.records.copy(end, from, record);
    this.#entries[at] = end;
  }

  /** Wire form in lower case; a view, good until the next record is taken. */
  owner(late: number): Uint8Array {
    return this.records.rdata(this.#entries[late * LATE.size + LATE.owner]!);
  }

  last(late: number): number {
    return this.#entries[late * LATE.size + LATE.last]!;
  }

  /** The late name, which becomes one if it is not. */
  #find(name: LookupName): number {
    const hash = name.hashes[0]!;
    if (2 * this.count >= this.#slots.length) this.#grow();
    let slot = this.#slotOf(hash);
    for (; this.#slots[slot] !== 0; slot = (slot + 1) % this.#slots.length) {
      const late = this.#slots[slot]! - 1;
      if (this.#entries[late * LATE.size + LATE.hash] === hash && name.endsWith(0, this.owner(late))) return late;
    }
    const late = this.count++;
    this.#slots[slot] = late + 1;
    const owner = this.records.add(NONE, 0, 0, name.lower, 0, name.length);
    this.#entries.set([hash, owner, NONE], late * LATE.size);
    return late;
  }

  #slotOf(hash: number): number {
    return (spread(hash) >>> 0) % this.#slots.length;
  }

  #grow(): void {
    const entries = new Int32Array(2 * this.#entries.length);
    entries.set(this.#entries);
    this.#entries = entries;
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let late = 0; late < this.count; late++) {
      let slot = this.#slotOf(entries[late * LATE.size + LATE.hash]!);
      while (this.#slots[slot] !== 0) slot = (slot + 1) % this.#slots.length;
      this.#slots[slot] = late + 1;
    }
  }
}
