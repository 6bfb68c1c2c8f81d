/**
 * Looks at a database file of LMDB before LMDB does, which trusts its files: octets that a disk has turned, or a file that was cut, end
 * the process that follows them. So every page that can be reached is looked at: its number and kind, that what it holds lies
 * within it and leads to pages that are there, each once, that keys are in order and that all that was counted is there. The
 * content of values is not looked at; they have checksums of their own (`seal.ts`).
 *
 * The layout is that of LMDB's data version 2 with 64 bits, little endian, which is what `lmdb` writes (`mdb.c`, `MDB_meta`,
 * `MDB_page`, `MDB_node`). A file of another is refused.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

const MAGIC = 0xbeefc0de;
const VERSION = 2;
/** Offsets in a page. `lower` and `upper`, and where nodes are, count from behind its head. */
const PAGE = { number: 0, transaction: 8, flags: 18, lower: 20, upper: 22, pages: 20, head: 24 } as const;
/** Offsets in a meta page, behind the head of the page; `free` and `main` are trees. */
const META = {
  magic: 24,
  version: 28,
  mapSize: 40,
  free: 48,
  main: 96,
  last: 144,
  transaction: 152,
  end: 160,
} as const;
/** Offsets in the description of a tree; `pageSize` in that of the free pages only. */
const TREE = { pageSize: 0, flags: 4, depth: 6, branches: 8, leaves: 16, overflow: 24, entries: 32, root: 40 } as const;
/** Offsets in a node: the size of its value, or the lower half of a page number. */
const NODE = { size: 0, flags: 4, keySize: 6, key: 8 } as const;
/** Offsets in what stands for a value on pages of its own. */
const LARGE = { page: 0, pages: 16, octets: 24 } as const;

const [BRANCH, LEAF, OVERFLOW, META_PAGE] = [1, 2, 4, 8];
/** Of the environment: keys of the free pages are integers, and the path is that of the file. */
const FREE_FLAGS = 0x4008;
const BIG_DATA = 1;
/** The root of an empty tree. */
const NO_PAGE = 2n ** 64n - 1n;
const METAS = 2;
const [UNKNOWN, USED, FREE] = [0, 1, 2];
/** LMDB's own bound for the depth of a tree. */
const MAX_DEPTH = 32;

/** What is wrong with a file, on its way out of here. */
class Damage extends Error {}

/** Says what is wrong with the file; `undefined` when nothing is. Throws system errors. */
export function checkDatabase(path: string): string | undefined {
  const fd = openSync(path, 'r');
  try {
    new Check(fd).run();
    return undefined;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    // What lies outside of a page is nowhere read but here.
    if (error instanceof RangeError) return 'something reaches beyond its page';
    throw error;
  } finally {
    closeSync(fd);
  }
}

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branches: number;
  readonly leaves: number;
  readonly overflow: number;
  readonly entries: number;
  readonly root: bigint;
}

interface Leaf {
  readonly key: Buffer;
  readonly value: () => Buffer;
}

class Check {
  readonly #fd: number;
  #pageSize = 0;
  /** Pages in the file. */
  #pages = 0;
  /** As many as the newest transaction knows of; the file may be shorter, where the last are free. */
  #known = 0;
  #transaction = 0;
  /** One octet a page: what is known of it. */
  #used = new Uint8Array(0);

  constructor(fd: number) {
    this.#fd = fd;
  }

  run(): void {
    if (endianness() !== 'LE') throw new Damage('databases are for little endian machines');
    const newest = this.#readMetas();
    const main = treeAt(newest, META.main);
    need(main.flags === 0, 'an unknown kind of tree');
    this.#walk(main, Buffer.compare, () => {});
    const free = treeAt(newest, META.free);
    need(free.flags === FREE_FLAGS, 'unknown flags');
    const lists: Buffer[] = [];
    const byNumber = (a: Buffer, b: Buffer): number => Number(a.readBigUInt64LE() - b.readBigUInt64LE());
    this.#walk(free, byNumber, ({ value }) => lists.push(value()));
    for (const list of lists) this.#readFree(list);
  }

  /** The meta page of the newest transaction. They take turns, so the other one is of the transaction before. */
  #readMetas(): Buffer {
    const { size } = fstatSync(this.#fd);
    need(size >= META.end, size === 0 ? 'it is empty' : 'it is cut short');
    const first = this.#read(0, META.end);
    need((first.readUInt16LE(PAGE.flags) & META_PAGE!) !== 0, 'it is no database');
    need(first.readUInt32LE(META.magic) === MAGIC, 'it is no database');
    need(first.readUInt32LE(META.version) === VERSION, 'it is of another version of LMDB');
    const pageSize = first.readUInt32LE(META.free + TREE.pageSize);
    need(pageSize >= 512 && pageSize <= 0x8000 && Number.isInteger(Math.log2(pageSize)), 'an impossible size of pages');
    need(size >= METAS * pageSize, 'it is cut short');
    this.#pageSize = pageSize;
    this.#pages = Math.floor(size / pageSize);
    const metas = [first, this.#read(pageSize, META.end)];
    for (const [i, meta] of metas.entries()) {
      need(meta.readUInt16LE(PAGE.flags) === META_PAGE, 'a damaged head');
      need(meta.readUInt32LE(META.magic) === MAGIC && meta.readUInt32LE(META.version) === VERSION, 'a damaged head');
      need(meta.readUInt32LE(META.free + TREE.pageSize) === pageSize, 'a damaged head');
      need(number(meta, META.transaction) % METAS === i, 'a damaged head');
    }
    const [even, odd] = metas.map((meta) => number(meta, META.transaction));
    need(Math.abs(even! - odd!) === 1, 'a damaged head');
    this.#transaction = Math.max(even!, odd!);
    const newest = metas[this.#transaction % METAS]!;
    this.#known = number(newest, META.last) + 1;
    // The map is made as large as that says, and is at least as large as the file that was written through it.
    need(number(newest, META.mapSize) >= this.#known * pageSize, 'a damaged head');
    this.#used = new Uint8Array(Math.max(METAS, Math.min(this.#known, this.#pages)));
    this.#used.fill(USED, 0, METAS);
    return newest;
  }

  /** All of a tree, without recursion; in the order of its keys. */
  #walk(tree: Tree, compare: (a: Buffer, b: Buffer) => number, onLeaf: (leaf: Leaf) => void): void {
    const found = { branches: 0, leaves: 0, overflow: 0, entries: 0 };
    need(tree.depth <= MAX_DEPTH, 'a tree that is too deep');
    need((tree.root === NO_PAGE) === (tree.depth === 0), 'a tree without a root');
    const waiting = tree.depth === 0 ? [] : [{ page: tree.root, level: 1, from: undefined as Buffer | undefined }];
    let last: Buffer | undefined;
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { page: at, level, from } = next;
      const isLeaf = level === tree.depth;
      const page = this.#page(at, isLeaf ? LEAF! : BRANCH!);
      found[isLeaf ? 'leaves' : 'branches']++;
      // What separates two pages is above all of the one, and at or below all of the other.
      need(last === undefined || from === undefined || compare(last, from) < 0, 'keys out of order');
      const nodes = this.#nodes(page, isLeaf);
      need(nodes.length > 0 || tree.entries === 0, 'an empty page');
      if (!isLeaf) {
        for (let i = nodes.length - 1; i >= 0; i--)
          waiting.push({ page: pageOf(nodes[i]!), level: level + 1, from: i === 0 ? from : keyOf(nodes[i]!) });
        continue;
      }
      for (const node of nodes) {
        const key = keyOf(node);
        need(from === undefined || compare(from, key) <= 0, 'keys out of order');
        need(last === undefined || compare(last, key) < 0, 'keys out of order');
        last = key;
        const { value, pages } = this.#value(node);
        found.overflow += pages;
        found.entries++;
        onLeaf({ key, value });
      }
    }
    const isCounted = (what: keyof typeof found): boolean => found[what] === tree[what];
    need(
      (['branches', 'leaves', 'overflow', 'entries'] as const).every(isCounted),
      'something that was counted is missing',
    );
  }

  /** A page of a kind, which nothing else may lead to. */
  #page(at: bigint, kind: number): Buffer {
    const page = this.#read(this.#use(at, 1) * this.#pageSize, this.#pageSize);
    need(page.readBigUInt64LE(PAGE.number) === at, 'a page that is not where it should be');
    need(page.readUInt16LE(PAGE.flags) === kind, 'a page of another kind');
    need(number(page, PAGE.transaction) <= this.#transaction, 'a page of a later time');
    return page;
  }

  #nodes(page: Buffer, isLeaf: boolean): Buffer[] {
    const [lower, upper] = [PAGE.head + page.readUInt16LE(PAGE.lower), PAGE.head + page.readUInt16LE(PAGE.upper)];
    need(lower % 2 === 0 && lower <= upper && upper <= page.length, 'a damaged page');
    const nodes: Buffer[] = [];
    for (let at = PAGE.head; at < lower; at += 2) {
      const start = PAGE.head + page.readUInt16LE(at);
      need(start >= upper && start + NODE.key <= page.length, 'a damaged page');
      const flags = page.readUInt16LE(start + NODE.flags);
      const value = page.readUInt32LE(start + NODE.size);
      const end = start + NODE.key + page.readUInt16LE(start + NODE.keySize);
      need(!isLeaf || flags === 0 || flags === BIG_DATA, 'an unknown kind of value');
      nodes.push(sliceOf(page, start, isLeaf ? end + (flags === BIG_DATA ? LARGE.octets : value) : end));
    }
    return nodes;
  }

  #value(node: Buffer): { readonly value: () => Buffer; readonly pages: number } {
    const at = NODE.key + node.readUInt16LE(NODE.keySize);
    if (node.readUInt16LE(NODE.flags) !== BIG_DATA) return { value: () => node.subarray(at), pages: 0 };
    const size = node.readUInt32LE(NODE.size);
    const pages = Math.ceil((PAGE.head + size) / this.#pageSize);
    const first = node.readBigUInt64LE(at + LARGE.page);
    need(number(node, at + LARGE.pages) === pages, 'a value of another size');
    const start = this.#use(first, pages) * this.#pageSize;
    const head = this.#read(start, PAGE.head);
    need(head.readBigUInt64LE(PAGE.number) === first, 'a page that is not where it should be');
    need(head.readUInt16LE(PAGE.flags) === OVERFLOW, 'a page of another kind');
    need(head.readUInt32LE(PAGE.pages) === pages, 'a value of another size');
    need(number(head, PAGE.transaction) <= this.#transaction, 'a page of a later time');
    return { value: () => this.#read(start + PAGE.head, size), pages };
  }

  /** A list of free pages. What is in use must not be free, or it would be written over. */
  #readFree(list: Buffer): void {
    need(list.length % 8 === 0 && list.length >= 8, 'a damaged list of free pages');
    const count = number(list, 0);
    need((count + 1) * 8 <= list.length, 'a damaged list of free pages');
    for (let i = 1; i <= count; i++) {
      const at = list.readBigInt64LE(8 * i);
      // A run of several is its length, negative, and the first of them. Zeros are places that nothing stands in.
      if (at === 0n) continue;
      const isRun = at < 0n && i < count;
      const first = isRun ? list.readBigInt64LE(8 * ++i) : at;
      const length = isRun ? -at : 1n;
      need(first >= METAS && first + length <= this.#known, 'a free page that is not there');
      for (let page = Number(first); page < Number(first + length); page++) {
        need(this.#used[page] === undefined || this.#used[page] === UNKNOWN, 'a page that is free and in use');
        this.#used[page] = FREE;
      }
    }
  }

  /** Takes pages as in use; gives the first. */
  #use(first: bigint, pages: number): number {
    need(first >= METAS && first + BigInt(pages) <= this.#used.length, 'a page that is not there');
    for (let page = Number(first); page < Number(first) + pages; page++) {
      need(this.#used[page] === UNKNOWN, 'a page that is used twice');
      this.#used[page] = USED;
    }
    return Number(first);
  }

  #read(at: number, count: number): Buffer {
    const octets = Buffer.alloc(count);
    for (let done = 0; done < count; ) {
      const read = readSync(this.#fd, octets, done, count - done, at + done);
      need(read > 0, 'it is cut short');
      done += read;
    }
    return octets;
  }
}

function need(isGood: boolean, what: string): void {
  if (!isGood) throw new Damage(what);
}

/** A number of eight octets; what is too large for one is too large for all that it may be. */
function number(octets: Buffer, at: number): number {
  const value = octets.readBigUInt64LE(at);
  need(value <= Number.MAX_SAFE_INTEGER, 'an impossible number');
  return Number(value);
}

function treeAt(meta: Buffer, at: number): Tree {
  return {
    flags: meta.readUInt16LE(at + TREE.flags),
    depth: meta.readUInt16LE(at + TREE.depth),
    branches: number(meta, at + TREE.branches),
    leaves: number(meta, at + TREE.leaves),
    overflow: number(meta, at + TREE.overflow),
    entries: number(meta, at + TREE.entries),
    root: meta.readBigUInt64LE(at + TREE.root),
  };
}

function sliceOf(page: Buffer, start: number, end: number): Buffer {
  need(end <= page.length, 'a damaged page');
  return page.subarray(start, end);
}

const keyOf = (node: Buffer): Buffer => sliceOf(node, NODE.key, NODE.key + node.readUInt16LE(NODE.keySize));

/** A page number has 48 bits in a branch. */
const pageOf = (node: Buffer): bigint =>
  BigInt(node.readUInt32LE(NODE.size)) + (BigInt(node.readUInt16LE(NODE.flags)) << 32n);
