/**
 * The chain of NSEC (RFC 4034 4) or NSEC3 (RFC 5155) records by which a version of a zone proves that a name or a type is not there:
 * which node of it matches a name, or covers the place where the name would stand.
 *
 * Entries of the order are nodes, be they of an older version: their names are what counts, and the node of this version is looked
 * up. Left out: whether the chain is whole and its signatures are right; that is the signer's business.
 *
 * Always holds: looking up allocates nothing; the chain of a next version costs no more than the names that changed.
 */
import { copyOctets, read16 } from '../octets.ts';
import { TYPE } from '../rr/type.ts';
import type { Image } from './image.ts';
import { LOWER, type LookupName } from './lookup-name.ts';
import {
  HASH_LABEL_OCTETS,
  hashBlocks,
  hashName,
  NSEC3_SHA1,
  type Nsec3Parameters,
  readNsec3Parameters,
  writeBase32hex,
} from './nsec3.ts';
import { type Chunk, compareNames, Order, type OrderDraft } from './order.ts';
import { SHA1_OCTETS } from './sha1.ts';

/**
 * Rounds of hashing that an answer is worth. Validators take answers with more than about 100 for unsigned, and with more than 500 for
 * wrong (RFC 9276 appendix B): beyond that a proof helps nobody and costs us most, and answers go without.
 */
export const MAX_ITERATIONS = 500;

const NAME_OCTETS = 255;
const ASTERISK_LABEL = Uint8Array.of(1, 0x2a);

const digest = new Uint8Array(SHA1_OCTETS);
const whole = new Uint8Array(NAME_OCTETS);

export class Chain {
  /** NSEC or NSEC3. */
  readonly type: number;
  /** Of NSEC3. */
  readonly parameters: Nsec3Parameters | undefined;
  readonly #image: Image;
  readonly #root: number;
  readonly #order: Order;
  /** What is sought: a name without its apex, in lower case. */
  readonly #sought: Uint8Array = new Uint8Array(NAME_OCTETS);
  #soughtEnd = 0;
  /** Whether the node that was found last matches; if not, it covers. */
  isMatch = false;

  private constructor(image: Image, root: number, parameters: Nsec3Parameters | undefined, order: Order) {
    this.#image = image;
    this.#root = root;
    this.parameters = parameters;
    this.type = parameters === undefined ? TYPE.NSEC : TYPE.NSEC3;
    this.#order = order;
  }

  /** The chain of a version; `undefined` when it has none. Looks at all of its names. */
  static of(image: Image, root: number): Chain | undefined {
    const apex = image.apexOf(root);
    const [parameters] = chainsOf(image, apex);
    if (parameters === undefined && image.set(apex, TYPE.NSEC) === 0) return undefined;
    const nodes: number[] = [];
    for (const node of image.eachNode(root)) if (isLink(image, node, parameters)) nodes.push(node);
    nodes.sort((a, b) => compareNodes(image, a, b));
    return new Chain(image, root, parameters, Order.fromSorted(nodes));
  }

  /** The chain of another thread for the same version. */
  static ofEntries(image: Image, root: number, entries: readonly Chunk[]): Chain {
    const [parameters] = chainsOf(image, image.apexOf(root));
    return new Chain(image, root, parameters, Order.ofChunks(entries));
  }

  /** For another thread. */
  get entries(): readonly Chunk[] {
    return this.#order.chunks;
  }

  /** Begins the chain of a version that follows on this one in the same image. */
  change(): ChainDraft {
    return new ChainDraft(this, this.#order.change());
  }

  /** For {@link ChainDraft}: enters a name that has changed. */
  renew(draft: OrderDraft, root: number, name: LookupName, apex: number): void {
    const end = name.starts[apex]!;
    const isHash = end === 1 + HASH_LABEL_OCTETS && name.lower[0] === HASH_LABEL_OCTETS;
    if (this.parameters !== undefined && !isHash) return;
    const node = this.#image.findSuffix(root, name, 0, apex);
    this.#seek(name.lower, 0, end);
    if (node !== 0 && isLink(this.#image, node, this.parameters)) draft.insert(node, this.#compare);
    else draft.remove(this.#compare);
  }

  /** For {@link ChainDraft}: `undefined` when the version has another chain than this, or none. */
  at(root: number, order: Order): Chain | undefined {
    const image = this.#image;
    const apex = image.apexOf(root);
    const [parameters] = chainsOf(image, apex);
    const isOther = parameters === undefined && image.set(apex, TYPE.NSEC) === 0;
    return isOther || !isSameChain(parameters, this.parameters) ? undefined : new Chain(image, root, parameters, order);
  }

  /** The same chain for a copy of this version in another image. */
  moveTo(image: Image, root: number): Chain {
    const nodes = new Int32Array(this.#order.size);
    let count = 0;
    for (const entry of this.#order) nodes[count++] = image.findLike(root, this.#image, entry);
    return new Chain(image, root, this.parameters, Order.fromSorted(nodes));
  }

  /** What finding a name costs: blocks of 64 octets that are hashed; 0 with NSEC. */
  get blocks(): number {
    return this.parameters === undefined ? 0 : hashBlocks(this.parameters);
  }

  /**
   * The node whose record matches ({@link isMatch}) or covers the suffix of `name` that begins with label `i`; the apex begins with
   * label `apex`. 0 when the chain has no nodes.
   */
  find(name: LookupName, i: number, apex: number): number {
    const start = name.starts[i]!;
    if (this.parameters === undefined) this.#seek(name.lower, start, name.starts[apex]!);
    else this.#seekHash(this.parameters, name.lower, start, name.length);
    return this.#found();
  }

  /** The same for the wildcard below that suffix (RFC 4592 2.1.1), which is not the whole name: so there is room for it. */
  findWildcard(name: LookupName, i: number, apex: number): number {
    const start = name.starts[i]!;
    const octets = name.length - start + ASTERISK_LABEL.length;
    copyOctets(ASTERISK_LABEL, 0, whole, 0, ASTERISK_LABEL.length);
    copyOctets(name.lower, start, whole, ASTERISK_LABEL.length, name.length - start);
    if (this.parameters === undefined) this.#seek(whole, 0, octets - (name.length - name.starts[apex]!));
    else this.#seekHash(this.parameters, whole, 0, octets);
    return this.#found();
  }

  #seek(lower: Uint8Array, start: number, end: number): void {
    copyOctets(lower, start, this.#sought, 0, end - start);
    this.#soughtEnd = end - start;
  }

  #seekHash(parameters: Nsec3Parameters, lower: Uint8Array, start: number, end: number): void {
    hashName(parameters, lower, start, end, digest);
    this.#sought[0] = HASH_LABEL_OCTETS;
    writeBase32hex(digest, this.#sought, 1);
    this.#soughtEnd = 1 + HASH_LABEL_OCTETS;
  }

  readonly #compare = (entry: number): number => {
    const image = this.#image;
    const at = image.nameAt(entry);
    if (this.parameters !== undefined) return compareHashes(image.bytes, at, this.#sought);
    return compareNames(image.bytes, at, at + image.nameOctets(entry), this.#sought, 0, this.#soughtEnd);
  };

  #found(): number {
    const entry = this.#order.predecessor(this.#compare);
    if (entry < 0) return 0;
    this.isMatch = this.#compare(entry) === 0;
    return this.#image.findLike(this.#root, this.#image, entry);
  }
}

/** The chain of the next version in the making. */
export class ChainDraft {
  readonly #chain: Chain;
  readonly #order: OrderDraft;

  constructor(chain: Chain, order: OrderDraft) {
    this.#chain = chain;
    this.#order = order;
  }

  /** Enters a name that has changed; it begins with label 0, the apex with label `apex`. */
  renew(root: number, name: LookupName, apex: number): void {
    this.#chain.renew(this.#order, root, name, apex);
  }

  /** `undefined` when the version has another chain, or none: then all of its names have to be looked at. */
  finish(root: number): Chain | undefined {
    return this.#chain.at(root, this.#order.finish());
  }
}

/** Is the chain of `next` that of `parameters`? */
function isSameChain(next: Nsec3Parameters | undefined, parameters: Nsec3Parameters | undefined): boolean {
  if (next === undefined || parameters === undefined) return next === parameters;
  return (
    next.algorithm === parameters.algorithm &&
    next.iterations === parameters.iterations &&
    Buffer.compare(next.salt, parameters.salt) === 0
  );
}

/** The NSEC3 chains that are whole (RFC 5155 4.1.2) and that we can follow. */
function chainsOf(image: Image, apex: number): readonly Nsec3Parameters[] {
  const set = image.set(apex, TYPE.NSEC3PARAM);
  const chains: Nsec3Parameters[] = [];
  for (const rdata of set === 0 ? [] : rdatasOf(image, set)) {
    const parameters = readNsec3Parameters(rdata);
    const isKnown = parameters?.algorithm === NSEC3_SHA1 && rdata[1] === 0;
    if (isKnown && parameters.iterations <= MAX_ITERATIONS) chains.push(parameters);
  }
  return chains;
}

/** Does the node hold a record of the chain? */
function isLink(image: Image, node: number, parameters: Nsec3Parameters | undefined): boolean {
  if (parameters === undefined) return image.set(node, TYPE.NSEC) !== 0;
  if (image.nameOctets(node) !== 1 + HASH_LABEL_OCTETS || image.bytes[image.nameAt(node)] !== HASH_LABEL_OCTETS)
    return false;
  const set = image.set(node, TYPE.NSEC3);
  if (set === 0) return false;
  for (const rdata of rdatasOf(image, set)) if (isSameChain(readNsec3Parameters(rdata), parameters)) return true;
  return false;
}

/** Canonical order of names that are one label of a hash each, of which the first may be in upper case. */
function compareHashes(octets: Uint8Array, start: number, sought: Uint8Array): number {
  for (let i = 1; i <= HASH_LABEL_OCTETS; i++) {
    const difference = LOWER[octets[start + i]!]! - sought[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function compareNodes(image: Image, a: number, b: number): number {
  const left = image.nameAt(a);
  const right = image.nameAt(b);
  const { bytes } = image;
  return compareNames(bytes, left, left + image.nameOctets(a), bytes, right, right + image.nameOctets(b));
}

function* rdatasOf(image: Image, set: number): Generator<Uint8Array, void, undefined> {
  const { bytes } = image;
  let at = image.setData(set);
  for (let i = image.setSize(set); i > 0; i--) {
    const end = at + 2 + read16(bytes, at);
    yield bytes.subarray(at + 2, end);
    at = end;
  }
}
