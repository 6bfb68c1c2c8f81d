/**
 * Has a thread give back the memory of zone images that it does not need any more.
 *
 * Shared memory is free once no thread knows it, which each thread finds out when it collects its garbage. V8 does not count shared
 * memory as anything that a thread has allocated, and so would not look for hours in a thread that allocates nothing: each
 * large zone that is loaded again would stay for as long. So it is told to look when much was let go.
 * Always holds: what a thread keeps of old images for this reason is less than {@link LET_GO_OCTETS}, and what is small costs no collection.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ZoneFollower } from '../authority/zones.ts';
import type { Name } from '../name.ts';
import type { Zone } from '../zone/zone.ts';

/** Octets of images that are let go before garbage is collected, which takes some milliseconds. */
export const LET_GO_OCTETS = 16_777_216;

let collector: (() => void) | undefined;

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
    const before = this.#images.get(key);
    if (before === words) return;
    this.#images.set(key, words);
    if (before !== undefined) this.#note(before.byteLength);
  }

  await(origin: Name): void {
    this.delete(origin);
  }

  delete({ key }: Name): void {
    const before = this.#images.get(key);
    this.#images.delete(key);
    if (before !== undefined) this.#note(before.byteLength);
  }

  #note(octets: number): void {
    this.#letGo += octets;
    if (this.#letGo < LET_GO_OCTETS) return;
    this.#letGo = 0;
    this.#when(collect);
  }
}
