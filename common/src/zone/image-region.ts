/**
 * Many small images in one piece of shared memory, a region. A buffer of its own costs an image of a few records more than its
 * data, in each thread that knows of it; a range of a region costs no buffer at all, neither here nor in a message.
 *
 * Always holds: an image in a region has no room to grow, so whatever is written to it later goes to memory of its own, and the
 * others in the region never see it. A region stays as long as one of its images is in use.
 */
import type { ImageHandle } from './image.ts';

/** Words of an image, its log counted, up to which it is put into a region: 16 kB. */
const SMALL_WORDS = 4096;

/** The same images, the small ones together in one region. */
export function gatherImages(images: readonly ImageHandle[]): readonly ImageHandle[] {
  const isSmall = (image: ImageHandle): boolean => wordsOf(image) <= SMALL_WORDS;
  const words = images.reduce((sum, image) => sum + (isSmall(image) ? wordsOf(image) : 0), 0);
  const region = new SharedArrayBuffer(4 * words);
  let at = 0;
  const take = (from: Int32Array<SharedArrayBuffer>, count: number): Int32Array<SharedArrayBuffer> => {
    const range = new Int32Array(region, at, count);
    range.set(from.subarray(0, count));
    at += 4 * count;
    return range;
  };
  return images.map((image) =>
    isSmall(image) ? { ...image, words: take(image.words, image.end), log: take(image.log, image.logged) } : image,
  );
}

const wordsOf = ({ end, logged }: ImageHandle): number => end + logged;
