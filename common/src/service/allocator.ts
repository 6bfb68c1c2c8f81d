/**
 * Has the C library give memory back to the system that is freed.
 *
 * Large pieces as soon as they are. glibc does so at first, but with the first large piece that is freed it begins to keep what is
 * smaller, up to 32 MB, in the arena of the thread that asked for it (mallopt(3), M_MMAP_THRESHOLD). There they lie between others,
 * cannot be given back, and are cleared for every zone that is made in them. A server whose large zones change for hours would hold
 * several times what it needs, in each of its threads.
 *
 * Small pieces when it is told to. By itself glibc gives back the end of an arena and nothing in the middle: one piece that is kept behind
 * the many that a large zone took while it was compared holds them all, which is as much as the zone.
 * Left out: other C libraries. musl gives back what is large by itself.
 */
import { createRequire } from 'node:module';
import { platform } from 'node:os';

const M_MMAP_THRESHOLD = -3;
/** Octets from which on a piece of memory is one of its own. */
export const LARGE_PIECE = 1_048_576;

type Call = (...args: readonly number[]) => unknown;

/** A function of the C library. Neither koffi nor the function has to be there: without them what is freed stays. */
function functionOf(prototype: string): Call {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    return koffi.load(null).func(prototype) as Call;
  } catch {
    return () => undefined;
  }
}

/** For the whole process, whatever was set before; to be called before there are other threads. */
export function giveBackLargePieces(): void {
  if (platform() === 'linux') functionOf('int mallopt(int, int)')(M_MMAP_THRESHOLD, LARGE_PIECE);
}

let trim: Call | undefined;

/** All that no thread of the process needs. Takes some milliseconds, of the thread that asks for it. */
export function giveBackSmallPieces(): void {
  if (platform() !== 'linux') return;
  trim ??= functionOf('int malloc_trim(size_t)');
  trim(0);
}
