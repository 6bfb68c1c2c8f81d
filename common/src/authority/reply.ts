/**
 * A reply in the making, written straight into octets: header, question, sets of records, OPT. One value serves for reply after
 * reply; nothing is allocated.
 *
 * Sets are put whole or not at all (RFC 2181 9). Names are compressed (RFC 1035 4.1.4) octet for octet, so that no name changes
 * its case; in RDATA only those of the types of RFC 1035 (RFC 3597 4).
 */
import { MAX_NAME_OCTETS } from '../name.ts';
import { put16, read16 } from '../octets.ts';
import { shapeOf } from '../rr/shape.ts';
import { HEADER_OCTETS } from '../wire/message.ts';
import type { Image } from '../zone/image.ts';
import type { EdnsReply } from './edns-reply.ts';
import { FLAG, OPCODE_BITS, type Query } from './query.ts';

export const SECTION = { answer: 0, authority: 1, additional: 2 } as const;

/** Where the question's name begins in every reply. */
export const QUESTION_AT: number = HEADER_OCTETS;

const MAX_POINTER = 0x3fff;
const CLASS_IN = 1;
/** Type, class, TTL and length of a record. */
const RECORD_HEAD = 10;
/** Places of names that a compression pointer may lead to; more of them are not remembered. */
const TABLE_SLOTS = 1024;
const MAX_PLACES = 512;
/** Slots looked at for one suffix: names that were made to collide cost compression, not time. */
const MAX_PROBES = 32;
const PRIME = 0x01000193;
const ROOT_HASH = 0x811c9dc5 | 0;

export class Reply {
  /** Room for the reply: what `limit` of {@link begin} says has to fit. */
  octets: Uint8Array;
  length = 0;
  isTruncated = false;
  isAuthoritative = false;
  /** Where the RDATA of the record that was written last begins. */
  rdataAt = 0;
  /** How many places sets are turned by (round robin); 0 leaves them in their order. */
  rotation = 0;
  #limit = 0;
  #questionEnd = 0;
  readonly #counts = new Uint16Array(3);

  /** The owner of the next set: where it stands in the message, or -1 and then the octets in `#owner`. */
  #ownerAt = QUESTION_AT;
  readonly #owner = new Uint8Array(MAX_NAME_OCTETS + 1);

  // Places of names, by a hash of their octets; those with another stamp belong to an earlier reply.
  readonly #places = new Uint16Array(TABLE_SLOTS);
  readonly #hashes = new Int32Array(TABLE_SLOTS);
  readonly #stamps = new Int32Array(TABLE_SLOTS);
  #stamp = 0;
  #placeCount = 0;
  readonly #starts = new Uint8Array(128);
  readonly #suffixHashes = new Int32Array(128);

  constructor(octets: Uint8Array) {
    this.octets = octets;
  }

  /** Octets of a reply that says nothing but what was asked. */
  least(query: Query): number {
    return HEADER_OCTETS + query.name.length + 4;
  }

  /** Begins the reply to a query: its header and question. `limit` octets are for all but the OPT record. */
  begin(query: Query, limit: number): void {
    const { octets } = this;
    const nameOctets = query.name.length;
    this.#limit = limit;
    this.#header(query, 0, 1);
    for (let i = 0; i < nameOctets; i++) octets[QUESTION_AT + i] = query.octets[query.nameAt + i]!;
    put16(octets, QUESTION_AT + nameOctets, query.type);
    put16(octets, QUESTION_AT + nameOctets + 2, query.class);
    this.#questionEnd = QUESTION_AT + nameOctets + 4;
    this.#stamp = (this.#stamp + 1) | 0;
    this.#placeCount = 0;
    this.clear();
    this.isAuthoritative = false;
    this.rotation = 0;
  }

  #header(query: Query, rcode: number, questions: number): void {
    const { octets } = this;
    put16(octets, 0, query.id);
    put16(octets, 2, FLAG.qr | (query.flags & (OPCODE_BITS | FLAG.rd | FLAG.cd)) | rcode);
    put16(octets, 4, questions);
  }

  /** A reply that is a header and nothing else; gives its length. */
  bare(query: Query, rcode: number): number {
    this.#header(query, rcode, 0);
    this.octets.fill(0, 6, HEADER_OCTETS);
    return HEADER_OCTETS;
  }

  /** Takes back all but header and question. */
  clear(): void {
    this.length = this.#questionEnd;
    this.#counts.fill(0);
    this.isTruncated = false;
  }

  /** Leaves header and question, and says that there would have been more. */
  truncate(): void {
    this.clear();
    this.isTruncated = true;
  }

  count(section: number): number {
    return this.#counts[section]!;
  }

  /** The next sets belong to the name that stands at an offset in this message. */
  ownerAt(offset: number): void {
    this.#ownerAt = offset <= MAX_POINTER ? offset : -1;
    if (this.#ownerAt < 0) this.#copyOwner(offset);
  }

  /** Reads a name out of the message, beyond the reach of pointers; what stands there was written by us. */
  #copyOwner(offset: number): void {
    const { octets } = this;
    let length = 0;
    for (let at = offset; ; ) {
      const size = octets[at]!;
      if (size >= 0xc0) at = ((size & 0x3f) << 8) | octets[at + 1]!;
      else {
        for (let i = 0; i <= size; i++) this.#owner[length + i] = octets[at + i]!;
        length += size + 1;
        at += size + 1;
        if (size === 0) return;
      }
    }
  }

  /** The next sets belong to a node of a zone; `apex` is the wire form of the zone's name. */
  ownerNode(image: Image, node: number, apex: Uint8Array): void {
    const { bytes } = image;
    const own = image.nameOctets(node);
    const at = image.nameAt(node);
    for (let i = 0; i < own; i++) this.#owner[i] = bytes[at + i]!;
    for (let i = 0; i < apex.length; i++) this.#owner[own + i] = apex[i]!;
    this.#ownerAt = -1;
  }

  /** The next sets belong to a name in wire form. */
  ownerName(octets: Uint8Array, at: number, length: number): void {
    for (let i = 0; i < length; i++) this.#owner[i] = octets[at + i]!;
    this.#ownerAt = -1;
  }

  /** Puts a set of an image at the end of a section, with another TTL than its own unless `ttl` is negative. Does it fit? */
  putSet(section: number, image: Image, set: number, ttl = -1): boolean {
    const { bytes } = image;
    const start = this.length;
    const type = image.setType(set);
    const size = image.setSize(set);
    const shape = shapeOf(type);
    const prefix = shape?.isCompressed === true ? shape.fixed : -1;
    const names = shape?.names ?? 0;
    const data = image.setData(set);
    const end = data + image.setOctets(set);
    const turn = this.rotation === 0 || size === 1 ? 0 : this.rotation % size;
    let at = data;
    for (let i = 0; i < turn; i++) at += 2 + read16(bytes, at);
    for (let i = 0; i < size; i++) {
      const length = read16(bytes, at);
      const isPut =
        this.#putHead(type, ttl < 0 ? image.setTtl(set) : ttl, length) &&
        (prefix < 0 ? this.#putOctets(bytes, at + 2, length) : this.#putNames(bytes, at + 2, length, prefix, names));
      if (!isPut) {
        this.length = start;
        return false;
      }
      at += 2 + length;
      if (at === end) at = data;
    }
    this.#counts[section] = this.#counts[section]! + size;
    return true;
  }

  /** Puts one record with RDATA that is a name, as of a CNAME that is made up (RFC 6672 2.2). Does it fit? */
  putName(section: number, type: number, ttl: number, octets: Uint8Array, length: number): boolean {
    const start = this.length;
    if (this.#putHead(type, ttl, length) && this.#putNames(octets, 0, length, 0, 1)) {
      this.#counts[section] = this.#counts[section]! + 1;
      return true;
    }
    this.length = start;
    return false;
  }

  /** Owner, type, class, TTL and length. Leaves `rdataAt` behind them. */
  #putHead(type: number, ttl: number, length: number): boolean {
    if (this.#ownerAt >= 0) {
      if (!this.#hasRoom(2 + RECORD_HEAD)) return false;
      put16(this.octets, this.length, 0xc000 | this.#ownerAt);
      this.length += 2;
    } else {
      const at = this.length;
      if (!this.#putWireName(this.#owner, 0) || !this.#hasRoom(RECORD_HEAD)) return false;
      // The records that follow point to the same place; the root's name is as short as a pointer is not.
      if (this.octets[at]! >= 0xc0) this.#ownerAt = read16(this.octets, at) & MAX_POINTER;
      else if (at <= MAX_POINTER && this.#owner[0] !== 0) this.#ownerAt = at;
    }
    const { octets } = this;
    const at = this.length;
    put16(octets, at, type);
    put16(octets, at + 2, CLASS_IN);
    put16(octets, at + 4, ttl >>> 16);
    put16(octets, at + 6, ttl);
    put16(octets, at + 8, length);
    this.length = at + RECORD_HEAD;
    this.rdataAt = this.length;
    return true;
  }

  #hasRoom(octets: number): boolean {
    return this.length + octets <= this.#limit;
  }

  #putOctets(source: Uint8Array, at: number, length: number): boolean {
    if (!this.#hasRoom(length)) return false;
    const { octets } = this;
    const to = this.length;
    for (let i = 0; i < length; i++) octets[to + i] = source[at + i]!;
    this.length = to + length;
    return true;
  }

  /** RDATA with names that are compressed; its length is put right afterwards. */
  #putNames(source: Uint8Array, start: number, length: number, prefix: number, names: number): boolean {
    const head = this.rdataAt;
    let at = start + prefix;
    if (!this.#putOctets(source, start, prefix)) return false;
    for (let i = 0; i < names; i++) {
      if (!this.#putWireName(source, at)) return false;
      while (source[at] !== 0) at += 1 + source[at]!;
      at++;
    }
    if (!this.#putOctets(source, at, start + length - at)) return false;
    put16(this.octets, head - 2, this.length - head);
    return true;
  }

  /**
   * A name, compressed; an uncompressed one stands at `source[at]`. The longest suffix that stands there already is found from the root
   * down, a label at a time, so that a name costs its octets however many like it there are.
   */
  #putWireName(source: Uint8Array, at: number): boolean {
    if (this.#placeCount === 0) this.#rememberQuestion();
    const labels = this.#hashName(source, at);
    let place = 0;
    let own = labels;
    while (own > 0) {
      const found = this.#find(this.#suffixHashes[own - 1]!, source, at + this.#starts[own - 1]!, place);
      if (found === 0) break;
      place = found;
      own--;
    }
    const octets = own === labels ? this.#ends(source, at, labels) : this.#starts[own]!;
    if (!this.#putLabels(source, at, octets, own) || !this.#hasRoom(place > 0 ? 2 : 1)) return false;
    if (place > 0) {
      put16(this.octets, this.length, 0xc000 | place);
      this.length += 2;
    } else this.octets[this.length++] = 0;
    return true;
  }

  /** Octets of all labels of the name whose labels have been found. */
  #ends(source: Uint8Array, at: number, labels: number): number {
    const last = labels === 0 ? 0 : this.#starts[labels - 1]!;
    return labels === 0 ? 0 : last + 1 + source[at + last]!;
  }

  /** Copies the first `count` labels, which are `octets` octets, and remembers where they are. */
  #putLabels(source: Uint8Array, at: number, octets: number, count: number): boolean {
    const to = this.length;
    if (!this.#putOctets(source, at, octets)) return false;
    for (let i = 0; i < count; i++) this.#remember(this.#suffixHashes[i]!, to + this.#starts[i]!);
    return true;
  }

  /** Finds the labels of a name and a hash of each suffix; gives how many there are. */
  #hashName(source: Uint8Array, at: number): number {
    let labels = 0;
    let offset = 0;
    for (let size = source[at]!; size !== 0; size = source[at + offset]!) {
      this.#starts[labels++] = offset;
      offset += size + 1;
    }
    let hash = ROOT_HASH;
    for (let i = labels - 1; i >= 0; i--) {
      const start = at + this.#starts[i]!;
      for (let j = start, end = start + source[start]!; j <= end; j++) hash = Math.imul(hash ^ source[j]!, PRIME);
      this.#suffixHashes[i] = hash;
    }
    return labels;
  }

  #rememberQuestion(): void {
    const labels = this.#hashName(this.octets, QUESTION_AT);
    for (let i = 0; i < labels; i++) this.#remember(this.#suffixHashes[i]!, QUESTION_AT + this.#starts[i]!);
    // So that it counts as done also for the root.
    this.#placeCount++;
  }

  #remember(hash: number, place: number): void {
    if (place > MAX_POINTER || this.#placeCount >= MAX_PLACES) return;
    this.#placeCount++;
    const first = hash ^ (hash >>> 15);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (first + probe) & (TABLE_SLOTS - 1);
      if (this.#stamps[slot] === this.#stamp) continue;
      this.#stamps[slot] = this.#stamp;
      this.#hashes[slot] = hash;
      this.#places[slot] = place;
      return;
    }
  }

  /** Where the label at `source[at]` stands in the message already, and behind it the name at `rest`, 0 for the root; 0 when it does not. */
  #find(hash: number, source: Uint8Array, at: number, rest: number): number {
    const first = hash ^ (hash >>> 15);
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (first + probe) & (TABLE_SLOTS - 1);
      if (this.#stamps[slot] !== this.#stamp) return 0;
      if (this.#hashes[slot] === hash && this.#isAt(this.#places[slot]!, source, at, rest)) return this.#places[slot]!;
    }
    return 0;
  }

  /** Compares octets: what was remembered may have been taken back since. */
  #isAt(place: number, source: Uint8Array, at: number, rest: number): boolean {
    const { octets } = this;
    const size = source[at]!;
    const end = place + 1 + size;
    if (end >= this.length || octets[place] !== size) return false;
    const next = octets[end]!;
    if (next >= 0xc0 && end + 1 >= this.length) return false;
    const follows = next === 0 ? 0 : next >= 0xc0 ? ((next & 0x3f) << 8) | octets[end + 1]! : end;
    if (follows !== rest) return false;
    for (let i = 1; i <= size; i++) if (octets[place + i] !== source[at + i]) return false;
    return true;
  }

  /** Ends the reply with its header and, behind the limit, OPT; gives its length. `rcode` has twelve bits. */
  finish(rcode: number, edns: EdnsReply): number {
    const { octets } = this;
    const flags = read16(octets, 2);
    put16(octets, 2, flags | (this.isAuthoritative ? FLAG.aa : 0) | (this.isTruncated ? FLAG.tc : 0) | (rcode & 15));
    const opt = edns.write(octets, this.length, rcode);
    this.length += opt;
    put16(octets, 6, this.#counts[SECTION.answer]!);
    put16(octets, 8, this.#counts[SECTION.authority]!);
    put16(octets, 10, this.#counts[SECTION.additional]! + (opt > 0 ? 1 : 0));
    return this.length;
  }
}
