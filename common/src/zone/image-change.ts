/**
 * A version of a zone image in the making that follows on another; the first is made by `image-first.ts`. What belongs to older
 * versions is copied before it is written to; what this change has written itself is written to again.
 *
 * One change of an image is under way at a time. Always holds: empty non-terminals come and go with the names below them.
 */
import type { Image } from './image.ts';
import { MAX_ZONE_OCTETS } from './image-first.ts';
import {
  HAS,
  MAX_BITS,
  middleBits,
  NODE,
  nodeWords,
  PAGE,
  PAGE_BITS,
  pageWords,
  ROOT,
  topWords,
} from './image-layout.ts';
import { countNode, flag, writeNode } from './image-node.ts';
import { ASTERISK, type LookupName, spread } from './lookup-name.ts';

/** Words of garbage that are not worth being cleared away. */
const SPARE_WORDS = 4096;
/** How many times as large as its first version an image gets before it is copied at once. */
const MOST_GROWTH = 4;
/**
 * Words of an image that is copied when there is time, and at once, whatever is garbage: offsets of octets have 31 bits, and a version may
 * have a half of that.
 */
const MUCH_WORDS = (5 / 16) * MAX_ZONE_OCTETS;
const MOST_WORDS = (3 / 8) * MAX_ZONE_OCTETS;
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
    countNode(image, root, old, -1);
    if (count === 0 && image.children(old) === 0 && apex > 0) {
      this.#remove(name, apex, old);
      return;
    }
    const hash = image.hashOf(old);
    const node = writeNode(image, hash, image.bytes, image.nameAt(old), image.nameOctets(old), sets, count);
    this.#set(node + NODE.children, image.children(old));
    flag(image, node, image.flags(old) & HAS.wildcard);
    this.#place(hash, old, node);
    if (apex === 0) this.#set(root + ROOT.apex, node);
    countNode(image, root, node, 1);
  }

  #insert(name: LookupName, apex: number, wire: Uint8Array, sets: ArrayLike<number>, count: number): void {
    const { image, root } = this;
    const end = name.starts[apex]!;
    for (let i = 0; ; i++) {
      const start = name.starts[i]!;
      const hash = name.hashes[i]!;
      const isOwner = i === 0;
      const node = writeNode(image, hash, wire, start, end - start, isOwner ? sets : NOTHING, isOwner ? count : 0);
      if (!isOwner) this.#adopt(node, name, i);
      this.#place(hash, 0, node);
      this.#add(root + ROOT.names, 1);
      countNode(image, root, node, 1);
      const parent = image.findSuffix(root, name, i + 1, apex);
      if (parent === 0) continue;
      this.#adopt(this.#ownNode(parent), name, i + 1);
      return;
    }
  }

  /** Counts a new child, whose name begins with the label before label `i`. */
  #adopt(node: number, name: LookupName, i: number): void {
    this.#add(node + NODE.children, 1);
    if (isAsterisk(name, i - 1)) flag(this.image, node, HAS.wildcard);
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
      countNode(image, root, parent, -1);
      node = parent;
    }
  }

  #copyNode(node: number): number {
    const copy = this.image.copy(node, nodeWords(this.image.nameOctets(node), this.image.setCount(node)));
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

  // --- the index -----------------------------------------------------------------------------------------------------------

  /** Is the index so full that chains get long? */
  get #isCrowded(): boolean {
    const bits = this.#get(this.root + ROOT.bits);
    return bits < MAX_BITS && this.image.namesOf(this.root) > 2 << bits;
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
    const top = this.#own(this.root + ROOT.top, topWords(bits));
    const table = this.#own(top + (slot >>> (PAGE_BITS + middle)), 1 << middle);
    const page = this.#own(table + ((slot >>> PAGE_BITS) & ((1 << middle) - 1)), pageWords(bits));
    return page + (slot & (PAGE - 1));
  }

  /** What the word at `at` points to, copied first if it belongs to an older version. */
  #own(at: number, size: number): number {
    const old = this.#get(at);
    if (old >= this.#fresh) return old;
    const copy = this.image.copy(old, size);
    this.#set(at, copy);
    return copy;
  }

  /** Has the image so much garbage, or so full an index, that a copy is worth its cost? */
  get isWasteful(): boolean {
    const { end, firstEnd } = this.image;
    return end > Math.min(2 * firstEnd + SPARE_WORDS, MUCH_WORDS) || this.#isCrowded;
  }

  /** Is so much of it garbage, or comes it so near to what can be addressed, that a copy cannot wait? */
  get isOverfull(): boolean {
    const { end, firstEnd } = this.image;
    return end > Math.min(MOST_GROWTH * firstEnd, MOST_WORDS);
  }

  /** Would so many more names make the chains of an index many times as long as they are to be? */
  static isTooSmall(image: Image, root: number, more: number): boolean {
    const bits = image.words[root + ROOT.bits]!;
    return bits < MAX_BITS && image.namesOf(root) + more > 8 << bits;
  }
}

function isAsterisk(name: LookupName, i: number): boolean {
  const at = name.starts[i]!;
  return name.lower[at] === 1 && name.lower[at + 1] === ASTERISK;
}
