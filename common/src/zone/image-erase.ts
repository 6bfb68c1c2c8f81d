/** What somebody has written behind the end of an image, and has not made a version of, is taken back. */
import type { ImageHandle } from './image.ts';

/** Makes the words behind the end zero, as {@link Image.allocate} gives them: those up to `end`, as far as there are. */
export function eraseBehind({ words, end: start }: ImageHandle, end: number = Number.POSITIVE_INFINITY): void {
  const last = Math.min(end, words.length);
  // What is only read takes no memory if it was never written to.
  for (let at = start; at < last; at++) if (words[at] !== 0) words[at] = 0;
}
