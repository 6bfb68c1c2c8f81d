/**
 * Zone data behind one interface: find a name, closest encloser, walk in order, snapshot, change.
 *
 * A zone is an immutable value: a version in an image (`image.ts`), which shares most of its octets with the version it came from,
 * so a reader or a transfer keeps what it began with. What is handed out here are copies, made when asked for; the way of a query
 * reads the image itself.
 *
 * Always holds: exactly one SOA, at the apex; all owners are at or below the apex; class IN.
 */
import { Name } from '../name.ts';
import { read16 } from '../octets.ts';
import { CLASS } from '../rr/class.ts';
import { type RecordChange, type ResourceRecord, type RRset, recordsOf } from '../rr/record.ts';
import { readSoa, type Soa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import { ZoneBuilder } from './builder.ts';
import { Chain } from './chain.ts';
import { Image, type ImageHandle } from './image.ts';
import { ImageChange } from './image-change.ts';
import { copyVersion } from './image-copy.ts';
import { MAX_ZONE_NAMES, MAX_ZONE_OCTETS } from './image-first.ts';
import { HAS, setKey, signedBy } from './image-layout.ts';
import { writeSet } from './image-node.ts';
import { ImageWalk } from './image-walk.ts';
import { LookupName } from './lookup-name.ts';
import type { Chunk } from './order.ts';
import { RecordWalk } from './walk.ts';
import { ZoneEdit } from './zone-edit.ts';

/** All sets of one name. */
export interface ZoneNode {
  readonly name: Name;
  readonly rrsets: ReadonlyMap<number, RRset>;
}

/** What another thread needs of a version of a zone. */
export interface ZoneHandle {
  /** Wire form. */
  readonly origin: Uint8Array;
  readonly image: ImageHandle;
  readonly root: number;
  /** The entries of its chain; `undefined` when it has none. */
  readonly chain: readonly Chunk[] | undefined;
}

/** Filled again by each lookup: none of them calls another while it is in use. */
const lookup = new LookupName();

/** Words of an image that takes so long to copy that whoever changes it should not have to: 1 MB, some milliseconds. */
const LARGE_WORDS = 262_144;

export class Zone {
  readonly origin: Name;
  /** The image that holds this version. */
  readonly image: Image;
  /** The version in the image. */
  readonly root: number;
  /** Labels of the origin, the root label not counted. */
  readonly labels: number;
  /** The origin in wire form and lower case. */
  readonly apexWire: Uint8Array;
  /** Seconds: what SOA RRs of negative answers have at most (RFC 2308 3). */
  readonly negativeTtl: number;
  #order: readonly ZoneName[] | undefined;
  /** `null` when this version has none. */
  #chain: Chain | null | undefined;
  #isWasteful = false;

  private constructor(origin: Name, image: Image, root: number) {
    this.origin = origin;
    this.image = image;
    this.root = root;
    this.labels = origin.labelCount;
    this.apexWire = origin.toLowerCase().wire;
    this.negativeTtl = soaField(image, this.#soaAt, SOA_FROM_END.minimum);
  }

  get #soaAt(): number {
    return this.image.set(this.image.apexOf(this.root), TYPE.SOA);
  }

  /** A version of an image. Trusts its arguments: there is one SOA at the apex. */
  static ofImage(origin: Name, image: Image, root: number): Zone {
    return new Zone(origin, image, root);
  }

  /** A version of another thread; `image` if it is at hand already. */
  static ofHandle(handle: ZoneHandle, image: Image = Image.ofHandle(handle.image)): Zone {
    const origin = Name.fromWire(handle.origin);
    if (!origin.ok) throw new Error(`a zone with ${origin.fault.what}`);
    const zone = new Zone(origin.value, image, handle.root);
    zone.#chain = handle.chain === undefined ? null : Chain.ofEntries(image, handle.root, handle.chain);
    return zone;
  }

  /** For another thread. Makes the chain, if it is not made yet. */
  get handle(): ZoneHandle {
    return { origin: this.origin.wire, image: this.image.handle, root: this.root, chain: this.chain?.entries };
  }

  /**
   * Builds a zone. Records outside of it or not of class IN are left out; of the records of a set that differ in TTL the
   * smallest TTL counts (RFC 2181 5.2). `undefined` when there is not exactly one SOA at the apex.
   */
  static fromRecords(origin: Name, records: Iterable<ResourceRecord>): Zone | undefined {
    const builder = new ZoneBuilder(origin);
    for (const { name, type, class: rrClass, ttl, rdata } of records)
      if (rrClass === CLASS.IN) builder.add(name, type, ttl, rdata);
    return builder.finish();
  }

  get soaSet(): RRset {
    return this.get(this.origin, TYPE.SOA)!;
  }

  get soa(): Soa {
    return readSoa(this.soaSet.rdatas[0]!);
  }

  get serial(): number {
    return soaField(this.image, this.#soaAt, SOA_FROM_END.serial);
  }

  /** How many records there are. */
  get size(): number {
    return this.image.recordsOf(this.root);
  }

  /** Octets of all records in wire form, their names uncompressed and without the origin. */
  get octets(): number {
    return this.image.octetsOf(this.root);
  }

  /** Is it more than a zone may be, whatever way it came to that? `mostNames`: with empty non-terminals. */
  isTooLarge(mostNames = MAX_ZONE_NAMES): boolean {
    const { image, root } = this;
    return image.namesOf(root) > mostNames || image.sizeOf(root) > MAX_ZONE_OCTETS;
  }

  /** Was it signed, here or elsewhere? */
  get isSigned(): boolean {
    return (this.image.flags(this.image.apexOf(this.root)) & HAS.rrsig) !== 0;
  }

  /** How this version proves that something is not there; `undefined` when it is not signed. Made when it is first asked for. */
  get chain(): Chain | undefined {
    if (this.#chain === undefined) this.#chain = Chain.of(this.image, this.root) ?? null;
    return this.#chain ?? undefined;
  }

  /** The node of a name; `undefined` for names that do not exist and for empty non-terminals. */
  find(name: Name): ZoneNode | undefined {
    const node = this.offsetOf(name);
    return node === 0 ? undefined : this.read(node);
  }

  /** Where the node of a name is in the image; 0 for names that do not exist and for empty non-terminals. */
  offsetOf(name: Name): number {
    const node = this.#locate(name);
    return node === 0 || this.image.setCount(node) === 0 ? 0 : node;
  }

  get(name: Name, type: number): RRset | undefined {
    const node = this.#locate(name);
    if (node === 0) return undefined;
    if (type === TYPE.RRSIG) return this.read(node).rrsets.get(type);
    const set = this.image.set(node, type);
    return set === 0 ? undefined : this.#readSet(this.#nameOf(node), set);
  }

  /** The types of the sets of a name, without their data; none for a name that has no node. */
  typesOf(name: Name): readonly number[] {
    const { image } = this;
    const node = this.#locate(name);
    const types = new Set<number>();
    if (node !== 0) for (let i = 0; i < image.setCount(node); i++) types.add(image.setType(image.setAt(node, i)));
    return [...types];
  }

  /** How many records a set has; 0 when there is none. As cheap for a large set as for a small one. */
  sizeOf(name: Name, type: number): number {
    const { image } = this;
    const node = this.#locate(name);
    if (node === 0) return 0;
    if (type !== TYPE.RRSIG) {
      const set = image.set(node, type);
      return set === 0 ? 0 : image.setSize(set);
    }
    let size = 0;
    for (let i = 0; i < image.setCount(node); i++) {
      const each = image.setAt(node, i);
      if (image.setType(each) === TYPE.RRSIG) size += image.setSize(each);
    }
    return size;
  }

  /** Does the name exist, be it as an empty non-terminal (RFC 4592 2.2.2)? */
  exists(name: Name): boolean {
    return this.#locate(name) !== 0;
  }

  /** Is there any node below the name? */
  hasChildren(name: Name): boolean {
    const node = this.#locate(name);
    return node !== 0 && this.image.children(node) > 0;
  }

  /** The deepest existing name at or above `name`, which is at or below the apex (RFC 4592 3.3.1). */
  closestEncloser(name: Name): Name {
    for (let at: Name = name; ; at = at.parent()!) if (at.labelCount <= this.labels || this.exists(at)) return at;
  }

  /** The zone cut (NS below the apex) nearest to the apex that `name` is at or below (RFC 1034 4.2). */
  cutAt(name: Name): RRset | undefined {
    if (this.image.cutsOf(this.root) === 0) return undefined;
    const node = this.#highest(name, HAS.ns, this.labels + 1, name.labelCount);
    return node === 0 ? undefined : this.#readSet(this.#nameOf(node), this.image.set(node, TYPE.NS));
  }

  /** The DNAME nearest to the apex that `name` is below (RFC 6672 3.2). */
  dnameAbove(name: Name): RRset | undefined {
    if (this.image.dnamesOf(this.root) === 0) return undefined;
    const node = this.#highest(name, HAS.dname, this.labels, name.labelCount - 1);
    return node === 0 ? undefined : this.#readSet(this.#nameOf(node), this.image.set(node, TYPE.DNAME));
  }

  /** Of the ancestors of `name` with `from` to `to` labels the first that has `flag`; 0 when none has. */
  #highest(name: Name, flag: number, from: number, to: number): number {
    if (!name.isSubdomainOf(this.origin)) return 0;
    lookup.read(name.wire, 0);
    for (let count = from; count <= to; count++) {
      const node = this.image.findSuffix(this.root, lookup, lookup.labels - count, lookup.labels - this.labels);
      if (node === 0) return 0;
      if ((this.image.flags(node) & flag) !== 0) return node;
    }
    return 0;
  }

  /** All nodes that have data, in the order in which they were written. */
  *eachNode(): Generator<ZoneNode, void, undefined> {
    for (const node of this.offsets()) yield this.read(node);
  }

  /** All nodes that have data, in canonical order, from `from` on. */
  *nodes(from?: Name): Generator<ZoneNode, void, undefined> {
    this.#order ??= this.#sort();
    for (const { key, node } of this.#order) if (from === undefined || key >= from.key) yield this.read(node);
  }

  /** The nodes that are not the same in `next`, as they are here and there. */
  *differences(next: Zone): Generator<readonly [ZoneNode | undefined, ZoneNode | undefined], void, undefined> {
    const { image, root } = this;
    const there = new ImageWalk(next.image, next.root);
    for (const node of this.offsets()) {
      const other = there.find(image, node);
      if (other === 0) yield [this.read(node), undefined];
      else if (!image.isSame(node, next.image, other)) yield [this.read(node), next.read(other)];
    }
    const here = new ImageWalk(image, root);
    for (const node of next.offsets()) if (here.find(next.image, node) === 0) yield [undefined, next.read(node)];
  }

  /** The offsets of all nodes that have data, in the order in which they were written. */
  *offsets(): Generator<number, void, undefined> {
    const { image, root } = this;
    const logged = image.logOf(root);
    for (let i = 0; i < logged; i++) {
      const node = image.loggedAt(root, i);
      if (node !== 0 && image.setCount(node) > 0) yield node;
    }
  }

  #sort(): readonly ZoneName[] {
    const names: ZoneName[] = [];
    for (const node of this.offsets()) names.push({ key: this.#nameOf(node).key, node });
    return names.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** All records but the SOA, in the order in which their owners were written. */
  *records(): Generator<ResourceRecord, void, undefined> {
    const { image } = this;
    for (const node of this.offsets()) {
      const name = this.#nameOf(node);
      for (let i = 0; i < image.setCount(node); i++) {
        const set = image.setAt(node, i);
        const type = image.setType(set);
        if (type === TYPE.SOA) continue;
        const ttl = image.setTtl(set);
        for (const rdata of this.#rdatas(set)) yield { name, type, class: CLASS.IN, ttl, rdata };
      }
    }
  }

  /** The same records, to be written into messages. */
  walk(): RecordWalk {
    return new RecordWalk(this.image, this.root, this.origin.wire);
  }

  /** The SOA as a record. */
  soaRecord(): ResourceRecord {
    return recordsOf(this.soaSet)[0]!;
  }

  /**
   * The zone with records taken away and put in, in this order. The TTL of an added record becomes that of its whole set;
   * of a type that allows one record, an added one replaces it. `undefined` when no single SOA would be left.
   */
  change(change: RecordChange): Zone | undefined {
    const edit = new ZoneEdit(this);
    for (const record of change.removed) edit.remove(record);
    for (const record of change.added) if (record.name.isSubdomainOf(this.origin)) edit.add(record);
    return edit.finish();
  }

  /** The zone with other sets at some names; a name without sets goes. For {@link ZoneEdit}. */
  withNodes(nodes: readonly ZoneNode[]): Zone | undefined {
    const { image } = this;
    if (ImageChange.isTooSmall(image, this.root, nodes.length))
      return this.#copy(image, this.root, this.#chain, nodes.length).withNodes(nodes);
    const change = ImageChange.after(image, this.root);
    const { root } = change;
    const sets: number[] = [];
    const chain = this.#chain?.change();
    for (const { name, rrsets } of nodes) {
      sets.length = 0;
      for (const rrset of rrsets.values()) writeSets(image, rrset, rrsets, sets);
      lookup.read(name.wire, 0);
      change.put(lookup, lookup.labels - this.labels, name.wire, sets, sets.length);
      chain?.renew(root, lookup, lookup.labels - this.labels);
    }
    change.finish();
    const soa = image.set(image.apexOf(root), TYPE.SOA);
    if (soa === 0 || image.setSize(soa) !== 1) {
      image.takeBack(root);
      return undefined;
    }
    const nextChain = chain?.finish(root);
    const { isWasteful } = change;
    if (isWasteful && (image.firstEnd < LARGE_WORDS || change.isOverfull)) {
      const zone = this.#copy(image, root, nextChain);
      image.takeBack(root);
      return zone;
    }
    const zone = new Zone(this.origin, image, root);
    zone.#chain = nextChain;
    zone.#isWasteful = isWasteful;
    return zone;
  }

  /**
   * Is the image so full of garbage, or its index so full, that {@link condensed} is worth its cost? A small zone sees to that by
   * itself, a large one only when it is far too large: there is time to have it done elsewhere.
   */
  get isWasteful(): boolean {
    return this.#isWasteful;
  }

  /** The same version in an image of its own. Takes time in proportion to its size. */
  condensed(): Zone {
    return this.#copy(this.image, this.root, this.#chain);
  }

  /** A version in an image of its own, with an index for `more` names. */
  #copy(image: Image, root: number, chain: Chain | null | undefined, more = 0): Zone {
    const copy = copyVersion(image, root, more);
    const zone = new Zone(this.origin, copy.image, copy.root);
    zone.#chain = chain?.moveTo(copy.image, copy.root);
    return zone;
  }

  /** Can so many names be added without a copy of the zone? */
  hasRoomFor(names: number): boolean {
    return !ImageChange.isTooSmall(this.image, this.root, names);
  }

  /**
   * Says that nobody will read this version, a change of another that is not to be: its room is taken back if it was the last.
   * Otherwise a zone would grow by each change that is refused or changes nothing.
   */
  discard(): void {
    this.image.takeBack(this.root);
  }

  #locate(name: Name): number {
    lookup.read(name.wire, 0);
    const apex = lookup.labels - this.labels;
    if (apex < 0 || !lookup.endsWith(apex, this.apexWire)) return 0;
    return this.image.findSuffix(this.root, lookup, 0, apex);
  }

  #nameOf(node: number): Name {
    const { image, origin } = this;
    const at = image.nameAt(node);
    const own = image.nameOctets(node);
    if (own === 0) return origin;
    const wire = new Uint8Array(own + origin.wire.length);
    wire.set(image.bytes.subarray(at, at + own));
    wire.set(origin.wire, own);
    const name = Name.fromWire(wire);
    if (!name.ok) throw new Error(`an image with ${name.fault.what}`);
    return name.value;
  }

  /** The node at an offset of the image. */
  read(node: number): ZoneNode {
    const { image } = this;
    const name = this.#nameOf(node);
    const rrsets = new Map<number, RRset>();
    for (let i = 0; i < image.setCount(node); i++) {
      const rrset = this.#readSet(name, image.setAt(node, i));
      const before = rrsets.get(rrset.type);
      rrsets.set(rrset.type, before === undefined ? rrset : joined(before, rrset));
    }
    return { name, rrsets };
  }

  #readSet(name: Name, set: number): RRset {
    const { image } = this;
    return { name, type: image.setType(set), ttl: image.setTtl(set), rdatas: this.#rdatas(set) };
  }

  #rdatas(set: number): readonly Uint8Array[] {
    const { image } = this;
    const { bytes } = image;
    const rdatas: Uint8Array[] = [];
    let at = image.setData(set);
    for (let i = image.setSize(set); i > 0; i--) {
      const end = at + 2 + read16(bytes, at);
      // A copy: what is handed out does not keep the whole arena.
      rdatas.push(bytes.slice(at + 2, end));
      at = end;
    }
    return rdatas;
  }
}

/** Where numbers of an SOA begin, in octets from its end (RFC 1035 3.3.13). */
const SOA_FROM_END = { serial: 20, minimum: 4 } as const;

/** A number of an SOA; of something else in its place any number. */
function soaField(image: Image, soa: number, fromEnd: number): number {
  const at = image.setData(soa) + image.setOctets(soa) - fromEnd;
  return ((read16(image.bytes, at) << 16) | read16(image.bytes, at + 2)) >>> 0;
}

interface ZoneName {
  readonly key: string;
  readonly node: number;
}

/** The signatures of a name as one set. */
function joined(a: RRset, b: RRset): RRset {
  return { ...a, ttl: Math.min(a.ttl, b.ttl), rdatas: [...a.rdatas, ...b.rdatas] };
}

/** The records of a set of a node; signatures have the TTL of what they sign (RFC 4034 3). */
export function* recordsAt(
  { rrsets }: ZoneNode,
  { name, type, ttl, rdatas }: RRset,
): Generator<ResourceRecord, void, undefined> {
  for (const rdata of rdatas) {
    const own = type === TYPE.RRSIG ? rrsets.get(signedBy(setKey(type, rdata)))?.ttl : undefined;
    yield { name, type, class: CLASS.IN, ttl: own ?? ttl, rdata };
  }
}

/** Writes a set into an image, signatures as one for each type that they cover; offsets are put into `into`. */
function writeSets(
  image: Image,
  { type, ttl, rdatas }: RRset,
  rrsets: ReadonlyMap<number, RRset>,
  into: number[],
): void {
  if (type !== TYPE.RRSIG) {
    into.push(writeSet(image, type, ttl, rdatas));
    return;
  }
  const byKey = new Map<number, Uint8Array[]>();
  for (const rdata of rdatas) {
    const key = setKey(type, rdata);
    const same = byKey.get(key);
    if (same === undefined) byKey.set(key, [rdata]);
    else same.push(rdata);
  }
  for (const [key, same] of byKey) into.push(writeSet(image, key, rrsets.get(signedBy(key))?.ttl ?? ttl, same));
}
