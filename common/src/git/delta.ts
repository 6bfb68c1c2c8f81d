/**
 * Deltas between two versions of an object (gitformat-pack(5), "Deltified representation").
 *
 * `makeDelta` is made for edits of lines in a file that may be large: a zone file with a new serial, a tree with new names of
 * objects. It goes through both versions side by side, and finds its way again behind each difference (`delta-index.ts`).
 */
import { commonHead, commonTail, DeltaIndex } from './delta-index.ts';
import { Failure } from './fault.ts';
import { tooLarge } from './object.ts';

const broken = (): Failure => new Failure('corrupt', 'a pack of the repository is damaged');

/** The most that one copy takes: three octets of length, kept to what every git understands. */
const MAX_COPY = 0xffff;
const MAX_INSERT = 0x7f;

/** Rebuilds an object from `base`. `limit`: the most octets the result may have. */
export function applyDelta(base: Uint8Array, delta: Uint8Array, limit: number, which = 'of a delta'): Uint8Array {
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
  if (length > limit) throw tooLarge(limit, which);
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
  const head = commonHead(base, target);
  const tail = commonTail(base.subarray(head), target.subarray(head));
  const parts: Uint8Array[] = [Uint8Array.from([...sizeOctets(base.length), ...sizeOctets(target.length)])];
  pushCopy(parts, 0, head);
  const end = target.length - tail;
  const index = new DeltaIndex(base, target.subarray(0, end));
  for (let from = head, to = head; to < end; ) {
    const match = index.next(from, to);
    pushInsert(parts, target, to, match?.to ?? end);
    if (match === undefined) break;
    pushCopy(parts, match.from, match.length);
    from = match.from + match.length;
    to = match.to + match.length;
  }
  pushCopy(parts, base.length - tail, tail);
  return Buffer.concat(parts);
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
    // Of four octets of offset and two of length those that are not 0.
    const op = [0x80];
    for (let bit = 0; bit < 6; bit++) {
      const octet = (bit < 4 ? start >>> (8 * bit) : piece >>> (8 * (bit - 4))) & 0xff;
      if (octet === 0) continue;
      op[0]! |= 1 << bit;
      op.push(octet);
    }
    parts.push(Uint8Array.from(op));
    done += piece;
  }
}
