/**
 * A program, for `node --expose-gc`: large pieces of memory are made and dropped, as by a zone that changes. Prints how many octets more of
 * the C library's heap are resident then.
 */
import { readFileSync } from 'node:fs';
import { giveBackLargePieces } from '@zonewright/common/service/allocator';

const PIECE = 8 * 2 ** 20;
const ROUNDS = 8;

function heap(): number {
  const [, kilobytes = '0'] =
    /\[heap\]\n(?:.*\n)*?Rss:\s+(\d+) kB/.exec(readFileSync('/proc/self/smaps', 'latin1')) ?? [];
  return Number(kilobytes) * 1024;
}

giveBackLargePieces();
const before = heap();
const kept: Uint8Array[] = [];
for (let i = 1; i <= ROUNDS; i++) {
  new Uint8Array(PIECE).fill(i);
  globalThis.gc!();
  // Ever smaller: what stays lies where the one before was.
  kept.push(new Uint8Array(PIECE >> 1).fill(i));
  if (i > 1) kept.shift();
}
process.stdout.write(String(heap() - before));
