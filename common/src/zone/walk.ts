/**
 * A walk over all records of a version but its SOA, which writes each into a message straight out of the image: nothing is made of a record,
 * so a transfer costs its octets.
 *
 * Always holds: the records are those of `Zone.records`, in the same order.
 */
import { MAX_NAME_OCTETS } from '../name.ts';
import { read16, type Writer } from '../octets.ts';
import { CLASS } from '../rr/class.ts';
import { writeRdata } from '../rr/rdata.ts';
import { shapeOf } from '../rr/shape.ts';
import { TYPE } from '../rr/type.ts';
import type { Image } from './image.ts';

export class RecordWalk {
  readonly #image: Image;
  readonly #root: number;
  /** The owner, which ends where this ends: what all names have in common is put there once. */
  readonly #owner = new Uint8Array(MAX_NAME_OCTETS);
  readonly #apexAt: number;
  #ownerAt = 0;
  /** Which node comes next, in the order of the log; the node that is at hand, and which of its sets comes next. */
  #nextNode = 0;
  #node = 0;
  #nextSet = 0;
  /** Of the set at hand: records that are left, the record at hand first, and where that begins in the image. */
  #left = 0;
  #at = 0;
  #type = 0;
  #ttl = 0;

  /** Stands at the first record. `origin` is the wire form of the zone's name, as it is to be written. */
  constructor(image: Image, root: number, origin: Uint8Array) {
    this.#image = image;
    this.#root = root;
    this.#apexAt = MAX_NAME_OCTETS - origin.length;
    this.#owner.set(origin, this.#apexAt);
    this.#enterSet();
  }

  get isDone(): boolean {
    return this.#left === 0;
  }

  /** Writes the record at hand. */
  write(out: Writer): void {
    const { bytes } = this.#image;
    const length = read16(bytes, this.#at);
    const start = this.#at + 2;
    out.compressedWire(this.#owner, this.#ownerAt);
    out.u16(this.#type);
    out.u16(CLASS.IN);
    out.u32(this.#ttl);
    out.u16(length);
    if (shapeOf(this.#type)?.isCompressed !== true) {
      out.bytes(bytes, start, start + length);
      return;
    }
    const rdataAt = out.length;
    writeRdata(this.#type, bytes.slice(start, start + length), out);
    out.patch16(rdataAt - 2, out.length - rdataAt);
  }

  /** Goes on to the next record. */
  next(): void {
    this.#at += 2 + read16(this.#image.bytes, this.#at);
    if (--this.#left === 0) this.#enterSet();
  }

  /** The next set of this node or of the next that has one; none is left when there is no such node. */
  #enterSet(): void {
    const image = this.#image;
    for (;;) {
      if (this.#node !== 0 && this.#nextSet < image.setCount(this.#node)) {
        const set = image.setAt(this.#node, this.#nextSet++);
        this.#type = image.setType(set);
        if (this.#type === TYPE.SOA) continue;
        this.#ttl = image.setTtl(set);
        this.#left = image.setSize(set);
        this.#at = image.setData(set);
        if (this.#left > 0) return;
      } else if (this.#nextNode < image.logOf(this.#root))
        this.#enterNode(image.loggedAt(this.#root, this.#nextNode++));
      else return;
    }
  }

  #enterNode(node: number): void {
    this.#node = node;
    this.#nextSet = 0;
    if (node === 0) return;
    const { bytes } = this.#image;
    const length = this.#image.nameOctets(node);
    const from = this.#image.nameAt(node);
    this.#ownerAt = this.#apexAt - length;
    for (let i = 0; i < length; i++) this.#owner[this.#ownerAt + i] = bytes[from + i]!;
  }
}
