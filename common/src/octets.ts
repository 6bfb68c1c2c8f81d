/**
 * The one reader and the one writer of octets (RFC 1035 3.3, 4.1.4). Both are bounded.
 *
 * Both are sticky: after the first fault every read gives zero or empty values and every write does nothing, so a decoder is
 * written without a check per field and asks once, at its end, for `fault` (or `isFull`). Loops must stop on a fault.
 */
import { MAX_LABEL_OCTETS, MAX_NAME_OCTETS, Name } from './name.ts';

export interface OctetsFault {
  readonly kind: 'octets';
  /** Offset in the octets being read. */
  readonly at: number;
  readonly what: string;
}

/** Two octets in network order. For places that are known to be within bounds. */
export function read16(octets: Uint8Array, at: number): number {
  return (octets[at]! << 8) | octets[at + 1]!;
}

/** Writes two octets in network order. */
export function put16(octets: Uint8Array, at: number, value: number): void {
  octets[at] = value >> 8;
  octets[at + 1] = value;
}

/** Copies so many octets, without the view that `set` would want. Four at a time: that takes half as long. */
export function copyOctets(from: Uint8Array, at: number, to: Uint8Array, toAt: number, count: number): void {
  let i = 0;
  for (const end = count - 3; i < end; i += 4) {
    to[toAt + i] = from[at + i]!;
    to[toAt + i + 1] = from[at + i + 1]!;
    to[toAt + i + 2] = from[at + i + 2]!;
    to[toAt + i + 3] = from[at + i + 3]!;
  }
  for (; i < count; i++) to[toAt + i] = from[at + i]!;
}

const EMPTY = new Uint8Array(0);
/** The most labels in 255 octets, so the most pointers that a compressor can have a use for. */
const MAX_POINTERS = 127;
/** Octets of all names of a message, uncompressed: two octets of a pointer stand for up to 255. */
const MAX_NAMES_OCTETS = 2 ** 20;
/** Where a name is put together. */
const nameDraft = new Uint8Array(MAX_NAME_OCTETS);

export class Reader {
  readonly octets: Uint8Array;
  offset: number;
  /** Where reading ends, exclusive. */
  end: number;
  fault: OctetsFault | undefined;
  #nameOctets = 0;

  constructor(octets: Uint8Array, offset = 0, end = octets.length) {
    this.octets = octets;
    this.offset = offset;
    this.end = Math.min(end, octets.length);
  }

  get left(): number {
    return this.fault === undefined ? this.end - this.offset : 0;
  }

  /** Records the first fault. */
  fail(what: string, at = this.offset): void {
    this.fault ??= { kind: 'octets', at, what };
  }

  #take(count: number): number {
    if (this.fault !== undefined || this.offset + count > this.end) {
      this.fail('cut short');
      return -1;
    }
    const at = this.offset;
    this.offset += count;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.octets[at]!;
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : (this.octets[at]! << 8) | this.octets[at + 1]!;
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  u48(): number {
    return this.u16() * 0x100000000 + this.u32();
  }

  /** A view, not a copy. */
  bytes(count: number): Uint8Array {
    const at = this.#take(count);
    return at < 0 ? EMPTY : this.octets.subarray(at, at + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  /** A character-string (RFC 1035 3.3) without its length octet. */
  string(): Uint8Array {
    return this.bytes(this.u8());
  }

  /** A name, its pointers followed as {@link wireName} does. */
  name(compressed: boolean): Name {
    const length = this.wireName(compressed, nameDraft);
    if (length === 0) return Name.root;
    const name = Name.fromWire(nameDraft.slice(0, length));
    return name.ok ? name.value : Name.root;
  }

  /**
   * A name as octets: its uncompressed wire form is written to the beginning of `wire`, which has room for 255 octets. Gives its length, 0
   * after a fault. Pointers (RFC 1035 4.1.4) are followed only when `compressed`; each must point to before the place where the
   * labels read so far began, so that every chain ends, and there may be no more of them than a name can have labels, so that
   * a message full of names at the end of one long chain costs no more than its size.
   */
  wireName(compressed: boolean, wire: Uint8Array): number {
    const { octets } = this;
    let length = 0;
    let at = this.offset;
    let limit = at;
    let after = -1;
    let pointers = 0;
    while (this.fault === undefined) {
      const end = after < 0 ? this.end : octets.length;
      const octet = at < end ? octets[at]! : -1;
      if (octet < 0) this.fail('a name cut short', at);
      else if (octet >= 0xc0) {
        const low = octets[at + 1];
        if (!compressed) this.fail('a compressed name where none may be', at);
        else if (low === undefined || (after < 0 && at + 2 > end)) this.fail('a pointer cut short', at);
        else {
          const target = ((octet & 0x3f) << 8) | low;
          if (target >= limit) this.fail('a pointer that does not point back', at);
          else if (++pointers > MAX_POINTERS) this.fail(`a name of more than ${MAX_POINTERS} pointers`, at);
          if (after < 0) after = at + 2;
          at = target;
          limit = target;
        }
      } else if (octet > 63) this.fail('a label type other than 00 and 11', at);
      else if (length + 1 + octet > MAX_NAME_OCTETS - (octet === 0 ? 0 : 1))
        this.fail('a name of more than 255 octets', at);
      else if (at + 1 + octet > end) this.fail('a label cut short', at);
      else {
        for (let i = 0; i <= octet; i++) wire[length + i] = octets[at + i]!;
        length += 1 + octet;
        at += 1 + octet;
        if (octet === 0) break;
      }
    }
    if (this.fault !== undefined) return 0;
    this.offset = after < 0 ? at : after;
    this.#nameOctets += length;
    if (this.#nameOctets > MAX_NAMES_OCTETS) this.fail(`names of more than ${MAX_NAMES_OCTETS} octets`);
    return length;
  }

  /** Steps over a name without looking where its pointer leads, which whoever reads it does. */
  skipName(): void {
    const { octets, end } = this;
    let at = this.offset;
    while (at < end && octets[at]! > 0 && octets[at]! <= MAX_LABEL_OCTETS) at += 1 + octets[at]!;
    this.#take((at < end && octets[at]! > MAX_LABEL_OCTETS ? at + 2 : at + 1) - this.offset);
  }
}

/** So many octets are copied one by one. */
const LOOP_OCTETS = 64;
/** Octets that a writer has room for at first. */
const FIRST_OCTETS = 64;
/** Where pointers can lead to: they have fourteen bits (RFC 1035 4.1.4). */
const POINTER_SPACE = 0x4000;
/** Instead of the place of a name: the root, which is nowhere looked for. */
const ROOT = -1;
/** Slots of a writer's table of suffixes at first; a power of two, as it stays when the table grows. */
const FIRST_SLOTS = 64;
/** Slots looked at for one suffix: names that were made to collide cost compression, not time. */
const MAX_PROBES = 32;
/** An entry of that table: in the upper bits a suffix's hash; below, where it stands, plus one, so that zero is an empty slot. */
const PLACE_BITS = 15;
const PLACE_MASK = 2 ** PLACE_BITS - 1;

/** Labels of the name being compressed: where each begins in its wire form, and the hash of the name from there on. */
const labelStarts = new Uint8Array(MAX_POINTERS);
const suffixHashes = new Uint32Array(MAX_POINTERS);

/** Fills both of the above for the name that begins at `wire[start]`; gives how many labels it has. FNV-1a from the root down. */
function hashSuffixes(wire: Uint8Array, start: number): number {
  let labels = 0;
  for (let at = start; wire[at] !== 0; at += 1 + wire[at]!) labelStarts[labels++] = at - start;
  let hash = 0x811c9dc5;
  for (let label = labels - 1; label >= 0; label--) {
    const from = start + labelStarts[label]!;
    for (let i = from, end = from + wire[from]!; i <= end; i++) hash = Math.imul(hash ^ wire[i]!, 0x01000193);
    // Mixed once more, since names that count up would stand side by side in the table.
    const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    suffixHashes[label] = (mixed ^ (mixed >>> 13)) >>> PLACE_BITS;
  }
  return labels;
}

/** What most writers never need is not made for each. */
const NO_SLOTS = new Uint32Array(0);
const NONE_USED = new Uint16Array(0);

export class Writer {
  #octets: Uint8Array;
  length = 0;
  /** The most octets that may be written. */
  readonly limit: number;
  /** Set once something did not fit. */
  isFull = false;
  /** Suffixes of names written, found by their hash (open addressing, linear probing). Empty until a name is compressed. */
  #slots: Uint32Array = NO_SLOTS;
  /** The slots in use, in the order they were filled: the last are emptied first, so that no other's probing is cut short. */
  #used: Uint16Array = NONE_USED;
  #count = 0;

  /** `first`: octets that there is room for at first, which spares copies where it is known how many will be written. */
  constructor(limit = 65535, first = FIRST_OCTETS) {
    this.limit = limit;
    this.#octets = new Uint8Array(Math.min(limit, first));
  }

  #room(count: number): number {
    const at = this.length;
    if (this.isFull || at + count > this.limit) {
      this.isFull = true;
      return -1;
    }
    if (at + count > this.#octets.length) {
      const larger = new Uint8Array(Math.min(this.limit, Math.max(2 * this.#octets.length, at + count)));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    this.length += count;
    return at;
  }

  u8(value: number): void {
    const at = this.#room(1);
    if (at >= 0) this.#octets[at] = value;
  }

  u16(value: number): void {
    const at = this.#room(2);
    if (at >= 0) this.#put16(at, value);
  }

  u32(value: number): void {
    this.u16(Math.floor(value / 0x10000) & 0xffff);
    this.u16(value & 0xffff);
  }

  u48(value: number): void {
    this.u16(Math.floor(value / 0x100000000) & 0xffff);
    this.u32(value % 0x100000000);
  }

  /** Octets `start` up to `end` of an array. */
  bytes(octets: Uint8Array, start = 0, end: number = octets.length): void {
    const count = end - start;
    const at = this.#room(count);
    if (at < 0) return;
    // For the few octets that most fields have a loop is quicker than a call.
    if (count > LOOP_OCTETS) this.#octets.set(count === octets.length ? octets : octets.subarray(start, end), at);
    else for (let i = 0; i < count; i++) this.#octets[at + i] = octets[start + i]!;
  }

  /** Makes room for so many octets, which the caller writes into {@link octets}; gives where, -1 when they do not fit. */
  take(count: number): number {
    return this.#room(count);
  }

  /** What has been written: the first `length` octets, until more are. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** A name without compression. */
  name(name: Name): void {
    this.bytes(name.wire);
  }

  /** A name, its longest suffix already written replaced by a pointer. Suffixes are matched with their case, so case is kept. */
  compressedName(name: Name): void {
    this.compressedWire(name.wire, 0);
  }

  /**
   * The same for the name whose uncompressed wire form begins at `wire[start]`; it must be a valid one. The longest suffix is found from
   * the root down, a label at a time, so that a name costs its octets however many like it there are.
   */
  compressedWire(wire: Uint8Array, start: number): void {
    let own = hashSuffixes(wire, start);
    let seen = ROOT;
    while (own > 0) {
      const place = this.#find(suffixHashes[own - 1]!, wire, start + labelStarts[own - 1]!, seen);
      if (place < 0) break;
      seen = place;
      own--;
    }
    for (let label = 0; label < own; label++) {
      if (this.length < POINTER_SPACE && !this.isFull)
        this.#remember(suffixHashes[label]! * 2 ** PLACE_BITS + this.length + 1);
      this.#label(wire, start + labelStarts[label]!);
    }
    if (seen === ROOT) this.u8(0);
    else this.u16(0xc000 | seen);
  }

  #label(wire: Uint8Array, from: number): void {
    const count = 1 + wire[from]!;
    const at = this.#room(count);
    if (at >= 0) for (let i = 0; i < count; i++) this.#octets[at + i] = wire[from + i]!;
  }

  /**
   * Where the label at `wire[from]` stands already, and behind it the name at `rest`; or -1. `hash` as in an entry.
   */
  #find(hash: number, wire: Uint8Array, from: number, rest: number): number {
    if (this.#count === 0) return -1;
    const mask = this.#slots.length - 1;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const entry = this.#slots[(hash + probe) & mask]!;
      if (entry === 0) return -1;
      const at = (entry & PLACE_MASK) - 1;
      if (entry >>> PLACE_BITS === hash && this.#isAt(at, wire, from, rest)) return at;
    }
    return -1;
  }

  /** Is the label written at `place` the one at `wire[from]`, and what follows it the name at `rest`? */
  #isAt(place: number, wire: Uint8Array, from: number, rest: number): boolean {
    const octets = this.#octets;
    const size = wire[from]!;
    const end = place + 1 + size;
    // A name that did not fit has no end; what was written before at that place must not be read.
    if (end >= this.length || octets[place] !== size) return false;
    const next = octets[end]!;
    if (next >= 0xc0 && end + 1 >= this.length) return false;
    const follows = next === 0 ? ROOT : next >= 0xc0 ? ((next & 0x3f) << 8) | octets[end + 1]! : end;
    if (follows !== rest) return false;
    for (let i = 1; i <= size; i++) if (octets[place + i] !== wire[from + i]) return false;
    return true;
  }

  /** Puts an entry into a free slot near the one its hash wants; what finds none is never pointed to. */
  #remember(entry: number): void {
    if (2 * this.#count >= this.#slots.length) this.#grow();
    const mask = this.#slots.length - 1;
    const first = entry >>> PLACE_BITS;
    for (let probe = 0; probe < MAX_PROBES; probe++) {
      const slot = (first + probe) & mask;
      if (this.#slots[slot] !== 0) continue;
      this.#slots[slot] = entry;
      this.#used[this.#count++] = slot;
      return;
    }
  }

  #grow(): void {
    const slots = this.#slots;
    const used = this.#used.subarray(0, this.#count);
    this.#slots = new Uint32Array(Math.max(FIRST_SLOTS, 2 * slots.length));
    this.#used = new Uint16Array(this.#slots.length / 2);
    this.#count = 0;
    for (const slot of used) this.#remember(slots[slot]!);
  }

  /** Overwrites two octets written before. */
  patch16(at: number, value: number): void {
    if (at + 2 <= this.length) this.#put16(at, value);
  }

  /** Takes back all that was written from `length` on, and that it did not fit. `rewind(0)` makes the writer as good as new. */
  rewind(length: number): void {
    this.length = length;
    this.isFull = false;
    while (this.#count > 0) {
      const slot = this.#used[this.#count - 1]!;
      if ((this.#slots[slot]! & PLACE_MASK) - 1 < length) break;
      this.#slots[slot] = 0;
      this.#count--;
    }
  }

  /** What has been written, as a copy. */
  finish(): Uint8Array {
    return this.#octets.slice(0, this.length);
  }

  #put16(at: number, value: number): void {
    this.#octets[at] = value >> 8;
    this.#octets[at + 1] = value;
  }
}
