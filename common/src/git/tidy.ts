/**
 * When a cache is worth tidying: it has grown to more than twice what it was after the last time, and by some more, which small ones may
 * have for nothing. What is needed is not known before it is looked for, so the first time is for finding out.
 */
import type { ObjectStore } from './objects.ts';
import type { Size } from './received-pack.ts';
import { type Needed, sizeOf, sweep } from './sweep.ts';

/** What a cache may have beyond twice what is needed. */
export interface TidyLimits {
  readonly spareOctets: number;
  readonly spareFiles: number;
}

const SPARE_OCTETS = 64 * 1024 * 1024;
const SPARE_FILES = 10_000;
export const TIDY_LIMITS: TidyLimits = { spareOctets: SPARE_OCTETS, spareFiles: SPARE_FILES };

/** Octets of the cache, before and after. */
export interface Tidied {
  readonly before: number;
  readonly after: number;
}

const NOTHING: Size = { files: 0, octets: 0 };

export class Tidying {
  readonly #gitdir: string;
  readonly #limits: TidyLimits;
  /** After the last time. */
  #least = NOTHING;
  /** Of the store when that was opened; `undefined`: not looked at yet. */
  #first: { readonly objects: ObjectStore; readonly size: Size } | undefined;

  constructor(gitdir: string, limits: TidyLimits) {
    this.#gitdir = gitdir;
    this.#limits = limits;
  }

  /** Removes what is not needed, if that is worth while. */
  async tidy(objects: ObjectStore, needed: Needed): Promise<Tidied | undefined> {
    const size = this.#sizeOf(objects);
    const { spareOctets, spareFiles } = this.#limits;
    const least = this.#least;
    if (size.octets <= 2 * least.octets + spareOctets && size.files <= 2 * least.files + spareFiles) return undefined;
    // Where it fails, too, it is not tried again before there is more to be had.
    this.#least = size;
    const before = sizeOf(this.#gitdir).octets;
    try {
      await sweep(this.#gitdir, objects, needed);
    } finally {
      // Packs that are gone are kept open otherwise, and take room.
      objects.close();
      this.#first = undefined;
    }
    this.#least = sizeOf(this.#gitdir);
    return { before, after: this.#least.octets };
  }

  /** What the files of the cache take. */
  #sizeOf(objects: ObjectStore): Size {
    const { grown } = objects;
    if (this.#first?.objects !== objects) {
      const { files, octets } = sizeOf(this.#gitdir);
      this.#first = { objects, size: { files: files - grown.files, octets: octets - grown.octets } };
    }
    const { size } = this.#first;
    return { files: size.files + grown.files, octets: size.octets + grown.octets };
  }
}
