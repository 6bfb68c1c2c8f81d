/**
 * What is kept of packs between two reads: the octets around the last object, and objects that others are deltas against.
 *
 * It is small, whatever is read through it, and shared by all packs of a repository.
 */
import { readSync } from 'node:fs';
import type { GitObject } from './object.ts';

/** Octets that are read at once; an object that takes more is read alone. */
const WINDOW = 64 * 1024;
/** Octets of bases that are kept where nothing else is asked for: some thousand small zones, or none of a large one. */
const BASE_CACHE = 2 * 1024 * 1024;
/** What a kept object takes beside its content, in octets, about. */
const BASE_OVERHEAD = 256;

export class PackCache {
  readonly #limit: number;
  #held = 0;
  /** The one used last stands at the end. */
  readonly #bases = new Map<string, GitObject>();
  #packs = 0;
  readonly #window = Buffer.allocUnsafeSlow(WINDOW);
  #owner = 0;
  #from = 0;
  #to = 0;

  /** `limit`: octets of the objects that are kept. */
  constructor(limit = BASE_CACHE) {
    this.#limit = limit;
  }

  /** The number under which the objects of one more pack are kept. */
  add(): number {
    return ++this.#packs;
  }

  /** The octets `from` up to `to` of a pack's file, good until the next call; `undefined` where the file is shorter. */
  octets(pack: number, file: number, from: number, to: number): Buffer | undefined {
    if (to - from > WINDOW / 2) {
      const octets = readAt(file, from, to - from);
      return octets.length === to - from ? octets : undefined;
    }
    if (pack !== this.#owner || from < this.#from || to > this.#to) {
      this.#owner = pack;
      // Neighbours on both sides: deltas are read backwards.
      this.#from = from - (from % (WINDOW / 2));
      this.#to = this.#from;
      this.#to += fill(file, this.#window, this.#from);
    }
    return to > this.#to ? undefined : this.#window.subarray(from - this.#from, to - this.#from);
  }

  /** A kept object of a pack. */
  base(pack: number, offset: number): GitObject | undefined {
    const key = `${pack} ${offset}`;
    const object = this.#bases.get(key);
    if (object === undefined) return undefined;
    this.#bases.delete(key);
    this.#bases.set(key, object);
    return object;
  }

  /** Keeps an object, and lets those go that were not used for longest. */
  keep(pack: number, offset: number, object: GitObject): void {
    const octets = object.content.length + BASE_OVERHEAD;
    const key = `${pack} ${offset}`;
    if (octets > this.#limit || this.#bases.has(key)) return;
    this.#bases.set(key, object);
    this.#held += octets;
    for (const [oldest, { content }] of this.#bases) {
      if (this.#held <= this.#limit) break;
      this.#bases.delete(oldest);
      this.#held -= content.length + BASE_OVERHEAD;
    }
  }
}

/** `length` octets of a file from `from` on, or those that there are. */
export function readAt(file: number, from: number, length: number): Buffer {
  const octets = Buffer.allocUnsafeSlow(length);
  return octets.subarray(0, fill(file, octets, from));
}

/** Reads a file from `from` on into `octets`, and tells how much there was. */
function fill(file: number, octets: Buffer, from: number): number {
  let length = 0;
  while (length < octets.length) {
    const count = readSync(file, octets, length, octets.length - length, from + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}
