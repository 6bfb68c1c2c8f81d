/**
 * Two versions of a zone side by side. They mostly hold the same names in the same order, whether one follows on the other or both were
 * read from a file: so a name is first looked for behind the one before, and only then by its hash, which for a large zone means
 * waiting for memory.
 */
import type { Image } from './image.ts';
import { areSameOctets } from './lookup-name.ts';

/** Names that may be out of step, beside as many as are in step, before it is no longer worth to find the step again. */
const SPARE_MISSES = 1000;

/** Finds in a version the names of another, which are asked for in the order of its log. */
export class ImageWalk {
  readonly #image: Image;
  readonly #root: number;
  /** How far the log goes, and where in it the next name may stand. */
  readonly #end: number;
  #next = 0;
  #spare = SPARE_MISSES;

  constructor(image: Image, root: number) {
    this.#image = image;
    this.#root = root;
    this.#end = image.logOf(root);
  }

  /** The node of the name that `node` has in another image; 0 when there is none with data. */
  find(from: Image, node: number): number {
    const image = this.#image;
    const next = this.#peek();
    if (next !== 0 && isSameName(image, next, from, node)) {
      this.#next++;
      this.#spare++;
      return next;
    }
    const found = image.findLike(this.#root, from, node);
    if (found === 0 || image.setCount(found) === 0) return 0;
    if (this.#spare-- > 0) this.#next = image.numberOf(found) + 1;
    return found;
  }

  /** The next node that has data; 0 at the end. */
  #peek(): number {
    for (; this.#next < this.#end; this.#next++) {
      const node = this.#image.loggedAt(this.#root, this.#next);
      if (node !== 0 && this.#image.setCount(node) > 0) return node;
    }
    return 0;
  }
}

function isSameName(a: Image, aNode: number, b: Image, bNode: number): boolean {
  const octets = a.nameOctets(aNode);
  if (a.hashOf(aNode) !== b.hashOf(bNode) || octets !== b.nameOctets(bNode)) return false;
  return areSameOctets(a.bytes, a.nameAt(aNode), b.bytes, b.nameAt(bNode), octets);
}
