/**
 * Versions of a zone image in the making: the first one, and one that follows on another. What belongs to older versions is copied
 * before it is written to; what this change has written itself is written to again.
 *
 * One change of an image is under way at a time. Always holds: empty non-terminals come and go with the names below them.
 */
import { put16 } from '../octets.ts';
import { Image } from './image.ts';
import {
  bitsFor,
  flagOf,
  HAS,
  indexWords,
  MAX_BITS,
  middleBits,
  NODE,
  nodeWords,
  PAGE,
  PAGE_BITS,
  ROOT,
  SET,
  setWords,
} from './image-layout.ts';
import { ASTERISK, type LookupName, spread } from './lookup-name.ts';

/** The octets of a record beside its name and RDATA: type, class, TTL, length. */
const RECORD_FIXED = 10;
/** Words of garbage that are not worth being cleared away. */
const SPARE_WORDS = 4096;
/** Sets of a name that are kept, signatures by what they cover. The rules refuse a zone that has so many (`rules/size.ts`). */
const MAX_SETS = 4096;
const NOTHING = new Int32Array(0);

export class ImageChange {
  readonly image: Image;
  /** The version that is being made. */
  readonly root: number;
  /** All at and above this offset was written by this change. */
  readonly #fresh: number;

  private constructor(image: Image, root: number) {
    this.image = image;
    this.root = root;
    this.#fresh = root;
  }

  /** Begins the first version of an image: an index for so many names, and no apex yet. */
  static first(image: Image, names: number): ImageChange {
    const change = new ImageChange(image, image.allocate(ROOT.size));
    change.#makeIndex(bitsFor(names));
    return change;
  }

  /** Begins a version that follows on `root`. */
  static after(image: Image, root: number): ImageChange {
    const next = image.begin();
    image.words.copyWithin(next, root, root + ROOT.size);
    return new ImageChange(image, next);
  }

  /** Ends the change: from here on nothing of this version is written to. Gives its root. */
  finish(): number {
    const { image } = this;
    this.#set(this.root + ROOT.log, image.logged);
    if (image.firstEnd === 0) image.firstEnd = image.end;
    return this.root;
  }

  #get(at: number): number {
    return this.image.words[at]!;
  }

  #set(at: number, value: number): void {
    this.image.words[at] = value;
  }

  #add(at: number, value: number): void {
    this.#set(at, this.#get(at) + value);
  }

  /** Copies words to the end of the arena; gives where they are. */
  #copy(at: number, size: number): number {
    const copy = this.image.allocate(size);
    this.image.words.copyWithin(copy, at, at + size);
    return copy;
  }

  // --- sets ----------------------------------------------------------------------------------------------------------------

  /** Writes a set; gives its offset. The octets of its records are copied. */
  addSet(key: number, ttl: number, rdatas: readonly Uint8Array[]): number {
    let octets = 0;
    for (const rdata of rdatas) octets += 2 + rdata.length;
    const set = this.image.allocate(setWords(octets));
    this.#set(set + SET.key, key);
    this.#set(set + SET.ttl, ttl);
    this.#set(set + SET.count, rdatas.length);
    this.#set(set + SET.octets, octets);
    const { bytes } = this.image;
    let at = this.image.setData(set);
    for (const rdata of rdatas) {
      put16(bytes, at, rdata.length);
      bytes.set(rdata, at + 2);
      at += 2 + rdata.length;
    }
    return set;
  }

  // --- names ---------------------------------------------------------------------------------------------------------------

  /**
   * Gives a name other sets, none to take its data away. The name begins with label 0, the apex with label `apex`; `wire` holds it
   * as it is to be written, for a name that is new.
   */
  put(name: LookupName, apex: number, wire: Uint8Array, sets: ArrayLike<number>, count: number): void {
    const { image, root } = this;
    const old = image.findSuffix(root, name, 0, apex);
    if (old === 0) {
      if (count > 0) this.#insert(name, apex, wire, sets, count);
      return;
    }
    this.#count(old, -1, apex === 0);
    if (count === 0 && image.children(old) === 0 && apex > 0) {
      this.#remove(name, apex, old);
      return;
    }
    const hash = image.hashOf(old);
    const node = this.#addNode(hash, image.bytes, image.nameAt(old), image.nameOctets(old), sets, count);
    this.#set(node + NODE.children, image.children(old));
    this.#flag(node, image.flags(old) & HAS.wildcard);
    this.#place(hash, old, node);
    if (apex === 0) this.#set(root + ROOT.apex, node);
    this.#count(node, 1, apex === 0);
  }

  #insert(name: LookupName, apex: number, wire: Uint8Array, sets: ArrayLike<number>, count: number): void {
    const { image, root } = this;
    const end = name.starts[apex]!;
    for (let i = 0; ; i++) {
      const start = name.starts[i]!;
      const hash = name.hashes[i]!;
      const isOwner = i === 0;
      const node = this.#addNode(hash, wire, start, end - start, isOwner ? sets : NOTHING, isOwner ? count : 0);
      if (!isOwner) this.#adopt(node, name, i);
      this.#place(hash, 0, node);
      this.#add(root + ROOT.names, 1);
      if (isOwner) this.#count(node, 1, apex === 0);
      if (i === apex) {
        this.#set(root + ROOT.apex, node);
        return;
      }
      const parent = image.findSuffix(root, name, i + 1, apex);
      if (parent === 0) continue;
      this.#adopt(this.#ownNode(parent), name, i + 1);
      return;
    }
  }

  /** Counts a new child, whose name begins with the label before label `i`. */
  #adopt(node: number, name: LookupName, i: number): void {
    this.#add(node + NODE.children, 1);
    if (isAsterisk(name, i - 1)) this.#flag(node, HAS.wildcard);
  }

  /** Takes out a node without children, and the empty non-terminals above it that then have none. */
  #remove(name: LookupName, apex: number, old: number): void {
    const { image, root } = this;
    for (let i = 0, node = old; ; i++) {
      this.#place(image.hashOf(node), node, 0);
      this.#add(root + ROOT.names, -1);
      const parent = this.#ownNode(image.findSuffix(root, name, i + 1, apex));
      this.#add(parent + NODE.children, -1);
      if (isAsterisk(name, i)) this.#set(parent + NODE.meta, this.#get(parent + NODE.meta) & ~(HAS.wildcard << 16));
      if (i + 1 === apex || image.children(parent) > 0 || image.setCount(parent) > 0) return;
      node = parent;
    }
  }

  /** Makes a node that is in no index yet. `name` holds its labels as on the wire, without the apex. */
  #addNode(
    hash: number,
    name: Uint8Array,
    start: number,
    length: number,
    sets: ArrayLike<number>,
    setCount: number,
  ): number {
    const { image } = this;
    const count = Math.min(setCount, MAX_SETS);
    const node = image.allocate(nodeWords(length, count));
    this.#set(node + NODE.hash, hash);
    let flags = 0;
    for (let i = 0; i < count; i++) {
      this.#set(node + NODE.sets + i, sets[i]!);
      flags |= flagOf(image.setType(sets[i]!));
    }
    this.#set(node + NODE.meta, (length << 24) | (flags << 16) | count);
    const at = (node + NODE.sets + count) << 2;
    for (let i = 0; i < length; i++) image.bytes[at + i] = name[start + i]!;
    image.enter(node);
    return node;
  }

  #flag(node: number, flags: number): void {
    this.#set(node + NODE.meta, this.#get(node + NODE.meta) | (flags << 16));
  }

  #copyNode(node: number): number {
    const copy = this.#copy(node, nodeWords(this.image.nameOctets(node), this.image.setCount(node)));
    this.image.enter(copy);
    return copy;
  }

  /** A node of this version that may be written to: itself, or a copy in its place. */
  #ownNode(node: number): number {
    if (node >= this.#fresh) return node;
    const copy = this.#copyNode(node);
    this.#place(this.image.hashOf(node), node, copy);
    if (this.image.apexOf(this.root) === node) this.#set(this.root + ROOT.apex, copy);
    return copy;
  }

  /** Adds what a node holds to the sums of the version, or takes it away. */
  #count(node: number, sign: 1 | -1, isApex: boolean): void {
    const { image, root } = this;
    const flags = image.flags(node);
    if (!isApex && (flags & HAS.ns) !== 0) this.#add(root + ROOT.cuts, sign);
    if ((flags & HAS.dname) !== 0) this.#add(root + ROOT.dnames, sign);
    for (let i = image.setCount(node) - 1; i >= 0; i--) {
      const set = image.setAt(node, i);
      const count = image.setSize(set);
      this.#add(root + ROOT.records, sign * count);
      // Each record: its name and root label, RECORD_FIXED, RDATA, whose length octets stand for none of it.
      this.#add(
        root + ROOT.octets,
        sign * (count * (image.nameOctets(node) + RECORD_FIXED - 1) + image.setOctets(set)),
      );
    }
  }

  // --- the index -----------------------------------------------------------------------------------------------------------

  #makeIndex(bits: number): void {
    const { image, root } = this;
    const middle = middleBits(bits);
    const tops = 1 << (bits - PAGE_BITS - middle);
    const top = image.allocate(tops);
    this.#set(root + ROOT.bits, bits);
    this.#set(root + ROOT.top, top);
    for (let i = 0; i < tops; i++) {
      const table = image.allocate(1 << middle);
      this.#set(top + i, table);
      for (let j = 0; j < 1 << middle; j++) {
        const page = image.allocate(PAGE);
        this.#set(table + j, page);
      }
    }
  }

  /** Is the index so full that chains get long? */
  get isCrowded(): boolean {
    const bits = this.#get(this.root + ROOT.bits);
    return bits < MAX_BITS && this.image.namesOf(this.root) > 2 << bits;
  }

  /** Gives the first version an index for four times as many names. */
  widen(): void {
    const { image, root } = this;
    const nodes: number[] = [];
    for (let i = 0; i < image.logged; i++) {
      const node = image.loggedAt(root, i);
      // Not those whose place another node has taken.
      if (node !== 0) nodes.push(node);
    }
    this.#makeIndex(Math.min(MAX_BITS, this.#get(root + ROOT.bits) + 2));
    for (const node of nodes) this.#place(image.hashOf(node), 0, node);
    image.enterAll(nodes);
  }

  /** Puts a node where `old` is in the index, or at the head of its chain when there is none; `node` 0 takes `old` out. */
  #place(hash: number, old: number, node: number): void {
    const slot = this.#ownSlot(hash);
    if (old === 0) {
      this.#set(node + NODE.next, this.#get(slot));
      this.#set(slot, node);
      return;
    }
    // Nodes before it in the chain that belong to older versions are copied: they get another successor.
    let link = slot;
    for (let at = this.#get(link); at !== old; at = this.#get(link)) {
      if (at === 0) throw new Error('a node that is not in the index');
      if (at < this.#fresh) {
        const copy = this.#copyNode(at);
        if (at === this.#get(this.root + ROOT.apex)) this.#set(this.root + ROOT.apex, copy);
        this.#set(link, copy);
        at = copy;
      }
      link = at + NODE.next;
    }
    const rest = this.#get(old + NODE.next);
    if (node !== 0) this.#set(node + NODE.next, rest);
    this.#set(link, node === 0 ? rest : node);
  }

  /** The page slot of a hash, in a page that this change may write to. */
  #ownSlot(hash: number): number {
    const bits = this.#get(this.root + ROOT.bits);
    const middle = middleBits(bits);
    const slot = spread(hash) >>> (32 - bits);
    const top = this.#own(this.root + ROOT.top, 1 << (bits - PAGE_BITS - middle));
    const table = this.#own(top + (slot >>> (PAGE_BITS + middle)), 1 << middle);
    const page = this.#own(table + ((slot >>> PAGE_BITS) & ((1 << middle) - 1)), PAGE);
    return page + (slot & (PAGE - 1));
  }

  /** What the word at `at` points to, copied first if it belongs to an older version. */
  #own(at: number, size: number): number {
    const old = this.#get(at);
    if (old >= this.#fresh) return old;
    const copy = this.#copy(old, size);
    this.#set(at, copy);
    return copy;
  }

  // --- copies --------------------------------------------------------------------------------------------------------------

  /** Has the image so much garbage, or so full an index, that a copy is worth its cost? */
  get isWasteful(): boolean {
    return this.image.end > 2 * this.image.firstEnd + SPARE_WORDS || this.isCrowded;
  }

  /** Would so many more names make the chains of an index many times as long as they are to be? */
  static isTooSmall(image: Image, root: number, more: number): boolean {
    const bits = image.words[root + ROOT.bits]!;
    return bits < MAX_BITS && image.namesOf(root) + more > 8 << bits;
  }

  /** An image that holds a version and nothing else, in the order of the log, and its root; with an index for `more` names. */
  static copy(image: Image, root: number, more = 0): { readonly image: Image; readonly root: number } {
    const names = image.namesOf(root) + more;
    let size = ROOT.size + indexWords(bitsFor(names));
    for (const node of image.eachNode(root)) {
      size += nodeWords(image.nameOctets(node), image.setCount(node));
      for (let i = image.setCount(node) - 1; i >= 0; i--) size += setWords(image.setOctets(image.setAt(node, i)));
    }
    const change = ImageChange.first(new Image(size, names), names);
    for (const node of image.eachNode(root)) change.#take(image, node, node === image.apexOf(root));
    for (const sum of [ROOT.names, ROOT.cuts, ROOT.dnames, ROOT.records, ROOT.octets])
      change.#set(change.root + sum, image.words[root + sum]!);
    return { image: change.image, root: change.finish() };
  }

  /** Takes over a node of another image with its sets. */
  #take(from: Image, node: number, isApex: boolean): void {
    const copy = this.#takeWords(from, node, nodeWords(from.nameOctets(node), from.setCount(node)));
    for (let i = from.setCount(node) - 1; i >= 0; i--) {
      const set = from.setAt(node, i);
      this.#set(copy + NODE.sets + i, this.#takeWords(from, set, setWords(from.setOctets(set))));
    }
    this.image.enter(copy);
    this.#place(from.hashOf(node), 0, copy);
    if (isApex) this.#set(this.root + ROOT.apex, copy);
  }

  #takeWords(from: Image, at: number, size: number): number {
    const copy = this.image.allocate(size);
    this.image.words.set(from.words.subarray(at, at + size), copy);
    return copy;
  }
}

function isAsterisk(name: LookupName, i: number): boolean {
  const at = name.starts[i]!;
  return name.lower[at] === 1 && name.lower[at + 1] === ASTERISK;
}
