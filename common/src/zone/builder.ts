/**
 * From records, in any order, to the image of a zone. No object a record is kept: names and records are gathered in arrays of
 * octets, each record linked to the one before it of the same name, and put into the image name by name at the end.
 *
 * Records that are the same are one; of the records of a set that differ in TTL the smallest TTL counts (RFC 2181 5.2).
 */
import type { Name } from '../name.ts';
import { rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import {
  bitsFor,
  Image,
  indexWords,
  type NodeDraft,
  nodeWords,
  ROOT_WORDS,
  setKey,
  setWords,
  signedBy,
} from './image.ts';
import { ASTERISK, LOWER, LookupName, spread } from './lookup-name.ts';
import { Zone } from './zone.ts';

/** Words of a name and of a record as they are gathered. */
const NAME = { at: 0, octets: 1, hash: 2, next: 3, children: 4, last: 5, size: 6 } as const;
const RECORD = { before: 0, type: 1, ttl: 2, octets: 3, data: 4 } as const;
const WILDCARD_CHILD = 0x100;
const NONE = -1;

/** An array of words that grows. */
class Words {
  words: Int32Array = new Int32Array(256);
  bytes: Uint8Array = new Uint8Array(this.words.buffer);
  length = 0;

  allocate(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.words.length) {
      const larger = new Int32Array(Math.max(this.length, this.words.length + (this.words.length >> 1)));
      larger.set(this.words);
      this.words = larger;
      this.bytes = new Uint8Array(larger.buffer);
    }
    return at;
  }
}

export class ZoneBuilder {
  readonly #origin: Name;
  readonly #lookup = new LookupName();
  readonly #apexWire: Uint8Array;
  readonly #apexLabels: number;
  readonly #names = new Words();
  readonly #nameOctets = new Words();
  readonly #records = new Words();
  #slots: Int32Array = new Int32Array(256).fill(NONE);
  #nameCount = 0;
  #lastOwner: Name | undefined;
  #lastName = 0;

  constructor(origin: Name) {
    this.#origin = origin;
    this.#apexWire = origin.toLowerCase().wire;
    this.#apexLabels = origin.labelCount;
    this.#lookup.read(origin.wire, 0);
    this.#intern(origin.wire, 0);
  }

  /** Takes a record of class IN; false, and nothing happens, when its owner is outside of the zone. Octets are copied. */
  add(owner: Name, type: number, ttl: number, rdata: Uint8Array): boolean {
    if (owner !== this.#lastOwner) {
      const lookup = this.#lookup;
      lookup.read(owner.wire, 0);
      const apex = lookup.labels - this.#apexLabels;
      if (apex < 0 || !lookup.endsWith(apex, this.#apexWire)) return false;
      this.#lastName = this.#intern(owner.wire, apex);
      this.#lastOwner = owner;
    }
    const records = this.#records;
    const at = records.allocate(RECORD.data + ((rdata.length + 3) >> 2));
    const name = this.#lastName * NAME.size;
    records.words[at + RECORD.before] = this.#names.words[name + NAME.last]!;
    records.words[at + RECORD.type] = type;
    records.words[at + RECORD.ttl] = ttl;
    records.words[at + RECORD.octets] = rdata.length;
    records.bytes.set(rdata, (at + RECORD.data) << 2);
    this.#names.words[name + NAME.last] = at;
    return true;
  }

  /** The number of the name in `#lookup`, whose apex is its label `apex`; names above it that are new are empty non-terminals. */
  #intern(wire: Uint8Array, apex: number): number {
    const lookup = this.#lookup;
    const found = this.#find(0, apex);
    if (found !== NONE) return found;
    const first = this.#append(wire, 0, apex);
    for (let i = 1; i <= apex; i++) {
      const known = this.#find(i, apex);
      const parent = known === NONE ? this.#append(wire, i, apex) : known;
      const words = this.#names.words;
      words[parent * NAME.size + NAME.children] = words[parent * NAME.size + NAME.children]! + 1;
      const label = lookup.starts[i - 1]!;
      if (lookup.lower[label] === 1 && lookup.lower[label + 1] === ASTERISK)
        words[parent * NAME.size + NAME.octets] = words[parent * NAME.size + NAME.octets]! | WILDCARD_CHILD;
      if (known !== NONE) break;
    }
    return first;
  }

  #find(i: number, apex: number): number {
    const { lower, starts, hashes } = this.#lookup;
    const start = starts[i]!;
    const length = starts[apex]! - start;
    const { words } = this.#names;
    const octets = this.#nameOctets.bytes;
    let id = this.#slots[spread(hashes[i]!) & (this.#slots.length - 1)]!;
    for (; id !== NONE; id = words[id * NAME.size + NAME.next]!) {
      const name = id * NAME.size;
      if (words[name + NAME.hash] !== hashes[i] || (words[name + NAME.octets]! & 0xff) !== length) continue;
      const at = words[name + NAME.at]!;
      let same = 0;
      while (same < length && LOWER[octets[at + same]!] === lower[start + same]) same++;
      if (same === length) return id;
    }
    return NONE;
  }

  #append(wire: Uint8Array, i: number, apex: number): number {
    const { starts, hashes } = this.#lookup;
    const id = this.#nameCount++;
    const name = this.#names.allocate(NAME.size);
    const length = starts[apex]! - starts[i]!;
    const at = this.#nameOctets.allocate((length + 3) >> 2) << 2;
    for (let j = 0; j < length; j++) this.#nameOctets.bytes[at + j] = wire[starts[i]! + j]!;
    const { words } = this.#names;
    words[name + NAME.at] = at;
    words[name + NAME.octets] = length;
    words[name + NAME.hash] = hashes[i]!;
    words[name + NAME.children] = 0;
    words[name + NAME.last] = NONE;
    if (this.#nameCount > this.#slots.length) this.#spreadOut();
    else this.#link(id);
    return id;
  }

  #link(id: number): void {
    const { words } = this.#names;
    const slot = spread(words[id * NAME.size + NAME.hash]!) & (this.#slots.length - 1);
    words[id * NAME.size + NAME.next] = this.#slots[slot]!;
    this.#slots[slot] = id;
  }

  #spreadOut(): void {
    this.#slots = new Int32Array(this.#slots.length * 4).fill(NONE);
    for (let id = 0; id < this.#nameCount; id++) this.#link(id);
  }

  /** The zone; `undefined` when there is not exactly one SOA at its apex. The builder must not be used after this. */
  finish(): Zone | undefined {
    const bits = bitsFor(this.#nameCount);
    const image = new Image(ROOT_WORDS + indexWords(bits) + this.#size(), this.#nameCount);
    this.#slots = new Int32Array(0);
    const root = image.begin(bits);
    const draft: NodeDraft = {
      hash: 0,
      names: this.#nameOctets.bytes,
      nameAt: 0,
      nameOctets: 0,
      sets: [],
      setCount: 0,
      children: 0,
      hasWildcard: false,
    };
    const packer = new Packer(image, this.#records);
    const { words } = this.#names;
    for (let id = 0; id < this.#nameCount; id++) {
      const name = id * NAME.size;
      draft.hash = words[name + NAME.hash]!;
      draft.nameAt = words[name + NAME.at]!;
      draft.nameOctets = words[name + NAME.octets]! & 0xff;
      draft.children = words[name + NAME.children]!;
      draft.hasWildcard = (words[name + NAME.octets]! & WILDCARD_CHILD) !== 0;
      draft.setCount = packer.pack(words[name + NAME.last]!, draft.sets);
      image.append(root, draft, id === 0);
    }
    image.seal(root);
    const soa = image.set(image.apexOf(root), TYPE.SOA);
    return soa !== 0 && image.setSize(soa) === 1 ? Zone.ofImage(this.#origin, image, root) : undefined;
  }

  /** Words that nodes and sets take at most: as if no two records were in one set. */
  #size(): number {
    let size = 0;
    const names = this.#names.words;
    const records = this.#records.words;
    for (let id = 0; id < this.#nameCount; id++) {
      let sets = 0;
      for (let at = names[id * NAME.size + NAME.last]!; at !== NONE; at = records[at + RECORD.before]!, sets++)
        size += setWords(records[at + RECORD.octets]! + 2);
      size += nodeWords(names[id * NAME.size + NAME.octets]! & 0xff, sets);
    }
    return size;
  }
}

/** Puts the records of a name into sets. */
class Packer {
  readonly #image: Image;
  readonly #words: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #records: number[] = [];

  constructor(image: Image, records: Words) {
    this.#image = image;
    this.#words = records.words;
    this.#bytes = records.bytes;
  }

  /** Writes the sets of the records that end with `last`, their offsets into `sets`; gives how many. */
  pack(last: number, sets: number[]): number {
    const words = this.#words;
    const records = this.#records;
    records.length = 0;
    for (let at = last; at !== NONE; at = words[at + RECORD.before]!) records.push(at);
    if (records.length === 1) {
      sets[0] = this.#write(this.#setKey(last), words[last + RECORD.ttl]!, records);
      return 1;
    }
    const byKey = new Map<number, number[]>();
    for (const record of records.reverse()) {
      const key = this.#setKey(record);
      const same = byKey.get(key);
      if (same === undefined) byKey.set(key, [record]);
      else same.push(record);
    }
    let count = 0;
    for (const [key, same] of byKey) {
      // A signature has the TTL of what it signs (RFC 4034 3).
      const ttl = this.#leastTtl(byKey.get(signedBy(key)) ?? same);
      sets[count++] = this.#write(key, ttl, this.#distinct(same));
    }
    return count;
  }

  #rdata(record: number): Uint8Array {
    const at = (record + RECORD.data) << 2;
    return this.#bytes.subarray(at, at + this.#words[record + RECORD.octets]!);
  }

  #setKey(record: number): number {
    return setKey(this.#words[record + RECORD.type]!, this.#rdata(record));
  }

  /** TTLs above 2^31-1, which a check refuses, are negative here and so count as least. */
  #leastTtl(records: readonly number[]): number {
    let least = this.#words[records[0]! + RECORD.ttl]!;
    for (const record of records) least = Math.min(least, this.#words[record + RECORD.ttl]!);
    return least;
  }

  #distinct(records: readonly number[]): readonly number[] {
    if (records.length === 1) return records;
    const type = this.#words[records[0]! + RECORD.type]!;
    const byKey = new Map<string, number>();
    for (const record of records) {
      const key = rdataKey(type, this.#rdata(record));
      if (!byKey.has(key)) byKey.set(key, record);
    }
    return [...byKey.values()];
  }

  #write(key: number, ttl: number, records: readonly number[]): number {
    let octets = 0;
    for (const record of records) octets += 2 + this.#words[record + RECORD.octets]!;
    const set = this.#image.addSet(key, ttl, records.length, octets);
    let at = this.#image.setData(set);
    for (const record of records) at = this.#image.writeRdata(at, this.#rdata(record));
    return set;
  }
}
