/**
 * A program, for `node --expose-gc`: many small pieces of memory are made and dropped, but for one now and then, as when a large zone is compared.
 * Prints in JSON how many octets they had, and how many more are resident afterwards: before and after the allocator was told.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { giveBackLargePieces, giveBackSmallPieces } from '@zonewright/common/service/allocator';

/** Less than what is given back by itself. */
const PIECE = 16_384;
const PIECES = 4096;
const KEPT = 64;

const resident = (): number =>
  Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024;

giveBackLargePieces();
// What the call itself needs is there before.
giveBackSmallPieces();
globalThis.gc!();
const before = resident();
let pieces = Array.from({ length: PIECES }, (_, i) => new Uint8Array(PIECE).fill(i));
pieces = pieces.filter((_, i) => i % KEPT === KEPT - 1);
globalThis.gc!();
// They are freed by another thread of V8.
await pause(100);
globalThis.gc!();
const freed = resident() - before;
giveBackSmallPieces();
process.stdout.write(
  JSON.stringify({ octets: PIECES * PIECE, freed, left: resident() - before, kept: pieces.length * PIECE }),
);
