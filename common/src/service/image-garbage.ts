/**
 * Has a thread give back the memory of zone images that it does not need any more.
 *
 * Shared memory is free once no thread knows it, which each thread finds out when it collects its garbage. V8 does not count shared
 * memory as anything that a thread has allocated, and so would not look for hours in a thread that allocates nothing: each
 * large zone that is loaded again would stay for as long. So it is told to look when much was let go: a thread that serves by the
 * images that its table of zones lets go, one that makes zones for others by what it has made and was handed.
 * Always holds: what a thread keeps of old images for this reason is less than {@link LET_GO_OCTETS}, and what is small costs no collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ZoneFollower } from '../authority/zones.ts';
import type { Name } from '../name.ts';
import type { ImageHandle } from '../zone/image.ts';
import type { Zone } from '../zone/zone.ts';

/** Octets of images that are let go before garbage is collected, which takes some milliseconds. */
export const LET_GO_OCTETS = 16_777_216;
/** What is let go may be in use for a moment by whoever lets it go; by then it is not. Milliseconds. */
const LATER = 1000;

let collector: (() => void) | undefined;

/** For a thread that does more with zones than to answer: at once for what came before, and later for what was let go last. */
export const twice = (work: () => void): void => {
  setImmediate(work);
  setTimeout(work, LATER).unref();
};

/** Collects the garbage of this thread. */
function collect(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}

/** Notes the images that a table of zones lets go. */
export class ImageGarbage implements ZoneFollower {
  /** The memory of the image of each zone. */
  readonly #images = new Map<string, Int32Array>();
  /** Calls its argument when nobody is at work on the versions before. */
  readonly #when: (work: () => void) => void;
  #letGo = 0;

  constructor(when: (work: () => void) => void) {
    this.#when = when;
  }

  set({ origin: { key }, image: { words } }: Zone): void {
    this.#note(this.#replace(key, words));
  }

  await(origin: Name): void {
    this.delete(origin);
  }

  delete({ key }: Name): void {
    this.#note(this.#replace(key, undefined));
  }

  /** Gives how many octets are let go, and not the memory: what is on the stack while garbage is collected is not garbage. */
  #replace(key: string, words: Int32Array | undefined): number {
    const before = this.#images.get(key);
    if (words === undefined) this.#images.delete(key);
    else this.#images.set(key, words);
    return before === undefined || before === words ? 0 : before.byteLength;
  }

  #note(octets: number): void {
    this.#letGo += octets;
    if (this.#letGo < LET_GO_OCTETS) return;
    this.#letGo = 0;
    this.#when(collect);
  }
}

/** Watches the memory of a thread that makes zones for others, and keeps none of them. */
export class WorkGarbage {
  /** Octets of buffers that were made here and are in use, be it elsewhere: the least since the last collection. */
  #level = made();
  /** Octets of images that were handed over since. */
  #handed = 0;
  #isDue = false;

  /** To be called after each piece of work, with the images that were handed over for it. */
  rest(images: readonly ImageHandle[] = []): void {
    for (const { words } of images) this.#handed += words.byteLength;
    const now = made();
    this.#level = Math.min(this.#level, now);
    if (this.#isDue || now - this.#level + this.#handed < LET_GO_OCTETS) return;
    this.#isDue = true;
    // By then nothing of the work is on the stack.
    setImmediate(() => {
      collect();
      this.#isDue = false;
      this.#handed = 0;
      this.#level = made();
    });
  }
}

/** Octets of the buffers that this thread has made, shared ones among them, and nobody has freed. */
const made = (): number => process.memoryUsage().arrayBuffers;
