/**
 * Has the C library give large pieces of memory back to the system as soon as they are freed.
 *
 * glibc does so at first, but with the first large piece that is freed it begins to keep what is smaller, up to 32 MB, in the arena
 * of the thread that asked for it (mallopt(3), M_MMAP_THRESHOLD). There they lie between others, cannot be given back, and are
 * cleared for every zone that is made in them. A server whose large zones change for hours would hold several times what it
 * needs, in each of its threads.
 * Left out: other C libraries. musl gives back what is large by itself.
 */
import { createRequire } from 'node:module';
import { platform } from 'node:os';

const M_MMAP_THRESHOLD = -3;
/** Octets from which on a piece of memory is one of its own. */
export const LARGE_PIECE = 1_048_576;

/** For the whole process, whatever was set before; to be called before there are other threads. */
export function giveBackLargePieces(): void {
  if (platform() !== 'linux') return;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    koffi.load(null).func('mallopt', 'int', ['int', 'int'])(M_MMAP_THRESHOLD, LARGE_PIECE);
  } catch {
    // Neither koffi nor `mallopt` has to be there.
  }
}
