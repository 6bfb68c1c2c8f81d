/**
 * A version of a zone as octets, for the disk: in parts, each of which can be read by itself. What stands in a part is, for each set or piece of
 * one, its owner without the apex (or that it is the one before), type, TTL, number of records, and of each the length and the RDATA.
 *
 * Reading trusts what it is given to be what was written here.
 */
import { MAX_NAME_OCTETS, type Name } from '../name.ts';
import { copyOctets, put16, read16 } from '../octets.ts';
import type { ZoneBuilder } from './builder.ts';
import type { Image } from './image.ts';

/** A part ends with the record that makes it so long, if not before: memory and free room in a file come in pieces. */
const PART_OCTETS = 65_000;
/** What is written to at first: most zones are small, and memory that is made for nothing is cleared and collected. */
const FIRST_OCTETS = 1024;
/** In place of the length of an owner, which has 254 octets at most. */
const SAME_OWNER = 255;
/** Behind the owner. */
const FIELD = { type: 0, ttl: 2, count: 6, records: 8 } as const;

/** All parts of a version; each has memory of its own. */
export function* writeZone(image: Image, root: number): Generator<Uint8Array, void, undefined> {
  let draft = new Uint8Array(FIRST_OCTETS);
  let length = 0;
  for (const node of image.eachNode(root)) {
    let owner = 0;
    for (let i = 0; i < image.setCount(node); i++) {
      const set = image.setAt(node, i);
      let at = image.setData(set);
      for (let left = image.setSize(set); left > 0; ) {
        if (length >= PART_OCTETS) {
          yield draft.slice(0, length);
          length = 0;
          owner = 0;
        }
        draft = withRoom(draft, length + 1 + MAX_NAME_OCTETS);
        length = owner === node ? putSame(draft, length) : putOwner(draft, length, image, node);
        owner = node;
        const { bytes } = image;
        let end = at;
        let count = 0;
        const room = PART_OCTETS - length;
        while (left > 0 && (count === 0 || end - at < room)) {
          end += 2 + read16(bytes, end);
          count++;
          left--;
        }
        draft = withRoom(draft, length + FIELD.records + end - at);
        const ttl = image.setTtl(set);
        put16(draft, length + FIELD.type, image.setType(set));
        put16(draft, length + FIELD.ttl, ttl >>> 16);
        put16(draft, length + FIELD.ttl + 2, ttl);
        put16(draft, length + FIELD.count, count);
        copyOctets(bytes, at, draft, length + FIELD.records, end - at);
        length += FIELD.records + end - at;
        at = end;
      }
    }
  }
  if (length > 0) yield draft.slice(0, length);
}

/** The same octets where at least so many fit. */
function withRoom(draft: Uint8Array<ArrayBuffer>, octets: number): Uint8Array<ArrayBuffer> {
  if (octets <= draft.length) return draft;
  const larger = new Uint8Array(Math.max(octets, 2 * draft.length));
  larger.set(draft);
  return larger;
}

function putSame(draft: Uint8Array, at: number): number {
  draft[at] = SAME_OWNER;
  return at + 1;
}

function putOwner(draft: Uint8Array, at: number, image: Image, node: number): number {
  const octets = image.nameOctets(node);
  draft[at] = octets;
  copyOctets(image.bytes, image.nameAt(node), draft, at + 1, octets);
  return at + 1 + octets;
}

/** Reads parts of a zone into a builder, in the order in which they were written. */
export class ZonePartReader {
  readonly #builder: ZoneBuilder;
  readonly #apex: Uint8Array;
  readonly #owner = new Uint8Array(MAX_NAME_OCTETS);

  constructor(builder: ZoneBuilder, origin: Name) {
    this.#builder = builder;
    this.#apex = origin.wire;
  }

  read(part: Uint8Array): void {
    const builder = this.#builder;
    for (let at = 0; at < part.length; ) {
      const octets = part[at++]!;
      if (octets !== SAME_OWNER) {
        copyOctets(part, at, this.#owner, 0, octets);
        this.#owner.set(this.#apex, octets);
        builder.begin(this.#owner);
        at += octets;
      }
      const type = read16(part, at + FIELD.type);
      const ttl = read16(part, at + FIELD.ttl) * 0x10000 + read16(part, at + FIELD.ttl + 2);
      let count = read16(part, at + FIELD.count);
      for (at += FIELD.records; count > 0; count--) {
        const length = read16(part, at);
        builder.put(type, ttl, part, length, at + 2);
        at += 2 + length;
      }
    }
  }
}
