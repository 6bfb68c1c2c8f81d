/**
 * Where a version of an object goes on as an older one does, for deltas (`delta.ts`). The older one is known by its _pieces_: stretches from
 * behind a line end, or a NUL, up to another, which are lines of a zone file and, of a tree, the name of an object with what follows
 * it. Pieces are entered block by block, as they are needed: where little has changed, little is looked at.
 *
 * Always holds: time is in proportion to the octets of both versions, whatever is in them.
 */

/** Octets that are the same at two places. */
export interface Match {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** One, and whether the piece that led to it stands nowhere else, as far as is known. */
interface Found {
  readonly match: Match;
  readonly isOnly: boolean;
}

const LF = 10;
/** The octets of a piece: lines that are shorter go with the next one, longer ones are told by their beginning. */
const LEAST_PIECE = 16;
const MOST_PIECE = 128;
/** Octets of the older version that are entered at once. */
const BLOCK = 65_536;
/** How much of the newer version is looked through before more of the older one is entered, in octets, and how many times as much then. */
const FIRST_SCAN = 4096;
const WIDER = 4;
/** What is the same for so many octets is no accident. */
const SURE = 512;
/** Pieces behind a doubtful match at which a better one is looked for. */
const DOUBTS = 16;
/** Places with the same piece that are tried, and octets that are compared there to tell which is the best. */
const MAX_PLACES = 8;
const MAX_COMPARED = 4096;
/** The octets that are looked at twice for one delta: as many times those of both versions, and these at least. */
const MAX_DOUBT = 4;
const LEAST_DOUBT = 16 * 1024 * 1024;

export class DeltaIndex {
  readonly #old: Uint8Array;
  readonly #next: Uint8Array;
  /** By the hash of a piece the number of the one that was entered last, from 1; for each that of one before; and where each begins. */
  readonly #heads: Int32Array;
  readonly #chain: Int32Array;
  readonly #places: Int32Array;
  readonly #shift: number;
  readonly #isEntered: Uint8Array;
  #count = 0;
  /** Octets that may still be looked at twice. */
  #doubts: number;

  constructor(old: Uint8Array, next: Uint8Array) {
    this.#old = old;
    this.#next = next;
    const blocks = Math.ceil(old.length / BLOCK);
    // Whatever is not used of these takes no memory.
    const most = Math.ceil(old.length / LEAST_PIECE) + blocks + 2;
    const bits = 32 - Math.clz32(most);
    this.#heads = new Int32Array(1 << bits);
    this.#chain = new Int32Array(most);
    this.#places = new Int32Array(most);
    this.#shift = 32 - bits;
    this.#isEntered = new Uint8Array(blocks);
    this.#doubts = LEAST_DOUBT + MAX_DOUBT * (old.length + next.length);
  }

  /** What is the same next, behind a difference at `from` and `to`; `undefined` where nothing is. */
  next(from: number, to: number): Match | undefined {
    const { length } = this.#next;
    for (let [reach, scan] = [BLOCK, FIRST_SCAN]; ; reach *= WIDER, scan *= WIDER) {
      const isAll = this.#enter(from - BLOCK, from + reach);
      const end = isAll ? length : Math.min(length, to + scan);
      const found = this.#search(from, to, end);
      if (found !== undefined || isAll) return found;
    }
  }

  /** The first match of which there is no doubt, or the longest of a few that are near each other; a shorter one that ends before it goes first. */
  #search(from: number, to: number, end: number): Match | undefined {
    let first: Match | undefined;
    let best: Match | undefined;
    let doubts = DOUBTS;
    for (let at = to; at < end; at = this.#pieceAfter(at)) {
      const found = this.#longest(from, to, at);
      if (found !== undefined && (best === undefined || found.match.length > best.length)) {
        first ??= found.match;
        best = found.match;
      }
      if (best === undefined) continue;
      if (found?.isOnly === true || best.length >= SURE || this.#doubts <= 0 || doubts-- === 0) break;
    }
    if (first === undefined || best === undefined) return undefined;
    return first.to + first.length <= best.to ? first : best;
  }

  /** The longest match around `at`, of a few: where nothing came in or went, where the difference is of one length, and of pieces that are the same. */
  #longest(from: number, to: number, at: number): Found | undefined {
    let best = this.#better(undefined, from, at, to);
    best = this.#better(best, from + at - to, at, to);
    const places = this.#doubts > 0 ? MAX_PLACES : 1;
    let entry = this.#heads[this.#hash(this.#next, at) >>> this.#shift]!;
    const isOnly = entry !== 0 && this.#chain[entry] === 0;
    for (let i = 0; entry !== 0 && i < places && (best === undefined || best.length < MAX_COMPARED); i++) {
      best = this.#better(best, this.#places[entry]!, at, to);
      entry = this.#chain[entry]!;
    }
    return best && { match: this.#extended(best), isOnly };
  }

  /** The match at `place` and `at`, not before `to`, if it is longer than `best`, and than what says it would be. */
  #better(best: Match | undefined, place: number, at: number, to: number): Match | undefined {
    const [old, next] = [this.#old, this.#next];
    const ahead = sameOctets(old, place, next, at, MAX_COMPARED);
    this.#doubts -= ahead + 1;
    if (ahead < LEAST_PIECE) return best;
    let back = 0;
    while (at - back > to && place > back && back < MAX_COMPARED && old[place - back - 1] === next[at - back - 1])
      back++;
    const length = back + ahead;
    return best !== undefined && best.length >= length ? best : { from: place - back, to: at - back, length };
  }

  #extended(match: Match): Match {
    if (match.length < MAX_COMPARED) return match;
    const [from, to] = [match.from + match.length, match.to + match.length];
    return { ...match, length: match.length + commonHead(this.#old.subarray(from), this.#next.subarray(to)) };
  }

  /** Where the piece behind that at `at` begins. */
  #pieceAfter(at: number): number {
    const next = this.#next;
    let end = at;
    while (end < next.length && !isEnd(next[end]!)) end++;
    return end + 1;
  }

  /** Enters the blocks between two places; says whether all of the older version is between them. */
  #enter(from: number, to: number): boolean {
    const last = Math.min(this.#isEntered.length, Math.ceil(to / BLOCK));
    for (let block = Math.max(0, Math.floor(from / BLOCK)); block < last; block++) {
      if (this.#isEntered[block] === 1) continue;
      this.#isEntered[block] = 1;
      this.#enterBlock(block * BLOCK);
    }
    return to >= this.#old.length;
  }

  #enterBlock(start: number): void {
    const old = this.#old;
    const end = Math.min(old.length, start + BLOCK);
    for (let at = start; at < end; ) {
      const slot = this.#hash(old, at) >>> this.#shift;
      const entry = ++this.#count;
      this.#places[entry] = at;
      this.#chain[entry] = this.#heads[slot]!;
      this.#heads[slot] = entry;
      at += LEAST_PIECE - 1;
      while (at < end && !isEnd(old[at]!)) at++;
      at++;
    }
  }

  /** Of the piece that begins at `at`. */
  #hash(octets: Uint8Array, at: number): number {
    const most = Math.min(octets.length, at + MOST_PIECE);
    let hash = 0x811c9dc5;
    for (let i = at; i < most; i++) {
      const octet = octets[i]!;
      hash = Math.imul(hash ^ octet, 0x01000193);
      if (i - at >= LEAST_PIECE - 1 && isEnd(octet)) break;
    }
    // The lowest octet of the last step has to reach the highest bits.
    return Math.imul(hash ^ (hash >>> 15), 0x9e3779b1);
  }
}

const isEnd = (octet: number): boolean => octet === LF || octet === 0;

/** How many octets are the same from two places on, of `most`. */
function sameOctets(a: Uint8Array, from: number, b: Uint8Array, to: number, most: number): number {
  const limit = Math.min(most, a.length - from, b.length - to);
  let length = 0;
  while (length < limit && a[from + length] === b[to + length]) length++;
  return length;
}

/** Octets that are compared at once. */
const COMPARED = 65_536;

/** How many octets at the beginning of both are the same. */
export function commonHead(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let at = 0;
  while (at + COMPARED <= limit && Buffer.compare(a.subarray(at, at + COMPARED), b.subarray(at, at + COMPARED)) === 0)
    at += COMPARED;
  return at + sameOctets(a, at, b, at, limit);
}

/** How many octets at the end of both are the same. */
export function commonTail(a: Uint8Array, b: Uint8Array): number {
  const limit = Math.min(a.length, b.length);
  let at = 0;
  const blockOf = (octets: Uint8Array): Uint8Array =>
    octets.subarray(octets.length - at - COMPARED, octets.length - at);
  while (at + COMPARED <= limit && Buffer.compare(blockOf(a), blockOf(b)) === 0) at += COMPARED;
  while (at < limit && a[a.length - 1 - at] === b[b.length - 1 - at]) at++;
  return at;
}
