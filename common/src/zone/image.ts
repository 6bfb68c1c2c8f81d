/**
 * Zone images: the data of a zone in one arena of octets that is only ever appended to, and a hash index over its names. No object
 * a record, so a million records are one array, and any thread can read it.
 *
 * A version of the zone is a root: an offset in the arena. All that can be reached from a root stays as it is for ever; a change
 * writes new nodes and copies of the index pages on the way to them, and ends with another root. So a snapshot is a number,
 * versions may branch, and a reader needs neither a lock nor a second try. What no version needs any more stays behind as
 * garbage, which a copy leaves out. Versions are made by `image-change.ts`; here they are read, and nothing of that allocates.
 *
 * Every owner and every empty non-terminal is a node. Offsets count words of four octets; 0 is "none".
 *
 *   root   slots (log2), top, apex, names, log, cuts, DNAMEs, records, octets, words of nodes and sets
 *   index  top -> middle -> page of 64 slots -> chain of nodes
 *   node   next in chain, hash, children, name length | flags | number of sets, offsets of the sets, name without the apex
 *   set    key, TTL, number of records, octets of what follows, records: length in two octets and RDATA
 */
import {
  HAS,
  indexWords,
  middleBits,
  NODE,
  PAGE,
  PAGE_BITS,
  ROOT,
  SET,
  setWords,
  signaturesOf,
} from './image-layout.ts';
import { ASTERISK, LOWER, type LookupName, spread } from './lookup-name.ts';

const scratch = new Uint8Array(256);
const NO_WORDS = new Int32Array(new SharedArrayBuffer(0));
const NO_BYTES = new Uint8Array(NO_WORDS.buffer);

/** What another thread needs to go on with an image; all memory is shared. One thread at a time changes it. */
export interface ImageHandle {
  /** The arena and the log: each a range of memory that may hold other images too (`image-region.ts`). */
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly log: Int32Array<SharedArrayBuffer>;
  readonly end: number;
  readonly firstEnd: number;
  readonly logged: number;
}

export class Image {
  /** The arena, as words and as octets. Replaced when it grows; offsets stay. */
  words: Int32Array<SharedArrayBuffer>;
  bytes: Uint8Array<SharedArrayBuffer>;
  /** Words in use, now and when its first version was complete. */
  end = 1;
  firstEnd = 0;
  /** Offsets of all nodes ever written, in this order, in which they ascend: what a walk over a version goes by. */
  #log: Int32Array<SharedArrayBuffer>;
  /** How many nodes the log holds. */
  logged = 0;
  /** The version that was begun last, 0 when it was taken back, and what the log held before. */
  #newest = 0;
  #loggedBefore = 0;

  /** Room for so many words and names; it grows when there are more. What is not used takes no memory. */
  constructor(words: number, names: number) {
    this.words = NO_WORDS;
    this.bytes = NO_BYTES;
    this.#log = names === 0 ? NO_WORDS : new Int32Array(new SharedArrayBuffer(4 * names));
    if (words > 0) this.#resize(words + 1);
  }

  /** The image of another thread. */
  static ofHandle({ words, log, end, firstEnd, logged }: ImageHandle): Image {
    const image = new Image(0, 0);
    image.#use(words);
    image.#log = log;
    image.end = end;
    image.firstEnd = firstEnd;
    image.logged = logged;
    return image;
  }

  /** For another thread: to read any version that is complete, or to take over the image and change it. */
  get handle(): ImageHandle {
    const { end, firstEnd, logged } = this;
    return { words: this.words, log: this.#log, end, firstEnd, logged };
  }

  #resize(words: number): void {
    const larger = new Int32Array(new SharedArrayBuffer(4 * words));
    larger.set(this.words.subarray(0, this.end));
    this.#use(larger);
  }

  #use(words: Int32Array<SharedArrayBuffer>): void {
    this.words = words;
    this.bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  }

  /** Takes so many words at the end of the arena; gives their offset. They are 0. */
  allocate(count: number): number {
    const at = this.end;
    const { length } = this.words;
    // What is copied for it grows with the image, and what is not used takes no memory.
    if (at + count > length) this.#resize(Math.max(at + count, 2 * length));
    this.end += count;
    return at;
  }

  /** Copies words to the end of the arena; gives where they are. */
  copy(at: number, size: number): number {
    const copy = this.allocate(size);
    this.words.copyWithin(copy, at, at + size);
    return copy;
  }

  /** Begins a version at the end of the arena; gives its root. */
  begin(): number {
    this.#loggedBefore = this.logged;
    this.#newest = this.allocate(ROOT.size);
    return this.#newest;
  }

  /** Takes back the version that was begun last, which nobody will read; any other stays. */
  takeBack(root: number): void {
    if (root !== this.#newest) return;
    this.words.fill(0, root, this.end);
    this.end = root;
    this.logged = this.#loggedBefore;
    this.#newest = 0;
  }

  apexOf(root: number): number {
    return this.words[root + ROOT.apex]!;
  }

  /** Names with data and empty non-terminals. */
  namesOf(root: number): number {
    return this.words[root + ROOT.names]!;
  }

  recordsOf(root: number): number {
    return this.words[root + ROOT.records]!;
  }

  /** Octets of all records in wire form, uncompressed. */
  octetsOf(root: number): number {
    return this.words[root + ROOT.octets]! >>> 0;
  }

  /** Octets of an image that holds a version and nothing else. */
  sizeOf(root: number): number {
    return 4 * (ROOT.size + indexWords(this.words[root + ROOT.bits]!) + this.words[root + ROOT.words]!);
  }

  /** Names below the apex that have NS. */
  cutsOf(root: number): number {
    return this.words[root + ROOT.cuts]!;
  }

  dnamesOf(root: number): number {
    return this.words[root + ROOT.dnames]!;
  }

  /** The offset of the page slot of a hash. */
  slot(root: number, hash: number): number {
    const { words } = this;
    const bits = words[root + ROOT.bits]!;
    const middle = middleBits(bits);
    const slot = spread(hash) >>> (32 - bits);
    const table = words[words[root + ROOT.top]! + (slot >>> (PAGE_BITS + middle))]!;
    const page = words[table + ((slot >>> PAGE_BITS) & ((1 << middle) - 1))]!;
    return page + (slot & (PAGE - 1));
  }

  /** The node whose name without the apex is `lower[start..end)`, in lower case; 0 when there is none. */
  find(root: number, lower: Uint8Array, start: number, end: number, hash: number): number {
    const { words } = this;
    for (let node = words[this.slot(root, hash)]!; node !== 0; node = words[node + NODE.next]!)
      if (this.#isNamed(node, lower, start, end, hash)) return node;
    return 0;
  }

  #isNamed(node: number, lower: Uint8Array, start: number, end: number, hash: number): boolean {
    const { words, bytes } = this;
    const meta = words[node + NODE.meta]!;
    const length = end - start;
    if (words[node + NODE.hash] !== hash || meta >>> 24 !== length) return false;
    const name = (node + NODE.sets + (meta & 0xffff)) << 2;
    let at = 0;
    while (at < length && LOWER[bytes[name + at]!] === lower[start + at]) at++;
    return at === length;
  }

  /** Is the suffix of `name` that begins with label `i` the name of a node? The apex of the zone begins with label `apex`. */
  isSuffix(node: number, name: LookupName, i: number, apex: number): boolean {
    return this.#isNamed(node, name.lower, name.starts[i]!, name.starts[apex]!, name.hashes[i]!);
  }

  /** The node of the suffix of `name` that begins with label `i`; the apex of the zone begins with label `apex`. */
  findSuffix(root: number, name: LookupName, i: number, apex: number): number {
    return i === apex
      ? this.apexOf(root)
      : this.find(root, name.lower, name.starts[i]!, name.starts[apex]!, name.hashes[i]!);
  }

  /** The same for a suffix that is known to exist: octets are compared only where two nodes have its hash and its length. */
  findKnown(root: number, name: LookupName, i: number, apex: number): number {
    if (i === apex) return this.apexOf(root);
    const { words } = this;
    const hash = name.hashes[i]!;
    const length = name.starts[apex]! - name.starts[i]!;
    let found = 0;
    for (let node = words[this.slot(root, hash)]!; node !== 0; node = words[node + NODE.next]!) {
      if (words[node + NODE.hash] !== hash || this.nameOctets(node) !== length) continue;
      if (found !== 0) return this.findSuffix(root, name, i, apex);
      found = node;
    }
    return found;
  }

  /** The wildcard below `encloser`, the node of the suffix that begins with label `i` (RFC 4592 2.1.1). */
  findWildcard(root: number, encloser: number, name: LookupName, i: number, apex: number): number {
    if ((this.flags(encloser) & HAS.wildcard) === 0) return 0;
    const { words, bytes } = this;
    const hash = name.wildcardHash(i);
    const start = name.starts[i]!;
    const length = 2 + name.starts[apex]! - start;
    for (let node = words[this.slot(root, hash)]!; node !== 0; node = words[node + NODE.next]!) {
      if (words[node + NODE.hash] !== hash || this.nameOctets(node) !== length) continue;
      const at = this.nameAt(node);
      if (bytes[at] !== 1 || bytes[at + 1] !== ASTERISK) continue;
      let same = 2;
      while (same < length && LOWER[bytes[at + same]!] === name.lower[start + same - 2]) same++;
      if (same === length) return node;
    }
    return 0;
  }

  /** The node in this image of the name that `node` has in another; 0 when there is none. Both have the same apex. */
  findLike(root: number, from: Image, node: number): number {
    // Most nodes are those of many versions.
    if (this === from && this.#has(root, node)) return node;
    const at = from.nameAt(node);
    const length = from.nameOctets(node);
    for (let i = 0; i < length; i++) scratch[i] = LOWER[from.bytes[at + i]!]!;
    return this.find(root, scratch, 0, length, from.words[node + NODE.hash]!);
  }

  /** Is a node of this image one of a version? */
  #has(root: number, node: number): boolean {
    const { words } = this;
    let found = words[this.slot(root, words[node + NODE.hash]!)]!;
    while (found !== 0 && found !== node) found = words[found + NODE.next]!;
    return found === node;
  }

  /** Do two nodes hold the same sets, octet for octet and in the same order? */
  isSame(node: number, other: Image, otherNode: number): boolean {
    const count = this.setCount(node);
    if (this === other && node === otherNode) return true;
    if (other.setCount(otherNode) !== count) return false;
    for (let i = 0; i < count; i++) {
      const a = this.setAt(node, i);
      const b = other.setAt(otherNode, i);
      if (this === other && a === b) continue;
      const words = setWords(this.setOctets(a));
      for (let word = 0; word < words; word++) if (this.words[a + word] !== other.words[b + word]) return false;
    }
    return true;
  }

  /** The hash of the name of a node, as {@link LookupName} makes it. */
  hashOf(node: number): number {
    return this.words[node + NODE.hash]!;
  }

  flags(node: number): number {
    return (this.words[node + NODE.meta]! >>> 16) & 0xff;
  }

  /** Is this the name of an NSEC3 record and of nothing else? Such a name does not exist for those who ask for it (RFC 5155 7.2.8). */
  isHash(node: number): boolean {
    return (this.flags(node) & (HAS.nsec3 | HAS.data)) === HAS.nsec3 && this.children(node) === 0;
  }

  /** How many nodes are directly below. */
  children(node: number): number {
    return this.words[node + NODE.children]!;
  }

  setCount(node: number): number {
    return this.words[node + NODE.meta]! & 0xffff;
  }

  /** The set number `i` of a node. */
  setAt(node: number, i: number): number {
    return this.words[node + NODE.sets + i]!;
  }

  /** The set of a type, or with a {@link setKey} the signatures of one; 0 when there is none. */
  set(node: number, key: number): number {
    const { words } = this;
    const end = node + NODE.sets + (words[node + NODE.meta]! & 0xffff);
    for (let at = node + NODE.sets; at < end; at++) if (words[words[at]! + SET.key] === key) return words[at]!;
    return 0;
  }

  /** The signatures of the set of a type; 0 when there are none. */
  signatures(node: number, type: number): number {
    return (this.flags(node) & HAS.rrsig) === 0 ? 0 : this.set(node, signaturesOf(type));
  }

  /** Where in `bytes` the name of a node begins: labels as on the wire, without the apex and the root label. */
  nameAt(node: number): number {
    return (node + NODE.sets + this.setCount(node)) << 2;
  }

  nameOctets(node: number): number {
    return this.words[node + NODE.meta]! >>> 24;
  }

  setType(set: number): number {
    return this.words[set + SET.key]! & 0xffff;
  }

  setTtl(set: number): number {
    return this.words[set + SET.ttl]! >>> 0;
  }

  /** Records of a set. */
  setSize(set: number): number {
    return this.words[set + SET.count]!;
  }

  /** Octets of all records of a set with their lengths. */
  setOctets(set: number): number {
    return this.words[set + SET.octets]!;
  }

  /** Where in `bytes` the records begin: for each, its length in two octets and its RDATA. */
  setData(set: number): number {
    return (set + SET.data) << 2;
  }

  /** How far the log goes for a version. */
  logOf(root: number): number {
    return this.words[root + ROOT.log]!;
  }

  /** Notes a node that has been written. */
  enter(node: number): void {
    if (this.logged === this.#log.length) {
      const names = this.#log.length + Math.max(8, this.#log.length >> 1);
      const longer = new Int32Array(new SharedArrayBuffer(4 * names));
      longer.set(this.#log);
      this.#log = longer;
    }
    this.#log[this.logged++] = node;
  }

  /** Begins the log anew with these nodes. */
  enterAll(nodes: ArrayLike<number>): void {
    this.logged = 0;
    for (let i = 0; i < nodes.length; i++) this.enter(nodes[i]!);
  }

  /** The node that was written as number `i`, whatever versions have it. */
  writtenAt(i: number): number {
    return this.#log[i]!;
  }

  /** As what number a node was written. */
  numberOf(node: number): number {
    let low = 0;
    let high = this.logged;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#log[middle]! < node) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The node that was written as number `i`, if this version has it; else 0. */
  loggedAt(root: number, i: number): number {
    const { words } = this;
    const wanted = this.#log[i]!;
    // As long as nothing was changed, all are there.
    if (words[root + ROOT.names] === words[root + ROOT.log]) return wanted;
    const slot = this.slot(root, words[wanted + NODE.hash]!);
    // A page of the first version leads to its nodes and to no other.
    if (slot < this.firstEnd) return wanted < this.firstEnd ? wanted : 0;
    let node = words[slot]!;
    while (node !== 0 && node !== wanted) node = words[node + NODE.next]!;
    return node;
  }

  /** The nodes of a version, empty non-terminals among them, in the order in which they were written. */
  *eachNode(root: number): Generator<number, void, undefined> {
    for (let i = 0; i < this.logOf(root); i++) {
      const node = this.loggedAt(root, i);
      if (node !== 0) yield node;
    }
  }
}
