/**
 * The words of one record's RDATA, from the left, as octets of the file that they stand in: presentation form is read without a text
 * being made of it. Who wants a text all the same asks for it.
 */
import { Name, textOctets } from '../name.ts';
import { unescapeOctets } from './encoding.ts';

/** A word or quoted string of a zone file, escapes not yet undone, quotes taken off. */
export interface TextToken {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Where words stand: an entry of a zone file, cut into words. */
export interface WordSource {
  readonly octets: Uint8Array;
  /** Offsets, outer quotes included; ends are exclusive. */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly count: number;
  /** {@link QUOTED} and {@link ESCAPED}, by word. */
  readonly traits: readonly number[];
}

/** A trait: the word stands in quotes. */
export const QUOTED = 1;
/** A trait: there is a backslash in the word. */
export const ESCAPED = 2;

export class Words {
  /** Where the word at hand stands. */
  octets: Uint8Array;
  /** Where relative names are rooted. */
  origin: Name = Name.root;
  /** The word at hand, its quotes taken off. */
  start = 0;
  end = 0;
  isEscaped = false;
  /** How many have been asked for. */
  taken = 0;
  readonly #source: WordSource;
  #first = 0;
  /** Where words are joined. */
  #joined = new Uint8Array(0);

  constructor(source: WordSource) {
    this.#source = source;
    this.octets = source.octets;
  }

  /** Words that stand in no file. */
  static of(tokens: readonly TextToken[], origin: Name): Words {
    const starts: number[] = [];
    const ends: number[] = [];
    // Each ends with a blank, so that no word is taken to go on in the next.
    const octets = textOctets(tokens.map(({ text, isQuoted }) => (isQuoted ? `"${text}" ` : `${text} `)).join(''));
    let at = 0;
    for (const { text, isQuoted } of tokens) {
      starts.push(at);
      at += textOctets(text).length + (isQuoted ? 2 : 0);
      ends.push(at++);
    }
    return new Words({
      octets,
      starts,
      ends,
      count: tokens.length,
      traits: tokens.map(({ text, isQuoted }) => (isQuoted ? QUOTED : 0) | (text.includes('\\') ? ESCAPED : 0)),
    }).begin(0, origin);
  }

  /** Undoes the escapes of the word at hand, which stands elsewhere then; false when one cannot be undone. */
  unescape(): boolean {
    if (!this.isEscaped) return true;
    const plain = unescapeOctets(this.octets, this.start, this.end);
    if (plain === undefined) return false;
    this.octets = plain;
    this.start = 0;
    this.end = plain.length;
    return true;
  }

  /** Makes one word of all that are left, which is then at hand; an empty one when there are none. */
  join(): void {
    if (this.left === 1) {
      this.next();
      return;
    }
    let length = 0;
    while (this.left > 0) {
      this.next();
      const { octets, start, end } = this;
      if (length + end - start > this.#joined.length) {
        const larger = new Uint8Array(2 * (length + end - start));
        larger.set(this.#joined);
        this.#joined = larger;
      }
      for (let at = start; at < end; at++) this.#joined[length++] = octets[at]!;
    }
    this.octets = this.#joined;
    this.start = 0;
    this.end = length;
  }

  /** Begins with word `first` of what the source holds now. */
  begin(first: number, origin: Name): this {
    this.#first = first;
    this.taken = 0;
    this.origin = origin;
    return this;
  }

  /** How many words there are. */
  get count(): number {
    return Math.max(0, this.#source.count - this.#first);
  }

  get left(): number {
    return Math.max(0, this.#source.count - this.#first - this.taken);
  }

  /** Goes to the next word; false when there is none. */
  next(): boolean {
    const source = this.#source;
    const index = this.#first + this.taken++;
    if (index >= source.count) return false;
    const traits = source.traits[index]!;
    const quote = traits & QUOTED;
    this.octets = source.octets;
    this.start = source.starts[index]! + quote;
    this.end = source.ends[index]! - quote;
    this.isEscaped = traits >= ESCAPED;
    return true;
  }

  /** The text of the next word, a character per octet. */
  nextText(): string | undefined {
    return this.next() ? this.text : undefined;
  }

  /** The text of the word at hand. */
  get text(): string {
    const { octets, start, end } = this;
    return Buffer.from(octets.buffer, octets.byteOffset + start, end - start).toString('latin1');
  }

  /** Is the first word an unquoted `\#` (RFC 3597 5)? */
  get isGeneric(): boolean {
    const { octets, starts, ends, traits, count } = this.#source;
    const first = this.#first;
    if (first >= count || traits[first] !== ESCAPED) return false;
    const start = starts[first]!;
    return ends[first]! - start === 2 && octets[start] === BACKSLASH && octets[start + 1] === NUMBER_SIGN;
  }
}

const NUMBER_SIGN = 0x23;
const BACKSLASH = 0x5c;
