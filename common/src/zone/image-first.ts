/**
 * The first version of an image, made in two steps: nodes and their sets are written as they come, one behind the other, and when
 * their number is known the index over all of them at once, which is quicker by much than to look for each name as it comes. Names
 * that were written more than once become one then, and empty non-terminals come in.
 *
 * Always holds: the log ascends. No object a record or a name is kept, so that neither the number nor the order of the records of a
 * zone, which may be another's choice, fills the heap.
 */
import type { Image } from './image.ts';
import { bitsFor, HAS, NODE, ROOT } from './image-layout.ts';
import { countNode, flag, makeIndex, slotOf, writeNode } from './image-node.ts';
import { ASTERISK, areSameOctets, LookupName } from './lookup-name.ts';
import { joinSets } from './set-join.ts';

/** Slots of a part of the index (log2): with their nodes they fit where a processor has what it is at. */
const PART_BITS = 12;
/**
 * Octets of an image, and names of it with the empty non-terminals, of which a name of many labels brings a hundred: what a process
 * can hold, and can make in seconds.
 */
export const MAX_ZONE_OCTETS = 2 ** 30;
export const MAX_ZONE_NAMES = 5_000_000;
const NO_SETS = new Int32Array(0);
const lookup = new LookupName();
const wire = new Uint8Array(256);

export class FirstVersion {
  readonly image: Image;
  readonly root: number;
  /** Wire form, lower case. */
  readonly #apex: Uint8Array;
  readonly #mostNames: number;
  /** Records of the name that has most. */
  mostRecords = 0;
  /** Was it given up, being more than {@link MAX_ZONE_OCTETS} or than the names it may have? Then it must not be read. */
  isTooLarge = false;

  constructor(image: Image, apex: Uint8Array, mostNames = MAX_ZONE_NAMES) {
    this.image = image;
    this.#mostNames = mostNames;
    this.root = image.allocate(ROOT.size);
    this.#apex = apex;
  }

  /** Writes a node. `name` holds its labels as on the wire, without the apex; `hash` is that of the whole name in lower case. */
  add(hash: number, name: Uint8Array, start: number, length: number, sets: ArrayLike<number>, count: number): number {
    const { image, root } = this;
    const node = writeNode(image, hash, name, start, length, sets, count);
    if (length === 0) image.words[root + ROOT.apex] = node;
    const before = image.recordsOf(root);
    countNode(image, root, node, 1);
    this.mostRecords = Math.max(this.mostRecords, image.recordsOf(root) - before);
    return node;
  }

  /** Ends the version: from here on nothing of it is written to. Gives its root; without an apex it has names and no more. */
  finish(): number {
    const { image, root } = this;
    const names = this.#enterAll();
    if (names < image.logged) this.#joinAll(names);
    if (image.apexOf(root) !== 0) this.#adoptAll();
    image.words[root + ROOT.names] = image.logged;
    image.words[root + ROOT.log] = image.logged;
    image.firstEnd = image.end;
    return root;
  }

  /**
   * Makes the index and puts the nodes into it, of each name the first. Gives how many. Those that come later for a name hang on the first by
   * what is to be their number of children, the last of them at its head, and each is its own next one.
   */
  #enterAll(): number {
    const { image } = this;
    const bits = bitsFor(image.logged);
    const pages = makeIndex(image, this.root, bits);
    const { words } = image;
    let names = 0;
    const nodes = this.#byPart(bits);
    for (let i = 0; i < nodes.length; i += 2) {
      const node = nodes[i]!;
      const hash = nodes[i + 1]!;
      const slot = slotOf(pages, bits, hash);
      const head = words[slot]!;
      let first = head;
      while (first !== 0 && (words[first + NODE.hash] !== hash || !isSameName(image, first, node)))
        first = words[first + NODE.next]!;
      if (first === 0) {
        if (head !== 0) words[node + NODE.next] = head;
        words[slot] = node;
        names++;
      } else {
        words[node + NODE.next] = node;
        words[node + NODE.children] = words[first + NODE.children]!;
        words[first + NODE.children] = node;
      }
    }
    return names;
  }

  /**
   * The nodes and the hashes of their names, those of one part of the index together, and there as they were written: so most need not be
   * looked at again, and of the index no more at a time than is quick to reach.
   */
  #byPart(bits: number): Int32Array {
    const { image } = this;
    const { words, logged } = image;
    const nexts = new Int32Array(1 << Math.max(0, bits - PART_BITS));
    for (let i = 0; i < logged; i++) nexts[slotOf(0, bits, words[image.writtenAt(i) + NODE.hash]!) >> PART_BITS]! += 2;
    for (let i = 0, next = 0; i < nexts.length; i++) {
      const size = nexts[i]!;
      nexts[i] = next;
      next += size;
    }
    const nodes = new Int32Array(2 * logged);
    for (let i = 0; i < logged; i++) {
      const node = image.writtenAt(i);
      const hash = words[node + NODE.hash]!;
      const part = slotOf(0, bits, hash) >> PART_BITS;
      const at = nexts[part]!;
      nodes[at] = node;
      nodes[at + 1] = hash;
      nexts[part] = at + 2;
    }
    return nodes;
  }

  /** Writes the names once more that were written more than once, and begins the log anew. */
  #joinAll(names: number): void {
    const { image } = this;
    const nodes = new Int32Array(names);
    const { logged } = image;
    let count = 0;
    for (let i = 0; i < logged; i++) {
      const node = image.writtenAt(i);
      if (image.children(node) === 0 && image.words[node + NODE.next] !== node) nodes[count++] = node;
    }
    for (let i = 0; i < logged; i++) {
      const node = image.writtenAt(i);
      if (image.children(node) !== 0 && image.words[node + NODE.next] !== node) nodes[count++] = this.#join(node);
    }
    image.enterAll(nodes);
  }

  /** Writes a name with all that came for it, in the order in which that came. */
  #join(first: number): number {
    const { image, root } = this;
    const later: number[] = [];
    for (let node = image.children(first); node !== 0; node = image.children(node)) later.push(node);
    const sets: number[] = [];
    for (const node of [...later, first].reverse()) {
      countNode(image, root, node, -1);
      for (let i = 0; i < image.setCount(node); i++) sets.push(image.setAt(node, i));
    }
    const joined = joinSets(image, sets);
    const hash = image.hashOf(first);
    const node = this.add(hash, image.bytes, image.nameAt(first), image.nameOctets(first), joined, joined.length);
    const { words } = image;
    let link = image.slot(root, hash);
    while (words[link] !== first) link = words[link]! + NODE.next;
    words[link] = node;
    words[node + NODE.next] = words[first + NODE.next]!;
    return node;
  }

  /** Gives each node to its parent; parents that are not there come in, and are given to theirs. Ends early where that gets too large. */
  #adoptAll(): void {
    const { image, root } = this;
    const { logged } = image;
    let parent = 0;
    for (let i = 0; i < logged && !this.isTooLarge; i++) {
      const node = image.writtenAt(i);
      const length = image.nameOctets(node);
      if (length === 0) continue;
      const at = image.nameAt(node);
      const label = 1 + image.bytes[at]!;
      if (label === length) parent = image.apexOf(root);
      // Names that follow each other often have one parent.
      else if (!isNameAt(image, parent, at + label, length - label)) parent = this.#parent(at + label, length - label);
      this.#adopt(parent, node);
    }
  }

  #adopt(parent: number, node: number): void {
    const { image } = this;
    const { words, bytes } = image;
    const at = image.nameAt(node);
    words[parent + NODE.children]! += 1;
    if (bytes[at] === 1 && bytes[at + 1] === ASTERISK) flag(image, parent, HAS.wildcard);
  }

  /** The node of the name of so many octets that stands at `at`, which is made if it is not there, with all above it. */
  #parent(at: number, length: number): number {
    const { image, root } = this;
    wire.set(image.bytes.subarray(at, at + length));
    wire.set(this.#apex, length);
    // The name is hashed once for all of its ancestors: a name of many labels costs no more than the nodes that it brings.
    lookup.read(wire, 0);
    let first = 0;
    for (let i = 0, child = 0; ; i++) {
      const start = lookup.starts[i]!;
      const hash = lookup.hashes[i]!;
      const found = start === length ? image.apexOf(root) : image.find(root, lookup.lower, start, length, hash);
      const node = found === 0 ? this.#addEmpty(hash, start, length) : found;
      if (child === 0) first = node;
      else this.#adopt(node, child);
      if (found !== 0) return first;
      child = node;
    }
  }

  /** Makes an empty non-terminal, the name of which stands in `wire`. */
  #addEmpty(hash: number, start: number, end: number): number {
    const { image, root } = this;
    const node = writeNode(image, hash, wire, start, end - start, NO_SETS, 0);
    countNode(image, root, node, 1);
    const slot = image.slot(root, hash);
    image.words[node + NODE.next] = image.words[slot]!;
    image.words[slot] = node;
    if (image.logged > 2 << image.words[root + ROOT.bits]!) this.#widen();
    if (image.logged > this.#mostNames || 4 * image.end > MAX_ZONE_OCTETS) this.isTooLarge = true;
    return node;
  }

  /** Makes an index for four times as many names: a name of many labels brings as many empty non-terminals. */
  #widen(): void {
    const { image } = this;
    const bits = bitsFor(4 * image.logged);
    const pages = makeIndex(image, this.root, bits);
    const { words } = image;
    for (let i = 0; i < image.logged; i++) {
      const node = image.writtenAt(i);
      const slot = slotOf(pages, bits, words[node + NODE.hash]!);
      words[node + NODE.next] = words[slot]!;
      words[slot] = node;
    }
  }
}

/** Is it the name of `node` that stands at `at`? */
function isNameAt(image: Image, node: number, at: number, length: number): boolean {
  if (node === 0 || image.nameOctets(node) !== length) return false;
  return areSameOctets(image.bytes, image.nameAt(node), image.bytes, at, length);
}

function isSameName(image: Image, a: number, b: number): boolean {
  return isNameAt(image, a, image.nameAt(b), image.nameOctets(b));
}
