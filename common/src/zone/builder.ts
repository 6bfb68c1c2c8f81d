/**
 * From records, in any order, to the image of a zone. The records of a name that follow each other are written as they come, straight
 * into the arena, and then their node; names that come again are put together at the end (`image-first.ts`), so that the order of the
 * records costs nothing but memory.
 *
 * Records that are the same are one; of the records of a set that differ in TTL the smallest TTL counts (RFC 2181 5.2).
 */
import { MAX_NAME_OCTETS, type Name } from '../name.ts';
import { put16 } from '../octets.ts';
import { MAX_TTL, meantTtl } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { Image } from './image.ts';
import { FirstVersion, MAX_ZONE_NAMES, MAX_ZONE_OCTETS } from './image-first.ts';
import { SET, setKey, setWords } from './image-layout.ts';
import { areSameOctets, extendNameHash, LookupName, MAX_LABELS } from './lookup-name.ts';
import { areJoined, joinSets, shareTtls } from './set-join.ts';
import { Zone } from './zone.ts';

/** Octets of an image for each octet of a zone file, so that most need not grow. */
const IMAGE_RATIO = 3;
/** Names for each octet of a zone file. */
const NAME_RATIO = 1 / 16;
/** Words and names beside that: what a zone needs however small it is. */
const SMALL_WORDS = 64;
const SMALL_NAMES = 4;
/** How much larger a version may be than the one before it, as a share, so that its image need not grow. */
const NEXT = 1.1;
/** The key of no set. */
const NO_KEY = -1;

/** What is said of a zone that {@link ZoneBuilder.isTooLarge}. */
export const TOO_LARGE = `a zone of more than ${MAX_ZONE_OCTETS} octets, or ${MAX_ZONE_NAMES} names and empty non-terminals`;

const lookup = new LookupName();
/** Where the labels of an owner begin. */
const starts = new Uint8Array(MAX_LABELS);

/** Octets of a zone file, about, that becomes as large an image as a zone was when it was built, or somewhat larger. */
export const fileOctetsLike = ({ image }: Zone): number => (4 * image.firstEnd * NEXT) / IMAGE_RATIO;

export class ZoneBuilder {
  readonly #origin: Name;
  readonly #apex: Uint8Array;
  readonly #apexLabels: number;
  readonly #apexHash: number;
  readonly #image: Image;
  readonly #version: FirstVersion;
  /** The owner at hand without the apex, as it came, and the hash of all of it. */
  readonly #owner: Uint8Array = new Uint8Array(MAX_NAME_OCTETS);
  #ownerOctets = -1;
  #hash = 0;
  /** The sets of the owner at hand, one behind the other up to the end of the arena; the last of them, and its key. */
  #sets: number[] = [];
  #count = 0;
  #set = 0;
  #key = NO_KEY;

  /** `octets`: of the zone as a file, as far as that is known. `mostNames`: where empty non-terminals come in. */
  constructor(origin: Name, octets = 0, mostNames = MAX_ZONE_NAMES) {
    this.#origin = origin;
    this.#apex = origin.toLowerCase().wire;
    this.#apexLabels = origin.labelCount;
    lookup.read(origin.wire, 0);
    this.#apexHash = lookup.hashes[0]!;
    this.#image = new Image(SMALL_WORDS + ((IMAGE_RATIO * octets) >> 2), SMALL_NAMES + Math.ceil(octets * NAME_RATIO));
    this.#version = new FirstVersion(this.#image, this.#apex, mostNames);
  }

  /** Takes a record of class IN; false, and nothing happens, when its owner is outside of the zone. Octets are copied. */
  add(owner: Name, type: number, ttl: number, rdata: Uint8Array): boolean {
    if (!this.begin(owner.wire)) return false;
    this.put(type, ttl, rdata, rdata.length);
    return true;
  }

  /** Takes the owner, in wire form, of the records that are {@link put} next; false, and nothing happens, when it is outside. */
  begin(owner: Uint8Array): boolean {
    let labels = 0;
    let at = 0;
    for (; owner[at] !== 0; at += 1 + owner[at]!) starts[labels++] = at;
    const own = labels - this.#apexLabels;
    const octets = own < 0 ? -1 : own === labels ? at : starts[own]!;
    if (at + 1 - octets !== this.#apex.length || !areSameOctets(this.#apex, 0, owner, octets, this.#apex.length))
      return false;
    let hash = this.#apexHash;
    for (let i = own - 1, end = octets; i >= 0; i--) {
      const start = starts[i]!;
      hash = extendNameHash(hash, owner, start, end);
      end = start;
    }
    if (hash === this.#hash && octets === this.#ownerOctets && areSameOctets(this.#owner, 0, owner, 0, octets))
      return true;
    this.#end();
    this.#ownerOctets = octets;
    this.#hash = hash;
    for (let i = 0; i < octets; i++) this.#owner[i] = owner[i]!;
    return true;
  }

  /** Takes a record of class IN of the owner at hand: its RDATA are so many octets of `data` from `start` on, which are copied. */
  put(type: number, ttl: number, data: Uint8Array, octets: number, start = 0): void {
    const key = type === TYPE.RRSIG && octets >= 2 ? setKey(type, data.subarray(start)) : type;
    const image = this.#image;
    const isFirst = key !== this.#key;
    if (isFirst) {
      this.#key = key;
      this.#set = image.end;
      this.#sets[this.#count++] = this.#set;
    }
    const set = this.#set;
    const before = isFirst ? 0 : image.setOctets(set);
    const after = before + 2 + octets;
    image.allocate(setWords(after) - (isFirst ? 0 : setWords(before)));
    const { words, bytes } = image;
    words[set + SET.key] = key;
    words[set + SET.ttl] = Math.min(isFirst ? MAX_TTL : image.setTtl(set), meantTtl(ttl));
    words[set + SET.count]! += 1;
    words[set + SET.octets] = after;
    const at = image.setData(set) + before;
    put16(bytes, at, octets);
    for (let i = 0; i < octets; i++) bytes[at + 2 + i] = data[start + i]!;
  }

  /** Writes the node of the owner at hand, behind its sets. */
  #end(): void {
    if (this.#count === 0) return;
    if (this.#count > 1 || this.#image.setSize(this.#set) > 1) this.#tidy();
    this.#version.add(this.#hash, this.#owner, 0, this.#ownerOctets, this.#sets, this.#count);
    this.#count = 0;
    this.#key = NO_KEY;
  }

  /** Puts the sets of the owner at hand together where that is to be, and what is left of them where they began. */
  #tidy(): void {
    const image = this.#image;
    const sets = this.#sets;
    sets.length = this.#count;
    if (areJoined(image, sets)) {
      shareTtls(image, sets);
      return;
    }
    const joined = joinSets(image, sets);
    const [start] = sets as [number];
    const { end } = image;
    this.#sets = joined.map((set) => start - end + image.copy(set, setWords(image.setOctets(set))));
    this.#count = joined.length;
    const size = image.end - end;
    image.words.copyWithin(start, end, end + size);
    image.words.fill(0, start + size, image.end);
    image.end = start + size;
  }

  /** Has it become more than a zone may be? So it can be while records are put, or by the empty non-terminals of a zone that is finished. */
  get isTooLarge(): boolean {
    return this.#version.isTooLarge || 4 * this.#image.end > MAX_ZONE_OCTETS;
  }

  /** Records of the name that has most, once the zone is finished. */
  get mostRecords(): number {
    return this.#version.mostRecords;
  }

  /** The zone; `undefined` when there is not exactly one SOA at its apex, or when it {@link isTooLarge}. The builder must not be used after this. */
  finish(): Zone | undefined {
    this.#end();
    const image = this.#image;
    const root = this.#version.finish();
    if (this.isTooLarge) return undefined;
    const apex = image.apexOf(root);
    const soa = apex === 0 ? 0 : image.set(apex, TYPE.SOA);
    if (soa === 0 || image.setSize(soa) !== 1) return undefined;
    return Zone.ofImage(this.#origin, image, root);
  }
}
