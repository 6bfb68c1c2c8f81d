/**
 * Deltas between two versions of an object (gitformat-pack(5), "Deltified representation").
 *
 * `makeDelta` knows one change: what lies between the common beginning and the common end. That is what an edit of a zone file
 * or of one entry of a tree looks like, and takes no search.
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

/** A delta that makes `target` out of `base`. */
export function makeDelta(base: Uint8Array, target: Uint8Array): Uint8Array {
  const shorter = Math.min(base.length, target.length);
  const head = commonHead(base, target, shorter);
  const tail = commonTail(base, target, shorter - head);
  const parts: Uint8Array[] = [Uint8Array.from([...sizeOctets(base.length), ...sizeOctets(target.length)])];
  pushCopy(parts, 0, head);
  for (let at = head; at < target.length - tail; at += MAX_INSERT) {
    const piece = target.subarray(at, Math.min(at + MAX_INSERT, target.length - tail));
    parts.push(Uint8Array.of(piece.length), piece);
  }
  pushCopy(parts, base.length - tail, tail);
  return Buffer.concat(parts);
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
