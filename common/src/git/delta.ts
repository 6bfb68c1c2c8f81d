/**
 * Deltas between two versions of an object (gitformat-pack(5), "Deltified representation").
 *
 * `makeDelta` is made for edits of a few lines, far apart, in a file that may be large: a zone file with a new serial, a tree with
 * new names of objects. It goes through both versions side by side, and finds its way again behind each difference. What was moved
 * to another place, or what has hardly a line left, makes a longer delta.
 */
import { Failure } from './fault.ts';

const broken = (): Failure => new Failure('corrupt', 'a pack of the repository is damaged');

/** The most that one copy takes: three octets of length, kept to what every git understands. */
const MAX_COPY = 0xffff;
const MAX_INSERT = 0x7f;

/** Rebuilds an object from `base`. `limit`: the most octets the result may have. */
export function applyDelta(base: Uint8Array, delta: Uint8Array, limit: number): Uint8Array {
  let at = 0;
  const octet = (): number => {
    const value = delta[at++];
    if (value === undefined) throw broken();
    return value;
  };
  const size = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const next = octet();
      value += (next & 0x7f) * scale;
      if (next < 0x80) return value;
      scale *= 128;
    }
  };
  if (size() !== base.length) throw broken();
  const length = size();
  if (length > limit) throw new Failure('limit', `an object of the repository is larger than ${limit} octets`);
  const result = new Uint8Array(length);
  let written = 0;
  while (at < delta.length) {
    const op = octet();
    if (op === 0) throw broken();
    let from = 0;
    let count = op;
    let source = delta;
    if (op >= 0x80) {
      source = base;
      count = 0;
      for (let bit = 0; bit < 4; bit++) if ((op & (1 << bit)) !== 0) from += octet() * 2 ** (8 * bit);
      for (let bit = 0; bit < 3; bit++) if ((op & (0x10 << bit)) !== 0) count += octet() << (8 * bit);
      if (count === 0) count = 0x10000;
    } else {
      from = at;
      at += count;
    }
    if (from + count > source.length || written + count > length) throw broken();
    result.set(source.subarray(from, from + count), written);
    written += count;
  }
  if (written !== length) throw broken();
  return result;
}

/** Is a delta so much shorter than what it makes that it is sent instead? */
export const isWorthwhile = (delta: Uint8Array, target: Uint8Array): boolean => delta.length < target.length / 2;

/** A delta that makes `target` out of `base`. */
export function makeDelta(base: Uint8Array, target: Uint8Array): Uint8Array {
  const [old, next] = [bufferOf(base), bufferOf(target)];
  const shorter = Math.min(old.length, next.length);
  const head = commonHead(old, next, shorter);
  const tail = commonTail(old, next, shorter - head);
  const [oldEnd, nextEnd] = [old.length - tail, next.length - tail];
  const parts: Uint8Array[] = [Uint8Array.from([...sizeOctets(old.length), ...sizeOctets(next.length)])];
  pushCopy(parts, 0, head);
  let from = head;
  let to = head;
  const search = new Search(old.subarray(0, oldEnd), next.subarray(0, nextEnd));
  while (to < nextEnd) {
    const meeting = search.meet(from, to);
    pushInsert(parts, next, to, meeting?.to ?? nextEnd);
    if (meeting === undefined) break;
    pushCopy(parts, meeting.from, meeting.length);
    from = meeting.from + meeting.length;
    to = meeting.to + meeting.length;
  }
  pushCopy(parts, oldEnd, tail);
  return Buffer.concat(parts);
}

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, length);

/** Where two versions are the same again. */
interface Meeting {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

/** Does one end, in both versions, before the other begins? */
const isBefore = (one: Meeting, other: Meeting): boolean =>
  one.from + one.length <= other.from && one.to + one.length <= other.to;

/** Octets that are looked for in the other version: a line or two. */
const PROBE = 48;
/**
 * How far behind a difference they are taken, in octets: what stands in it is not in the other version. Each is twice as far as the one
 * before, so that what is the same again for longer than the difference before it is found.
 */
const DISTANCES = [0, PROBE, 512, 1024, 2048, 4096, 8192, 16_384, 32_768] as const;
/** How far they are looked for, in octets. */
const REACHES = [2048, 65_536, 4 * 1024 * 1024] as const;
/** What is the same for so many octets is no accident. */
const SURE = 1024;
/** Places at which one probe is tried. */
const MAX_PLACES = 8;
/** The octets that are looked through for one delta: as many times those of both versions, and these at least. */
const MAX_SEARCH = 8;
const LEAST_SEARCH = 16 * 1024 * 1024;

/** Finds where two versions go on the same way. */
class Search {
  readonly #old: Buffer;
  readonly #next: Buffer;
  /** Octets that may still be looked through. */
  #budget: number;

  constructor(old: Buffer, next: Buffer) {
    this.#old = old;
    this.#next = next;
    this.#budget = LEAST_SEARCH + MAX_SEARCH * (old.length + next.length);
  }

  /** Behind a difference at `from` and `to`; `undefined` where that is not found with little work. */
  meet(from: number, to: number): Meeting | undefined {
    const [old, next] = [this.#old, this.#next];
    let best: Meeting | undefined;
    /** One that was found nearer, and ends before `best` begins: without it, what it copies would be written anew. */
    let nearer: Meeting | undefined;
    const keep = (at: number, place: number): void => {
      const found = this.#extended(at, place, from, to);
      if (best !== undefined && found.length <= best.length) return;
      if (best !== undefined && isBefore(best, found)) nearer ??= best;
      if (nearer !== undefined && !isBefore(nearer, found)) nearer = undefined;
      best = found;
    };
    for (const reach of REACHES) {
      for (const distance of DISTANCES) {
        if (distance >= reach) break;
        for (const place of this.#placesOf(old, from + distance, next, to, reach)) keep(from + distance, place);
        for (const place of this.#placesOf(next, to + distance, old, from, reach)) keep(place, to + distance);
        if (best !== undefined && best.length >= SURE) return nearer ?? best;
      }
      if (best !== undefined) break;
    }
    return nearer ?? best;
  }

  /** Where in `there`, from `start` on, stands what stands at `at` in `here`. */
  *#placesOf(
    here: Buffer,
    at: number,
    there: Buffer,
    start: number,
    reach: number,
  ): Generator<number, void, undefined> {
    if (at + PROBE > here.length) return;
    const probe = here.subarray(at, at + PROBE);
    const within = there.subarray(start, start + reach);
    for (let count = 0, after = 0; count < MAX_PLACES && this.#budget > 0; count++) {
      const place = within.indexOf(probe, after);
      this.#budget -= (place < 0 ? within.length : place) - after + PROBE;
      if (place < 0) return;
      yield start + place;
      after = place + 1;
    }
  }

  /** What is the same around a place, but not before `from` and `to`. */
  #extended(at: number, place: number, from: number, to: number): Meeting {
    const [old, next] = [this.#old, this.#next];
    let back = 0;
    while (at - back > from && place - back > to && old[at - back - 1] === next[place - back - 1]) back++;
    const start = { from: at - back, to: place - back };
    const limit = Math.min(old.length - start.from, next.length - start.to);
    const length = commonHead(old.subarray(start.from), next.subarray(start.to), limit);
    this.#budget -= length;
    return { ...start, length };
  }
}

/** Octets that are compared at once. */
const BLOCK = 65_536;

/** How many octets at the beginning of both are the same, of `limit` at most. */
function commonHead(a: Uint8Array, b: Uint8Array, limit: number): number {
  let at = 0;
  while (at + BLOCK <= limit && Buffer.compare(a.subarray(at, at + BLOCK), b.subarray(at, at + BLOCK)) === 0)
    at += BLOCK;
  while (at < limit && a[at] === b[at]) at++;
  return at;
}

/** How many octets at the end of both are the same, of `limit` at most. */
function commonTail(a: Uint8Array, b: Uint8Array, limit: number): number {
  let at = 0;
  const blockOf = (octets: Uint8Array): Uint8Array => octets.subarray(octets.length - at - BLOCK, octets.length - at);
  while (at + BLOCK <= limit && Buffer.compare(blockOf(a), blockOf(b)) === 0) at += BLOCK;
  while (at < limit && a[a.length - 1 - at] === b[b.length - 1 - at]) at++;
  return at;
}

function sizeOctets(size: number): number[] {
  const octets: number[] = [];
  let rest = size;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 0x80);
  octets.push(rest);
  return octets;
}

function pushInsert(parts: Uint8Array[], octets: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += MAX_INSERT) {
    const piece = octets.subarray(at, Math.min(at + MAX_INSERT, to));
    parts.push(Uint8Array.of(piece.length), piece);
  }
}

function pushCopy(parts: Uint8Array[], from: number, count: number): void {
  for (let done = 0; done < count; ) {
    const piece = Math.min(count - done, MAX_COPY);
    const start = from + done;
    const op = Buffer.alloc(7);
    op[0] = 0xbf; // four octets of offset, two of length
    op.writeUInt32LE(start, 1);
    op.writeUInt16LE(piece, 5);
    parts.push(op);
    done += piece;
  }
}
