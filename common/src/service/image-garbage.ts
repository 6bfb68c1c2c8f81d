/**
 * Has a thread give back the memory of zone images that it does not need any more.
 *
 * Shared memory is free once no thread knows it, which each thread finds out when it collects its garbage. V8 does not count shared
 * memory as anything that a thread has allocated, and so would not look for hours in a thread that allocates nothing: each
 * large zone that is loaded again would stay for as long. So it is told to look when much was let go: a thread that serves by the
 * images that its table of zones lets go, one that makes zones for others by what it has made and was handed. Somebody may still
 * read what was let go - a transfer to a slow client, a commit under way -, and so it is looked again until it is gone.
 * Always holds: what a thread keeps of old images for this reason is less than {@link LET_GO_OCTETS}, or was read until half the time ago
 * that it was let go; what is small costs no collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ZoneFollower } from '../authority/zones.ts';
import type { Name } from '../name.ts';
import type { ImageHandle } from '../zone/image.ts';
import type { Zone } from '../zone/zone.ts';
import { giveBackSmallPieces } from './allocator.ts';

/** Octets of images that are let go before garbage is collected, which takes some milliseconds. */
export const LET_GO_OCTETS = 16_777_216;
/** The same of a thread that makes zones for others and has done all that it was to do: nobody waits for it then. */
const LEFT_OCTETS = 2_097_152;
/** Octets of them that are still there after that, for which garbage is collected once more: of many small images not so much is ever in use. */
const MUCH_LEFT = LET_GO_OCTETS / 4;
/**
 * What is let go may be in use for a moment by whoever lets it go: so long it is until garbage is collected anew. If much of it is still
 * there then, for twice as long as before each time, up to the most. Milliseconds.
 */
const LATER = { first: 1000, most: 3_600_000 } as const;
/** What was collected is freed by another thread, one after the other, and is gone after this: milliseconds. */
const FREED_AFTER = 250;

/** Milliseconds from one look at what was made to the next, unless much was handed over: a look costs as much as a small transfer. */
const LOOK_SPACING = 10;

let collector: (() => void) | undefined;

/** Collects the garbage of this thread. */
function collect(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}

/** Memory that was let go, of which some may still be read. */
type LetGo = readonly WeakRef<Int32Array>[];

const octetsOf = (letGo: LetGo): number => letGo.reduce((sum, words) => sum + (words.deref()?.byteLength ?? 0), 0);

/** Collects at once what came before, and if much of it was still in use, later, again and again, until what was let go is gone. */
function collectUntilGone(letGo: LetGo, forget: () => void): void {
  const collectNow = (next: number): void => {
    collect();
    // What is looked at stays for the rest of this turn, and so it is looked at in the next one.
    setImmediate(() => {
      if (octetsOf(letGo) >= MUCH_LEFT) again(next);
    });
  };
  const again = (wait: number): void => {
    setTimeout(() => {
      forget();
      collectNow(Math.min(2 * wait, LATER.most));
    }, wait).unref();
  };
  setImmediate(() => collectNow(LATER.first));
}

/**
 * Notes the images that a table of zones lets go. `at-once`: for a thread that does nothing with zones but to answer, and is at work on none when
 * it hears of another; it may be one that never ends its turn, in which nothing dies that is referred to weakly. `until-gone`: for a
 * thread that does more with them.
 */
export class ImageGarbage implements ZoneFollower {
  /** The memory of the image of each zone. */
  readonly #images = new Map<string, Int32Array>();
  readonly #how: 'at-once' | 'until-gone';
  readonly #forget: () => void;
  #letGo: WeakRef<Int32Array>[] = [];
  #octets = 0;

  /** `forget` has whoever answers let go of what he answered from last. */
  constructor(how: 'at-once' | 'until-gone', forget: () => void = () => undefined) {
    this.#how = how;
    this.#forget = forget;
  }

  set({ origin: { key }, image: { words } }: Zone): void {
    if (this.#images.get(key) === words) return;
    this.#note(key);
    this.#images.set(key, words);
    this.#collect();
  }

  await(origin: Name): void {
    this.delete(origin);
  }

  delete({ key }: Name): void {
    this.#note(key);
    this.#images.delete(key);
    this.#collect();
  }

  /** The memory is off the stack again before garbage is collected: what is there is not garbage. */
  #note(key: string): void {
    const words = this.#images.get(key);
    if (words === undefined) return;
    this.#octets += words.byteLength;
    if (this.#how === 'until-gone') this.#letGo.push(new WeakRef(words));
  }

  #collect(): void {
    if (this.#octets < LET_GO_OCTETS) return;
    this.#octets = 0;
    const letGo = this.#letGo;
    this.#letGo = [];
    if (this.#how === 'until-gone') collectUntilGone(letGo, this.#forget);
    else {
      this.#forget();
      collect();
    }
  }
}

/** Watches the memory of a thread that makes zones for others, and keeps none of them. */
export class WorkGarbage {
  /** Octets of buffers that were made here and are in use, be it elsewhere: the least since the last collection. */
  #level = made();
  /** Octets of images that were handed over since. */
  #handed = 0;
  #isDue = false;
  #isGivingBack = false;
  /** By `performance.now`. */
  #lookedAt = 0;

  /** To be called after each piece of work, with the images that were handed over for it. `isLast`: no other is to follow soon. */
  rest(images: readonly ImageHandle[] = [], isLast = false): void {
    for (const { words } of images) this.#handed += words.byteLength;
    const time = performance.now();
    const isSoon = time - this.#lookedAt < LOOK_SPACING;
    if (isSoon && !isLast && this.#handed < LET_GO_OCTETS) return;
    this.#lookedAt = time;
    const now = made();
    this.#level = Math.min(this.#level, now);
    const octets = now - this.#level + this.#handed;
    if (this.#isDue || octets < (isLast ? LEFT_OCTETS : LET_GO_OCTETS)) return;
    this.#isDue = true;
    // By then nothing of the work is on the stack.
    setImmediate(() => {
      collect();
      this.#isDue = false;
      this.#handed = 0;
      this.#level = made();
      this.#giveBack(isLast);
    });
  }

  /**
   * Gives back what was freed. At the end of the work it is collected once more, for V8 puts together then what is left: after the first
   * time it is where it was, a little on each page.
   */
  #giveBack(isLast: boolean): void {
    if (this.#isGivingBack) return;
    this.#isGivingBack = true;
    setTimeout(() => {
      this.#isGivingBack = false;
      if (isLast) collect();
      giveBackSmallPieces();
    }, FREED_AFTER).unref();
  }
}

/** Octets of the buffers that this thread has made, shared ones among them, and nobody has freed. */
const made = (): number => process.memoryUsage().arrayBuffers;
