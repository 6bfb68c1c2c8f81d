/**
 * Words that stand for numbers, found by their octets in any case: types, classes, algorithms; and the generic form of RFC 3597 5, as
 * `TYPE65280`. No text is made to look one up.
 */
import { readNumber } from './word.ts';

const UPPER = Uint8Array.from({ length: 256 }, (_, octet) => (octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet));
const PRIME = 0x01000193;
/** Octets of the longest generic form that is read. */
const GENERIC_OCTETS = 10;

export class Mnemonics {
  readonly #words: readonly string[];
  readonly #numbers: readonly number[];
  /** Open addressing: indices of words, -1 for a free slot. Most are free. */
  readonly #slots: Int16Array;
  readonly #mask: number;
  readonly #prefix: string | undefined;
  readonly #longest: number;

  /** Words in upper case. `prefix`: what stands before the number, 0..65535, in the generic form, where there is one. */
  constructor(entries: readonly (readonly [word: string, number: number])[], prefix?: string) {
    this.#words = entries.map(([word]) => word);
    this.#numbers = entries.map(([, number]) => number);
    this.#prefix = prefix;
    this.#longest = Math.max(prefix === undefined ? 0 : GENERIC_OCTETS, ...this.#words.map(({ length }) => length));
    this.#slots = new Int16Array(2 ** Math.ceil(Math.log2(8 * entries.length))).fill(-1);
    this.#mask = this.#slots.length - 1;
    for (const [i, word] of this.#words.entries()) {
      let slot = this.#slotOf(Buffer.from(word, 'latin1'), 0, word.length);
      while (this.#slots[slot]! >= 0) slot = this.#after(slot);
      this.#slots[slot] = i;
    }
  }

  /** The number of the word from `start` up to `end`; below 0 when it is none of these. */
  read(octets: Uint8Array, start: number, end: number): number {
    if (end - start > this.#longest) return -1;
    let slot = this.#slotOf(octets, start, end);
    for (let i = this.#slots[slot]!; i >= 0; slot = this.#after(slot), i = this.#slots[slot]!) {
      const word = this.#words[i]!;
      if (word.length === end - start && beginsWith(octets, start, word)) return this.#numbers[i]!;
    }
    const prefix = this.#prefix;
    if (prefix === undefined || end - start <= prefix.length || !beginsWith(octets, start, prefix)) return -1;
    return readNumber(octets, start + prefix.length, end, 0xffff);
  }

  #slotOf(octets: Uint8Array, start: number, end: number): number {
    let hash = end - start;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ UPPER[octets[at]!]!, PRIME);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  #after(slot: number): number {
    return (slot + 1) & this.#mask;
  }
}

function beginsWith(octets: Uint8Array, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) !== UPPER[octets[start + i]!]) return false;
  return true;
}
