/**
 * Entries in an order of their own (canonical order of names, RFC 4034 6.1): what the proofs of NSEC and NSEC3 look up, "which
 * name stands before this one?".
 *
 * An entry is a number that stands for something elsewhere, such as the offset of a name in a zone's arena; what the order is, says
 * the caller's {@link Compare}. The entries lie sorted in chunks. An order is immutable: the next version copies the chunks that
 * change, and the list of chunks. Looking up allocates nothing.
 *
 * Always holds: no chunk is empty or larger than CHUNK_ENTRIES; no two entries compare as the same.
 */
import { LOWER } from './lookup-name.ts';

/** Negative when the entry stands before what is sought, 0 when it is that, positive when it stands after it. */
export type Compare = (entry: number) => number;

/** Entries of a chunk: so much is copied for one name that comes or goes. */
export const CHUNK_ENTRIES = 512;
/** What a chunk is filled with at first, so that there is room. */
const FILLED = CHUNK_ENTRIES - (CHUNK_ENTRIES >> 2);

export type Chunk = Uint32Array;

export class Order {
  static readonly empty: Order = new Order([], 0);
  readonly #chunks: readonly Chunk[];
  /** How many entries. */
  readonly size: number;

  private constructor(chunks: readonly Chunk[], size: number) {
    this.#chunks = chunks;
    this.size = size;
  }

  /** Takes entries (0..2^32-1) that are sorted already. */
  static fromSorted(entries: ArrayLike<number>): Order {
    const chunks: Chunk[] = [];
    const all = new Uint32Array(new SharedArrayBuffer(4 * entries.length));
    for (let i = 0; i < entries.length; i++) all[i] = entries[i]!;
    for (let at = 0; at < all.length; at += FILLED) chunks.push(all.subarray(at, at + FILLED));
    return new Order(chunks, entries.length);
  }

  /** The order of another thread. */
  static ofChunks(chunks: readonly Chunk[]): Order {
    return new Order(
      chunks,
      chunks.reduce((size, { length }) => size + length, 0),
    );
  }

  /** For another thread. Most of what it holds is in shared memory. */
  get chunks(): readonly Chunk[] {
    return this.#chunks;
  }

  /**
   * The last entry that does not stand after what is sought. The order is a ring, as the chains of NSEC and NSEC3 are: before the
   * first entry stands the last. -1 when there are no entries.
   */
  predecessor(compare: Compare): number {
    const chunks = this.#chunks;
    if (chunks.length === 0) return -1;
    const chunk = chunks[chunkOf(chunks, compare)]!;
    const place = placeIn(chunk, compare);
    return place === 0 ? chunks.at(-1)!.at(-1)! : chunk[place - 1]!;
  }

  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (const chunk of this.#chunks) yield* chunk;
  }

  /** Begins the next version. */
  change(): OrderDraft {
    return new OrderDraft([...this.#chunks], this.size, (chunks, size) => new Order(chunks, size));
  }
}

/** The next version of an order in the making. */
export class OrderDraft {
  readonly #chunks: Chunk[];
  #size: number;
  readonly #make: (chunks: readonly Chunk[], size: number) => Order;

  /** For {@link Order}. */
  constructor(chunks: Chunk[], size: number, make: (chunks: readonly Chunk[], size: number) => Order) {
    this.#chunks = chunks;
    this.#size = size;
    this.#make = make;
  }

  /** The order; the draft must not be used after this. */
  finish(): Order {
    return this.#make(this.#chunks, this.#size);
  }

  /** Puts an entry where `compare` finds its place; an entry that is the same there is replaced. */
  insert(entry: number, compare: Compare): void {
    const chunks = this.#chunks;
    const number = chunkOf(chunks, compare);
    const chunk = chunks[number];
    if (chunk === undefined) chunks.push(Uint32Array.of(entry));
    else {
      const place = placeIn(chunk, compare);
      const isSame = place > 0 && compare(chunk[place - 1]!) === 0;
      const larger = new Uint32Array(chunk.length + (isSame ? 0 : 1));
      const start = isSame ? place - 1 : place;
      larger.set(chunk.subarray(0, start));
      larger[start] = entry;
      larger.set(chunk.subarray(place), start + 1);
      if (larger.length <= CHUNK_ENTRIES) chunks[number] = larger;
      else chunks.splice(number, 1, larger.slice(0, larger.length >> 1), larger.slice(larger.length >> 1));
      if (isSame) return;
    }
    this.#size++;
  }

  /** Takes out the entry that is what is sought, if there is one. */
  remove(compare: Compare): void {
    const chunks = this.#chunks;
    const number = chunkOf(chunks, compare);
    const chunk = chunks[number];
    const place = chunk === undefined ? 0 : placeIn(chunk, compare);
    if (chunk === undefined || place === 0 || compare(chunk[place - 1]!) !== 0) return;
    this.#size--;
    const next = chunks[number + 1];
    // Chunks that have got small are joined, so that their number stays in proportion to that of the entries.
    const joined = next !== undefined && chunk.length + next.length <= CHUNK_ENTRIES >> 1 ? next : NOTHING;
    const rest = new Uint32Array(chunk.length - 1 + joined.length);
    rest.set(chunk.subarray(0, place - 1));
    rest.set(chunk.subarray(place), place - 1);
    rest.set(joined, chunk.length - 1);
    if (joined !== NOTHING) chunks.splice(number, 2, rest);
    else if (rest.length > 0) chunks[number] = rest;
    else chunks.splice(number, 1);
  }
}

const NOTHING: Chunk = new Uint32Array(0);

/** The last chunk whose first entry does not stand after what is sought; the first if there is none. */
function chunkOf(chunks: readonly Chunk[], compare: Compare): number {
  let low = 0;
  let high = chunks.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (compare(chunks[middle]![0]!) <= 0) low = middle;
    else high = middle;
  }
  return low;
}

/** How many entries of a chunk do not stand after what is sought. */
function placeIn(chunk: Chunk, compare: Compare): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(chunk[middle]!) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

const MAX_LABELS = 127;
const leftStarts = new Uint8Array(MAX_LABELS);
const rightStarts = new Uint8Array(MAX_LABELS);

/**
 * Canonical order (RFC 4034 6.1) of two names of at most 255 octets: labels as on the wire from `start` to `end`, without the root
 * label. Names that leave out the same ancestor compare as the whole names would.
 */
export function compareNames(
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number,
): number {
  // Most names have but one label.
  if (leftStart + 1 + left[leftStart]! === leftEnd && rightStart + 1 + right[rightStart]! === rightEnd)
    return compareLabels(left, leftStart, right, rightStart);
  let i = startsOf(left, leftStart, leftEnd, leftStarts);
  let j = startsOf(right, rightStart, rightEnd, rightStarts);
  while (i > 0 && j > 0) {
    const difference = compareLabels(left, leftStart + leftStarts[--i]!, right, rightStart + rightStarts[--j]!);
    if (difference !== 0) return difference;
  }
  return i - j;
}

/** Canonical order of two labels that begin with their length. */
function compareLabels(left: Uint8Array, leftAt: number, right: Uint8Array, rightAt: number): number {
  const leftOctets = left[leftAt]!;
  const rightOctets = right[rightAt]!;
  const shared = Math.min(leftOctets, rightOctets);
  for (let i = 1; i <= shared; i++) {
    const difference = LOWER[left[leftAt + i]!]! - LOWER[right[rightAt + i]!]!;
    if (difference !== 0) return difference;
  }
  return leftOctets - rightOctets;
}

/** Notes where labels begin, and gives their number. */
function startsOf(name: Uint8Array, start: number, end: number, starts: Uint8Array): number {
  let count = 0;
  for (let at = start; at < end; at += 1 + name[at]!) starts[count++] = at - start;
  return count;
}
