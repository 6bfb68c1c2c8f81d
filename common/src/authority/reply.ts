/**
 * A reply in the making, written straight into octets: header, question, sets of records, OPT. One value serves for reply after
 * reply; nothing is allocated.
 *
 * Sets are put whole or not at all (RFC 2181 9). Names are compressed (RFC 1035 4.1.4) octet for octet, so that no name changes
 * its case; in RDATA only those of the types of RFC 1035 (RFC 3597 4). A suffix is sought from the root down: along the question
 * first, where most of them are, and then in a table of the labels that have been written since.
 */
import { MAX_NAME_OCTETS } from '../name.ts';
import { copyOctets, put16, read16 } from '../octets.ts';
import { shapeOf } from '../rr/shape.ts';
import { HEADER_OCTETS } from '../wire/message.ts';
import type { Image } from '../zone/image.ts';
import { MAX_LABELS } from '../zone/lookup-name.ts';
import type { EdnsReply } from './edns-reply.ts';
import { FLAG, OPCODE_BITS, type Query } from './query.ts';

export const SECTION = { answer: 0, authority: 1, additional: 2 } as const;

/** Where the question's name begins in every reply. */
export const QUESTION_AT: number = HEADER_OCTETS;

const MAX_POINTER = 0x3fff;
const CLASS_IN = 1;
/** Type, class, TTL and length of a record. */
const RECORD_HEAD = 10;
/** Places behind the question that a compression pointer may lead to; more of them are not remembered. */
const TABLE_SLOTS = 1024;
const MAX_PLACES = 512;
/** Instead of the place of a name: the root, which is nowhere looked for. */
const ROOT = 0;
/** Instead of a place that has not been sought yet. */
const UNKNOWN = -1;
/** Slots looked at for one suffix: names that were made to collide cost compression, not time. */
const MAX_PROBES = 32;
const PRIME = 0x01000193;

/** Of a label, with its length octet, and of where the name behind it stands. */
function hashLabel(rest: number, octets: Uint8Array, at: number): number {
  let hash = Math.imul(rest, 0x9e3779b1);
  for (let i = at, end = at + octets[at]!; i <= end; i++) hash = Math.imul(hash ^ octets[i]!, PRIME);
  return hash ^ (hash >>> 15);
}

/** Are two labels the same, octet for octet? */
function isSameLabel(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  const size = a[aAt]!;
  for (let i = 0; i <= size; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

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

  /** The owner of the next set: where it stands in the message, or -1 and then its labels, and where the name behind them stands. */
  #ownerAt = QUESTION_AT;
  #owner: Uint8Array = new Uint8Array(0);
  #ownerFrom = 0;
  #ownerEnd = 0;
  #ownerRest = ROOT;
  /** For owners that stand nowhere as a whole. */
  readonly #copy = new Uint8Array(MAX_NAME_OCTETS + 1);

  /** Where the labels of the question begin in its name, and how many there are. */
  #questionStarts: Uint8Array = new Uint8Array(1);
  #questionLabels = 0;
  /** Where the name of the zone stands in the question, {@link ROOT} if it is written otherwise there. */
  #zoneAt = UNKNOWN;

  // Labels behind the question: 14 bits for where each stands, and the upper ones of its hash; 0 is an empty slot.
  readonly #slots = new Int32Array(TABLE_SLOTS);
  readonly #used = new Uint16Array(MAX_PLACES);
  #places = 0;
  /** Labels of the name that is being put: where they begin in its source; and where the last such name ends there. */
  readonly #starts = new Int32Array(MAX_LABELS);
  #nameEnd = 0;

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
    const { name } = query;
    const nameOctets = name.length;
    this.#limit = limit;
    this.#header(query, 0, 1);
    copyOctets(query.octets, query.nameAt, octets, QUESTION_AT, nameOctets);
    put16(octets, QUESTION_AT + nameOctets, query.type);
    put16(octets, QUESTION_AT + nameOctets + 2, query.class);
    this.#questionEnd = QUESTION_AT + nameOctets + 4;
    this.#questionStarts = name.starts;
    this.#questionLabels = name.labels;
    this.#zoneAt = UNKNOWN;
    for (let i = 0; i < this.#places; i++) this.#slots[this.#used[i]!] = 0;
    this.#places = 0;
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
        copyOctets(octets, at, this.#copy, length, size + 1);
        length += size + 1;
        at += size + 1;
        if (size === 0) break;
      }
    }
    this.#ownerLabels(this.#copy, 0, length - 1, ROOT);
  }

  #ownerLabels(source: Uint8Array, from: number, end: number, rest: number): void {
    this.#owner = source;
    this.#ownerFrom = from;
    this.#ownerEnd = end;
    this.#ownerRest = rest;
    this.#ownerAt = -1;
  }

  /** The next sets belong to a node of the zone that the reply is made from; `apex` is the wire form of the zone's name. */
  ownerNode(image: Image, node: number, apex: Uint8Array): void {
    const own = image.nameOctets(node);
    const at = image.nameAt(node);
    if (this.#zoneAt === UNKNOWN) this.#zoneAt = this.#findZone(apex);
    const zone = this.#zoneAt;
    if (zone === ROOT) {
      copyOctets(image.bytes, at, this.#copy, 0, own);
      copyOctets(apex, 0, this.#copy, own, apex.length);
      this.#ownerLabels(this.#copy, 0, own + apex.length - 1, ROOT);
    } else if (own === 0) this.#ownerAt = zone;
    else this.#ownerLabels(image.bytes, at, at + own, zone);
  }

  /** Where the name of the zone stands in the question, if it is written like that there. */
  #findZone(apex: Uint8Array): number {
    const { octets } = this;
    const at = this.#questionEnd - 4 - apex.length;
    if (this.#labelAt(at) < 0) return ROOT;
    for (let i = 0; i < apex.length; i++) if (octets[at + i] !== apex[i]) return ROOT;
    return at;
  }

  /** Which label of the question begins at a place in the message; -1: none. */
  #labelAt(place: number): number {
    let i = this.#questionLabels - 1;
    while (i >= 0 && QUESTION_AT + this.#questionStarts[i]! !== place) i--;
    return i;
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
    const { octets } = this;
    let at = this.length;
    if (this.#ownerAt >= 0) {
      if (at + 2 + RECORD_HEAD > this.#limit) return false;
      put16(octets, at, 0xc000 | this.#ownerAt);
      at += 2;
    } else {
      if (!this.#putLabels(this.#owner, this.#ownerFrom, this.#ownerEnd, this.#ownerRest)) return false;
      // The records that follow point to the same place; the root's name is as short as a pointer is not.
      if (octets[at]! >= 0xc0) this.#ownerAt = read16(octets, at) & MAX_POINTER;
      else if (at <= MAX_POINTER && octets[at] !== 0) this.#ownerAt = at;
      at = this.length;
      if (at + RECORD_HEAD > this.#limit) return false;
    }
    octets[at] = type >> 8;
    octets[at + 1] = type;
    octets[at + 2] = 0;
    octets[at + 3] = CLASS_IN;
    octets[at + 4] = ttl >>> 24;
    octets[at + 5] = ttl >>> 16;
    octets[at + 6] = ttl >>> 8;
    octets[at + 7] = ttl;
    octets[at + 8] = length >> 8;
    octets[at + 9] = length;
    this.length = at + RECORD_HEAD;
    this.rdataAt = this.length;
    return true;
  }

  #hasRoom(octets: number): boolean {
    return this.length + octets <= this.#limit;
  }

  #putOctets(source: Uint8Array, at: number, length: number): boolean {
    if (!this.#hasRoom(length)) return false;
    const to = this.length;
    copyOctets(source, at, this.octets, to, length);
    this.length = to + length;
    return true;
  }

  /** RDATA with names that are compressed; its length is put right afterwards. */
  #putNames(source: Uint8Array, start: number, length: number, prefix: number, names: number): boolean {
    const head = this.rdataAt;
    let at = start + prefix;
    if (!this.#putOctets(source, start, prefix)) return false;
    for (let i = 0; i < names; i++) {
      if (!this.#putLabels(source, at, start + length, ROOT)) return false;
      at = this.#nameEnd + 1;
    }
    if (!this.#putOctets(source, at, start + length - at)) return false;
    put16(this.octets, head - 2, this.length - head);
    return true;
  }

  /**
   * A name, compressed: the labels from `source[from]` up to `end` or the root's, and behind them the name that stands at the place
   * `rest`. The longest suffix that stands there already is found a label at a time, so that a name costs its octets however many like
   * it there are.
   */
  #putLabels(source: Uint8Array, from: number, end: number, rest: number): boolean {
    const starts = this.#starts;
    let labels = 0;
    let at = from;
    for (let size = source[at]!; at < end && size !== 0; size = source[at]!) {
      starts[labels++] = at;
      at += 1 + size;
    }
    this.#nameEnd = at;
    const { octets } = this;
    let place = rest;
    let own = labels;
    let next = rest === ROOT ? this.#questionLabels - 1 : this.#labelAt(rest) - 1;
    for (; own > 0 && next >= 0; own--, next--) {
      const asked = QUESTION_AT + this.#questionStarts[next]!;
      if (!isSameLabel(octets, asked, source, starts[own - 1]!)) break;
      place = asked;
    }
    let hash = 0;
    for (; own > 0; own--) {
      hash = hashLabel(place, source, starts[own - 1]!);
      const found = this.#find(hash, source, starts[own - 1]!, place);
      if (found === 0) break;
      place = found;
    }
    const count = (own === labels ? at : starts[own]!) - from;
    const to = this.length;
    if (to + count + (place === ROOT ? 1 : 2) > this.#limit) return false;
    copyOctets(source, from, octets, to, count);
    if (place === ROOT) octets[to + count] = 0;
    else put16(octets, to + count, 0xc000 | place);
    this.length = to + count + (place === ROOT ? 1 : 2);
    for (let i = own - 1; i >= 0; i--) {
      place = to + starts[i]! - from;
      this.#remember(hash, place);
      if (i > 0) hash = hashLabel(place, source, starts[i - 1]!);
    }
    return true;
  }

  #remember(hash: number, place: number): void {
    if (place > MAX_POINTER || this.#places === MAX_PLACES) return;
    const slots = this.#slots;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (hash + probe) & (TABLE_SLOTS - 1);
      if (slots[slot] !== 0) continue;
      slots[slot] = (hash & ~MAX_POINTER) | place;
      this.#used[this.#places++] = slot;
      return;
    }
  }

  /** Where the label at `source[at]` stands behind the question, with the name at `rest` behind it; 0 when it does not. */
  #find(hash: number, source: Uint8Array, at: number, rest: number): number {
    const slots = this.#slots;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const entry = slots[(hash + probe) & (TABLE_SLOTS - 1)]!;
      if (entry === 0) return 0;
      if (((entry ^ hash) & ~MAX_POINTER) === 0 && this.#isAt(entry & MAX_POINTER, source, at, rest))
        return entry & MAX_POINTER;
    }
    return 0;
  }

  /** Compares octets: what was remembered may have been taken back since. */
  #isAt(place: number, source: Uint8Array, at: number, rest: number): boolean {
    const { octets } = this;
    const end = place + 1 + source[at]!;
    if (end >= this.length) return false;
    const next = octets[end]!;
    if (next >= 0xc0 && end + 1 >= this.length) return false;
    const follows = next === 0 ? ROOT : next >= 0xc0 ? ((next & 0x3f) << 8) | octets[end + 1]! : end;
    return follows === rest && isSameLabel(source, at, octets, place);
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
