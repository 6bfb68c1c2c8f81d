/**
 * The one reader and the one writer of octets (RFC 1035 3.3, 4.1.4). Both are bounded.
 *
 * Both are sticky: after the first fault every read gives zero or empty values and every write does nothing, so a decoder is
 * written without a check per field and asks once, at its end, for `fault` (or `isFull`). Loops must stop on a fault.
 */
import { MAX_NAME_OCTETS, Name } from './name.ts';

export interface OctetsFault {
  readonly kind: 'octets';
  /** Offset in the octets being read. */
  readonly at: number;
  readonly what: string;
}

const EMPTY = new Uint8Array(0);
/** The most labels in 255 octets, so the most pointers that a compressor can have a use for. */
const MAX_POINTERS = 127;

export class Reader {
  readonly octets: Uint8Array;
  offset: number;
  /** Where reading ends, exclusive. */
  end: number;
  fault: OctetsFault | undefined;

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

  /**
   * A name. Pointers (RFC 1035 4.1.4) are followed only when `compressed`; each must point to before the place where the
   * labels read so far began, so that every chain ends, and there may be no more of them than a name can have labels, so that
   * a message full of names at the end of one long chain costs no more than its size.
   */
  name(compressed: boolean): Name {
    const wire = new Uint8Array(MAX_NAME_OCTETS);
    let length = 0;
    let at = this.offset;
    let limit = at;
    let after = -1;
    let pointers = 0;
    while (this.fault === undefined) {
      const octet = at < (after < 0 ? this.end : this.octets.length) ? this.octets[at]! : -1;
      if (octet < 0) this.fail('a name cut short', at);
      else if (octet >= 0xc0) {
        const low = this.octets[at + 1];
        if (!compressed) this.fail('a compressed name where none may be', at);
        else if (low === undefined || (after < 0 && at + 2 > this.end)) this.fail('a pointer cut short', at);
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
      else if (at + 1 + octet > (after < 0 ? this.end : this.octets.length)) this.fail('a label cut short', at);
      else {
        for (let i = 0; i <= octet; i++) wire[length + i] = this.octets[at + i]!;
        length += 1 + octet;
        at += 1 + octet;
        if (octet === 0) break;
      }
    }
    if (this.fault !== undefined) return Name.root;
    this.offset = after < 0 ? at : after;
    const name = Name.fromWire(wire.slice(0, length));
    return name.ok ? name.value : Name.root;
  }
}

export class Writer {
  #octets: Uint8Array;
  length = 0;
  /** The most octets that may be written. */
  readonly limit: number;
  /** Set once something did not fit. */
  isFull = false;
  readonly #suffixes = new Map<string, number>();

  constructor(limit = 65535) {
    this.limit = limit;
    this.#octets = new Uint8Array(Math.min(limit, 64));
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

  bytes(octets: Uint8Array): void {
    const at = this.#room(octets.length);
    if (at >= 0) this.#octets.set(octets, at);
  }

  /** A name without compression. */
  name(name: Name): void {
    this.bytes(name.wire);
  }

  /** A name, its longest suffix already written replaced by a pointer. Suffixes are matched with their case, so case is kept. */
  compressedName(name: Name): void {
    const { wire } = name;
    for (let at = 0; wire[at] !== 0; at += 1 + wire[at]!) {
      const suffix = latin1(wire, at);
      const seen = this.#suffixes.get(suffix);
      if (seen !== undefined) {
        this.u16(0xc000 | seen);
        return;
      }
      if (this.length < 0x4000 && !this.isFull) this.#suffixes.set(suffix, this.length);
      this.bytes(wire.subarray(at, at + 1 + wire[at]!));
    }
    this.u8(0);
  }

  /** Overwrites two octets written before. */
  patch16(at: number, value: number): void {
    if (at + 2 <= this.length) this.#put16(at, value);
  }

  /** Takes back all that was written from `length` on, and that it did not fit. */
  rewind(length: number): void {
    this.length = length;
    this.isFull = false;
    for (const [suffix, at] of this.#suffixes) if (at >= length) this.#suffixes.delete(suffix);
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

function latin1(octets: Uint8Array, from: number): string {
  let text = '';
  for (let i = from; i < octets.length; i++) text += String.fromCharCode(octets[i]!);
  return text;
}
