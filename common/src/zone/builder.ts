/**
 * From records, in any order, to the image of a zone. No object a record or a name is kept. The records of a name are gathered as long as
 * they follow each other, and written when the next name comes; what comes for a name that has been written already waits, and is
 * put beside what it has at the end, so that the order of the records costs nothing but memory.
 *
 * Records that are the same are one; of the records of a set that differ in TTL the smallest TTL counts (RFC 2181 5.2).
 */
import type { Name } from '../name.ts';
import { read16 } from '../octets.ts';
import { rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { Image } from './image.ts';
import { ImageChange } from './image-change.ts';
import { setKey, signedBy } from './image-layout.ts';
import { LookupName } from './lookup-name.ts';
import { inOrder, LateNames, NONE, Waiting } from './waiting.ts';
import { Zone } from './zone.ts';

/** Different records of a set among which the same ones are looked for: the rules refuse a set that is so large (`rules/size.ts`). */
const MAX_DISTINCT = 100_000;
/** Octets of an image for each octet of a zone file, so that most need not grow. */
const IMAGE_RATIO = 3;
/** Names for each octet of a zone file. */
const NAME_RATIO = 1 / 32;

export class ZoneBuilder {
  readonly #origin: Name;
  readonly #apexWire: Uint8Array;
  readonly #apexLabels: number;
  readonly #image: Image;
  readonly #change: ImageChange;
  /** The owner at hand, and room for the next. */
  #lookup = new LookupName();
  #other = new LookupName();
  readonly #sets: number[] = [];
  /** The owner whose records are being gathered, and the last one of them. */
  #owner: Name | undefined;
  #last = NONE;
  readonly #gathered = new Waiting();
  /** Records of the name that has most, once the zone is finished. */
  mostRecords = 0;
  /** What came later for names that are written already. */
  readonly #late = new LateNames();

  /** `octets`: of the zone as a file, as far as that is known. */
  constructor(origin: Name, octets = 0) {
    this.#origin = origin;
    this.#apexWire = origin.toLowerCase().wire;
    this.#apexLabels = origin.labelCount;
    this.#image = new Image((IMAGE_RATIO * octets) >> 2, Math.ceil(octets * NAME_RATIO));
    this.#change = ImageChange.first(this.#image, 1);
  }

  /** Takes a record of class IN; false, and nothing happens, when its owner is outside of the zone. Octets are copied. */
  add(owner: Name, type: number, ttl: number, rdata: Uint8Array): boolean {
    if (owner !== this.#owner && (this.#owner === undefined || !isSameWire(owner.wire, this.#owner.wire))) {
      // The name at hand is still needed, to write what was gathered for it.
      const next = this.#other;
      next.read(owner.wire, 0);
      const apex = next.labels - this.#apexLabels;
      if (apex < 0 || !next.endsWith(apex, this.#apexWire)) return false;
      this.#flush();
      this.#other = this.#lookup;
      this.#lookup = next;
      this.#owner = owner;
    }
    this.#last = this.#gathered.add(this.#last, type, ttl, rdata, 0, rdata.length);
    return true;
  }

  /** Writes what was gathered, or lets it wait if the name has data already. */
  #flush(): void {
    if (this.#owner === undefined || this.#last === NONE) return;
    const node = this.#image.findSuffix(this.#change.root, this.#lookup, 0, this.#apex);
    if (node === 0 || this.#image.setCount(node) === 0) {
      if (this.#change.isCrowded) this.#change.widen();
      this.#write(this.#owner.wire, this.#gathered, this.#last);
    } else {
      this.#late.take(this.#lookup, this.#gathered, this.#last);
    }
    this.#gathered.clear();
    this.#last = NONE;
  }

  /** Octets of the image so far. */
  get octets(): number {
    return 4 * this.#image.end;
  }

  /** The label of the name at hand at which the apex begins. */
  get #apex(): number {
    return this.#lookup.labels - this.#apexLabels;
  }

  #write(wire: Uint8Array, records: Waiting, last: number): void {
    const count = pack(this.#change, records, last, this.#sets);
    let size = 0;
    for (let i = 0; i < count; i++) size += this.#image.setSize(this.#sets[i]!);
    this.mostRecords = Math.max(this.mostRecords, size);
    this.#change.put(this.#lookup, this.#apex, wire, this.#sets, count);
  }

  /** The zone; `undefined` when there is not exactly one SOA at its apex. The builder must not be used after this. */
  finish(): Zone | undefined {
    this.#flush();
    for (let i = 0; i < this.#late.count; i++) this.#join(this.#late.owner(i), this.#late.last(i));
    const image = this.#image;
    const root = this.#change.finish();
    const apex = image.apexOf(root);
    const soa = apex === 0 ? 0 : image.set(apex, TYPE.SOA);
    if (soa === 0 || image.setSize(soa) !== 1) return undefined;
    return Zone.ofImage(this.#origin, image, root);
  }

  /** Writes a name once more, with what came later behind what it has. */
  #join(wire: Uint8Array, last: number): void {
    const image = this.#image;
    this.#lookup.read(wire, 0);
    const node = image.findSuffix(this.#change.root, this.#lookup, 0, this.#apex);
    const all = this.#gathered;
    let end = NONE;
    for (let i = 0; i < image.setCount(node); i++) {
      const set = image.setAt(node, i);
      let at = image.setData(set);
      for (let left = image.setSize(set); left > 0; left--) {
        const next = at + 2 + read16(image.bytes, at);
        end = all.add(end, image.setType(set), image.setTtl(set), image.bytes, at + 2, next);
        at = next;
      }
    }
    const late = this.#late.records;
    for (const record of inOrder(late, last)) end = all.copy(end, late, record);
    this.#write(wire, all, end);
    all.clear();
  }
}

function isSameWire(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Writes the sets of the records that end with `last` into an image, and their offsets into `sets`; gives how many. */
function pack(change: ImageChange, records: Waiting, last: number, sets: number[]): number {
  if (records.before(last) === NONE) {
    const rdata = records.rdata(last);
    sets[0] = change.addSet(setKey(records.type(last), rdata), records.ttl(last), [rdata]);
    return 1;
  }
  const byKey = new Map<number, number[]>();
  for (const record of inOrder(records, last)) {
    const key = setKey(records.type(record), records.rdata(record));
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [record]);
    else same.push(record);
  }
  let count = 0;
  for (const [key, same] of byKey) {
    // A signature has the TTL of what it signs (RFC 4034 3).
    const ttl = leastTtl(records, byKey.get(signedBy(key)) ?? same);
    sets[count++] = change.addSet(
      key,
      ttl,
      distinct(records, same).map((record) => records.rdata(record)),
    );
  }
  return count;
}

/** TTLs above 2^31-1, which a check refuses, are negative here and so count as least. */
function leastTtl(records: Waiting, all: readonly number[]): number {
  let least = records.ttl(all[0]!);
  for (const record of all) least = Math.min(least, records.ttl(record));
  return least;
}

function distinct(records: Waiting, all: readonly number[]): readonly number[] {
  if (all.length === 1) return all;
  const type = records.type(all[0]!);
  const byKey = new Map<string, number>();
  for (const record of all) {
    const key = rdataKey(type, records.rdata(record));
    if (!byKey.has(key)) byKey.set(key, record);
    if (byKey.size > MAX_DISTINCT) return all;
  }
  return [...byKey.values()];
}
