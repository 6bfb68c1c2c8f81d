/**
 * Zone images: the data of a zone in one arena of octets that is only ever appended to, and a hash index over its names. No object
 * a record, so a million records are one array, and any thread can read it.
 *
 * A version of the zone is a root: an offset in the arena. All that can be reached from a root stays as it is for ever; a change
 * writes new nodes and copies of the index pages on the way to them, and ends with another root. So a snapshot is a number,
 * versions may branch, and a reader needs neither a lock nor a second try. What no version needs any more stays behind as
 * garbage; {@link Image.copy} leaves it out.
 *
 * Every owner and every empty non-terminal is a node. Offsets count words of four octets; 0 is "none".
 *
 *   root   slots (log2), top, apex, names, log, cuts, DNAMEs, records, octets
 *   index  top -> middle -> page of 64 slots -> chain of nodes
 *   node   next in chain, hash, children, name length | flags | number of sets, offsets of the sets, name without the apex
 *   set    key, TTL, number of records, octets of what follows, records: length in two octets and RDATA
 */
import { TYPE } from '../rr/type.ts';
import { ASTERISK, LOWER, type LookupName, spread } from './lookup-name.ts';

/** Words of the root record. */
const ROOT = {
  bits: 0,
  top: 1,
  apex: 2,
  names: 3,
  log: 4,
  cuts: 5,
  dnames: 6,
  records: 7,
  octets: 8,
  size: 9,
} as const;
const NODE = { next: 0, hash: 1, children: 2, meta: 3, sets: 4 } as const;
const SET = { key: 0, ttl: 1, count: 2, octets: 3, data: 4 } as const;

/** What a node is known to have, so that its sets need not be looked through. `data` is any set but NSEC3 and signatures. */
export const HAS = { ns: 1, cname: 2, dname: 4, wildcard: 8, rrsig: 16, nsec3: 32, data: 64 } as const;

const PAGE_BITS = 6;
const PAGE = 1 << PAGE_BITS;
const MAX_BITS = 26;
/** Words of garbage that are not worth being cleared away. */
const SPARE_WORDS = 4096;
const NOTHING = new Int32Array(0);
const scratch = new Uint8Array(256);

/** The key of the signatures of one type: each is a set of its own, with the TTL of what it signs (RFC 4034 3). */
const signaturesOf = (type: number): number => TYPE.RRSIG | (type << 16);

/** By what a set is found in its node: its type, and for signatures also the type that they cover. */
export function setKey(type: number, rdata: Uint8Array): number {
  return type === TYPE.RRSIG && rdata.length >= 2 ? signaturesOf((rdata[0]! << 8) | rdata[1]!) : type;
}

/** The type that the signatures with this key cover; for the key of any other set, one that no set has. */
export function signedBy(key: number): number {
  return (key & 0xffff) === TYPE.RRSIG ? key >>> 16 : -1;
}

/** The octets of a record beside its name and RDATA: type, class, TTL, length. */
const RECORD_FIXED = 10;

const wordsFor = (octets: number): number => (octets + 3) >> 2;

/** The index size for so many names: chains of about one node. */
export function bitsFor(names: number): number {
  const wanted = 32 - Math.clz32(Math.max(1, names - 1));
  return Math.min(MAX_BITS, Math.max(PAGE_BITS, wanted));
}

const middleBits = (bits: number): number => (bits - PAGE_BITS) >> 1;

/** Words of an index of so many bits, all of its levels. */
export function indexWords(bits: number): number {
  return (1 << bits) + (1 << (bits - PAGE_BITS)) + (1 << (bits - PAGE_BITS - middleBits(bits)));
}

export const nodeWords = (nameOctets: number, sets: number): number => NODE.sets + sets + wordsFor(nameOctets);
export const setWords = (octets: number): number => SET.data + wordsFor(octets);
export const ROOT_WORDS: number = ROOT.size;

export class Image {
  /** The arena, as words and as octets. Replaced when it grows; offsets stay. */
  words: Int32Array;
  bytes: Uint8Array;
  /** Words in use. */
  end = 1;
  /** Offsets of all nodes ever written, in this order: what a walk over a version goes by. */
  #log: Int32Array;
  #logged = 0;
  /** Words in use when its first version was complete; 0 before. */
  #firstEnd = 0;
  /** All at and above this offset was written by the change that is under way, and may be written again. */
  #fresh = 0;

  /** Room for so many words and names; it grows when there are more. What is not used takes no memory. */
  constructor(words: number, names: number) {
    this.words = NOTHING;
    this.bytes = new Uint8Array(0);
    this.#log = new Int32Array(names);
    this.#resize(words + 1);
  }

  #resize(words: number): void {
    const buffer = new SharedArrayBuffer(4 * words);
    const larger = new Int32Array(buffer);
    larger.set(this.words.subarray(0, this.end));
    this.words = larger;
    this.bytes = new Uint8Array(buffer);
  }

  #allocate(count: number): number {
    const at = this.end;
    if (at + count > this.words.length)
      this.#resize(Math.max(at + count, this.words.length + Math.max(1024, this.words.length >> 2)));
    this.end += count;
    return at;
  }

  // --- reading: nothing here allocates -------------------------------------------------------------------------------------

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

  /** Names below the apex that have NS. */
  cutsOf(root: number): number {
    return this.words[root + ROOT.cuts]!;
  }

  dnamesOf(root: number): number {
    return this.words[root + ROOT.dnames]!;
  }

  /** The page slot of a hash. */
  #slot(root: number, hash: number): number {
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
    const { words, bytes } = this;
    const length = end - start;
    for (let node = words[this.#slot(root, hash)]!; node !== 0; node = words[node + NODE.next]!) {
      const meta = words[node + NODE.meta]!;
      if (words[node + NODE.hash] !== hash || meta >>> 24 !== length) continue;
      const name = (node + NODE.sets + (meta & 0xffff)) << 2;
      let at = 0;
      while (at < length && LOWER[bytes[name + at]!] === lower[start + at]) at++;
      if (at === length) return node;
    }
    return 0;
  }

  /** The node of the suffix of `name` that begins with label `i`; the apex of the zone begins with label `apex`. */
  findSuffix(root: number, name: LookupName, i: number, apex: number): number {
    return i === apex
      ? this.apexOf(root)
      : this.find(root, name.lower, name.starts[i]!, name.starts[apex]!, name.hashes[i]!);
  }

  /** The wildcard below `encloser`, the node of the suffix that begins with label `i` (RFC 4592 2.1.1). */
  findWildcard(root: number, encloser: number, name: LookupName, i: number, apex: number): number {
    if ((this.flags(encloser) & HAS.wildcard) === 0) return 0;
    const { words, bytes } = this;
    const hash = name.wildcardHash(i);
    const start = name.starts[i]!;
    const length = 2 + name.starts[apex]! - start;
    for (let node = words[this.#slot(root, hash)]!; node !== 0; node = words[node + NODE.next]!) {
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
    const at = from.nameAt(node);
    const length = from.nameOctets(node);
    for (let i = 0; i < length; i++) scratch[i] = LOWER[from.bytes[at + i]!]!;
    return this.find(root, scratch, 0, length, from.words[node + NODE.hash]!);
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

  /** The node that was written as number `i`, if this version has it; else 0. */
  logged(root: number, i: number): number {
    const { words } = this;
    const wanted = this.#log[i]!;
    let node = words[this.#slot(root, words[wanted + NODE.hash]!)]!;
    while (node !== 0 && node !== wanted) node = words[node + NODE.next]!;
    return node;
  }

  // --- writing -------------------------------------------------------------------------------------------------------------

  /** Is there so much garbage that a copy is worth its cost? */
  get isWasteful(): boolean {
    return this.end > 2 * this.#firstEnd + SPARE_WORDS;
  }

  /** Is the index of this version so full that chains get long? */
  isCrowded(root: number): boolean {
    const bits = this.words[root + ROOT.bits]!;
    return bits < MAX_BITS && this.namesOf(root) > 2 << bits;
  }

  /** Begins the first version: an empty index and no apex yet. */
  begin(bits: number): number {
    const root = this.#allocate(ROOT.size);
    this.#fresh = root;
    this.#makeIndex(root, bits);
    return root;
  }

  #makeIndex(root: number, bits: number): void {
    const middle = middleBits(bits);
    const tops = 1 << (bits - PAGE_BITS - middle);
    const top = this.#allocate(tops);
    this.words[root + ROOT.bits] = bits;
    this.words[root + ROOT.top] = top;
    for (let i = 0; i < tops; i++) {
      const table = this.#allocate(1 << middle);
      this.words[top + i] = table;
      for (let j = 0; j < 1 << middle; j++) {
        const page = this.#allocate(PAGE);
        this.words[table + j] = page;
      }
    }
  }

  /** Gives the version that is under way, the first one, an index for four times as many names. */
  widen(root: number): void {
    this.#makeIndex(root, Math.min(MAX_BITS, this.words[root + ROOT.bits]! + 2));
    for (let i = 0; i < this.#logged; i++) {
      const node = this.#log[i]!;
      this.#place(root, this.words[node + NODE.hash]!, 0, node);
    }
  }

  /** Begins a version that follows on `root`. */
  follow(root: number): number {
    const next = this.#allocate(ROOT.size);
    this.#fresh = next;
    this.words.copyWithin(next, root, root + ROOT.size);
    return next;
  }

  /** Makes a set of `count` records in `octets` octets; the caller fills them in at {@link setData}. */
  addSet(key: number, ttl: number, count: number, octets: number): number {
    const set = this.#allocate(setWords(octets));
    const { words } = this;
    words[set + SET.key] = key;
    words[set + SET.ttl] = ttl;
    words[set + SET.count] = count;
    words[set + SET.octets] = octets;
    return set;
  }

  /** Writes one record of a set at an offset in `bytes`; gives where the next one begins. */
  writeRdata(at: number, rdata: Uint8Array): number {
    this.bytes[at] = rdata.length >> 8;
    this.bytes[at + 1] = rdata.length;
    this.bytes.set(rdata, at + 2);
    return at + 2 + rdata.length;
  }

  /** Makes a node that is in no index yet. `name` holds its labels as on the wire, without the apex. */
  #addNode(
    hash: number,
    name: Uint8Array,
    start: number,
    length: number,
    sets: ArrayLike<number>,
    count: number,
  ): number {
    const node = this.#allocate(nodeWords(length, count));
    const { words, bytes } = this;
    words[node + NODE.hash] = hash;
    let flags = 0;
    for (let i = 0; i < count; i++) {
      words[node + NODE.sets + i] = sets[i]!;
      flags |= flagOf(this.setType(sets[i]!));
    }
    words[node + NODE.meta] = (length << 24) | (flags << 16) | count;
    const at = (node + NODE.sets + count) << 2;
    for (let i = 0; i < length; i++) bytes[at + i] = name[start + i]!;
    this.#enter(node);
    return node;
  }

  #enter(node: number): void {
    if (this.#logged === this.#log.length) {
      const longer = new Int32Array(this.#log.length + Math.max(64, this.#log.length >> 1));
      longer.set(this.#log);
      this.#log = longer;
    }
    this.#log[this.#logged++] = node;
  }

  /** The page slot of a hash, in a page that this change may write to. */
  #ownSlot(root: number, hash: number): number {
    const bits = this.words[root + ROOT.bits]!;
    const middle = middleBits(bits);
    const slot = spread(hash) >>> (32 - bits);
    const top = this.#own(root + ROOT.top, 1 << (bits - PAGE_BITS - middle));
    const table = this.#own(top + (slot >>> (PAGE_BITS + middle)), 1 << middle);
    const page = this.#own(table + ((slot >>> PAGE_BITS) & ((1 << middle) - 1)), PAGE);
    return page + (slot & (PAGE - 1));
  }

  /** What the word at `at` points to, copied first if it belongs to an older version. */
  #own(at: number, size: number): number {
    const old = this.words[at]!;
    if (old >= this.#fresh) return old;
    const copy = this.#allocate(size);
    this.words.copyWithin(copy, old, old + size);
    this.words[at] = copy;
    return copy;
  }

  /** Puts a node where `old` is in the index, or at the head of its chain when there is none; `node` 0 takes `old` out. */
  #place(root: number, hash: number, old: number, node: number): void {
    const slot = this.#ownSlot(root, hash);
    if (old === 0) {
      this.words[node + NODE.next] = this.words[slot]!;
      this.words[slot] = node;
      return;
    }
    // Nodes before it in the chain that belong to older versions are copied: they get another successor.
    let link = slot;
    for (let at = this.words[link]!; at !== old; at = this.words[link]!) {
      if (at < this.#fresh) {
        const copy = this.#copyNode(at);
        this.words[link] = copy;
        at = copy;
      }
      link = at + NODE.next;
    }
    const rest = this.words[old + NODE.next]!;
    if (node !== 0) this.words[node + NODE.next] = rest;
    this.words[link] = node === 0 ? rest : node;
  }

  #copyNode(node: number): number {
    const size = nodeWords(this.nameOctets(node), this.setCount(node));
    const copy = this.#allocate(size);
    this.words.copyWithin(copy, node, node + size);
    this.#enter(copy);
    return copy;
  }

  /** A node of this version that may be written to: itself, or a copy in its place. */
  #ownNode(root: number, node: number): number {
    if (node >= this.#fresh) return node;
    const copy = this.#copyNode(node);
    this.#place(root, this.words[node + NODE.hash]!, node, copy);
    if (this.apexOf(root) === node) this.words[root + ROOT.apex] = copy;
    return copy;
  }

  /**
   * Gives a name other sets, none to take its data away. The name begins with label 0, the apex with label `apex`; `wire` holds it
   * as it is to be written, for a name that is new.
   */
  put(root: number, name: LookupName, apex: number, wire: Uint8Array, sets: ArrayLike<number>, count: number): void {
    const old = this.findSuffix(root, name, 0, apex);
    if (old === 0) {
      if (count > 0) this.#insert(root, name, apex, wire, sets, count);
      return;
    }
    this.#count(root, old, -1, apex === 0);
    if (count === 0 && this.children(old) === 0 && apex > 0) {
      this.#remove(root, name, apex, old);
      return;
    }
    const node = this.#addNode(
      this.words[old + NODE.hash]!,
      this.bytes,
      this.nameAt(old),
      this.nameOctets(old),
      sets,
      count,
    );
    this.words[node + NODE.children] = this.children(old);
    this.#flag(node, this.flags(old) & HAS.wildcard);
    this.#place(root, this.words[old + NODE.hash]!, old, node);
    if (apex === 0) this.words[root + ROOT.apex] = node;
    this.#count(root, node, 1, apex === 0);
  }

  #flag(node: number, flags: number): void {
    this.words[node + NODE.meta] = this.words[node + NODE.meta]! | (flags << 16);
  }

  #insert(
    root: number,
    name: LookupName,
    apex: number,
    wire: Uint8Array,
    sets: ArrayLike<number>,
    count: number,
  ): void {
    const end = name.starts[apex]!;
    for (let i = 0; ; i++) {
      const start = name.starts[i]!;
      const hash = name.hashes[i]!;
      const node =
        i === 0
          ? this.#addNode(hash, wire, 0, end, sets, count)
          : this.#addNode(hash, wire, start, end - start, NOTHING, 0);
      if (i > 0) this.#adopt(node, name, i);
      this.#place(root, hash, 0, node);
      this.words[root + ROOT.names] = this.namesOf(root) + 1;
      if (i === 0) this.#count(root, node, 1, apex === 0);
      if (i === apex) {
        this.words[root + ROOT.apex] = node;
        return;
      }
      const parent = this.findSuffix(root, name, i + 1, apex);
      if (parent === 0) continue;
      this.#adopt(this.#ownNode(root, parent), name, i + 1);
      return;
    }
  }

  /** Counts a new child, whose name begins with the label before label `i`. */
  #adopt(node: number, name: LookupName, i: number): void {
    this.words[node + NODE.children] = this.children(node) + 1;
    if (isAsterisk(name, i - 1)) this.#flag(node, HAS.wildcard);
  }

  /** Takes out a node without children, and the empty non-terminals above it that then have none. */
  #remove(root: number, name: LookupName, apex: number, old: number): void {
    for (let i = 0, node = old; ; i++) {
      this.#place(root, this.words[node + NODE.hash]!, node, 0);
      this.words[root + ROOT.names] = this.namesOf(root) - 1;
      const parent = this.#ownNode(root, this.findSuffix(root, name, i + 1, apex));
      this.words[parent + NODE.children] = this.children(parent) - 1;
      if (isAsterisk(name, i)) this.words[parent + NODE.meta] = this.words[parent + NODE.meta]! & ~(HAS.wildcard << 16);
      if (i + 1 === apex || this.children(parent) > 0 || this.setCount(parent) > 0) return;
      node = parent;
    }
  }

  /** Adds what a node holds to the sums of the root, or takes it away. */
  #count(root: number, node: number, sign: 1 | -1, isApex: boolean): void {
    const { words } = this;
    const flags = this.flags(node);
    if (!isApex && (flags & HAS.ns) !== 0) words[root + ROOT.cuts] = words[root + ROOT.cuts]! + sign;
    if ((flags & HAS.dname) !== 0) words[root + ROOT.dnames] = words[root + ROOT.dnames]! + sign;
    for (let i = this.setCount(node) - 1; i >= 0; i--) {
      const set = this.setAt(node, i);
      const count = this.setSize(set);
      words[root + ROOT.records] = words[root + ROOT.records]! + sign * count;
      // Each record: its name and root label, RECORD_FIXED, RDATA, whose length octets stand for none of it.
      const octets = count * (this.nameOctets(node) + 1 + RECORD_FIXED - 2) + this.setOctets(set);
      words[root + ROOT.octets] = words[root + ROOT.octets]! + sign * octets;
    }
  }

  /** Ends a change: from here on nothing of this version is written to. */
  seal(root: number): void {
    this.words[root + ROOT.log] = this.#logged;
    this.#fresh = this.end;
    if (this.#firstEnd === 0) this.#firstEnd = this.end;
  }

  /** An image that holds this version and nothing else, in the order of the log, and its root. */
  copy(root: number): { readonly image: Image; readonly root: number } {
    const bits = bitsFor(this.namesOf(root));
    const logged = this.logOf(root);
    let size = ROOT.size + indexWords(bits);
    for (let i = 0; i < logged; i++) {
      const node = this.logged(root, i);
      if (node === 0) continue;
      size += nodeWords(this.nameOctets(node), this.setCount(node));
      for (let j = this.setCount(node) - 1; j >= 0; j--) size += setWords(this.setOctets(this.setAt(node, j)));
    }
    const image = new Image(size, this.namesOf(root));
    const next = image.begin(bits);
    for (let i = 0; i < logged; i++) {
      const node = this.logged(root, i);
      if (node !== 0) image.#takeNode(next, this, node, node === this.apexOf(root));
    }
    for (const sum of [ROOT.names, ROOT.cuts, ROOT.dnames, ROOT.records, ROOT.octets])
      image.words[next + sum] = this.words[root + sum]!;
    image.seal(next);
    return { image, root: next };
  }

  #takeNode(root: number, from: Image, node: number, isApex: boolean): void {
    const size = nodeWords(from.nameOctets(node), from.setCount(node));
    const copy = this.#allocate(size);
    this.words.set(from.words.subarray(node, node + size), copy);
    for (let i = from.setCount(node) - 1; i >= 0; i--) {
      const set = from.setAt(node, i);
      const words = setWords(from.setOctets(set));
      const at = this.#allocate(words);
      this.words.set(from.words.subarray(set, set + words), at);
      this.words[copy + NODE.sets + i] = at;
    }
    this.#enter(copy);
    this.#place(root, from.words[node + NODE.hash]!, 0, copy);
    if (isApex) this.words[root + ROOT.apex] = copy;
  }
}

function flagOf(type: number): number {
  switch (type) {
    case TYPE.NS:
      return HAS.ns | HAS.data;
    case TYPE.CNAME:
      return HAS.cname | HAS.data;
    case TYPE.DNAME:
      return HAS.dname | HAS.data;
    case TYPE.RRSIG:
      return HAS.rrsig;
    case TYPE.NSEC3:
      return HAS.nsec3;
    default:
      return HAS.data;
  }
}

function isAsterisk(name: LookupName, i: number): boolean {
  const at = name.starts[i]!;
  return name.lower[at] === 1 && name.lower[at + 1] === ASTERISK;
}
