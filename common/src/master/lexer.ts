/**
 * The lexer of zone files (RFC 1035 5.1): cuts one entry - a line, or several within parentheses - into words, quoted strings,
 * parentheses and its end. Offsets into the octets only: the text of a token is made when somebody asks for it.
 *
 * A quote inside a word (`alpn="h2,h3"`) protects blanks and belongs to the word. An escaped character ends nothing.
 * After a fault the entry is still read to its end, so that the caller can go on behind it.
 * Left out: undoing escapes; that is for those who know what the token means (names, character-strings).
 */
import { ESCAPED, QUOTED, type TextToken, type WordSource } from '../rr/words.ts';

export interface LexFault {
  readonly kind: 'syntax' | 'limit';
  readonly at: number;
  readonly what: string;
  readonly hint?: string;
}

export class EntryLexer implements WordSource {
  readonly octets: Uint8Array;
  readonly #view: Buffer;
  readonly #maxTokens: number;
  readonly #hasNul: boolean;

  /** How many tokens the entry has; the arrays below may hold stale values behind it. */
  count = 0;
  /** Offsets of tokens, quotes included; ends are exclusive. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  readonly traits: number[] = [];
  /** Is there a backslash in the token at hand? */
  #isEscaped = false;
  /** Offsets of the parentheses; closing ones as their bitwise complement. */
  readonly parentheses: number[] = [];
  start = 0;
  /** Does the entry begin with its owner, not with a blank (RFC 1035 5.1)? */
  hasOwner = false;
  /** Behind the line end that ends the entry. */
  end = 0;
  /** Behind the first line end in the entry. */
  firstLineEnd = 0;
  /** Line ends passed. */
  lines = 0;
  /** A parenthesis stayed open up to the end of the file. */
  isUnclosed = false;
  fault: LexFault | undefined;

  constructor(octets: Uint8Array, maxTokens = Number.POSITIVE_INFINITY) {
    this.octets = octets;
    this.#view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
    this.#maxTokens = maxTokens;
    this.#hasNul = octets.includes(0);
  }

  isQuoted(index: number): boolean {
    return (this.traits[index]! & QUOTED) !== 0;
  }

  /** A piece of the file, a character per octet. */
  slice(start: number, end: number): string {
    return this.#view.toString('latin1', start, end);
  }

  /** A token's text without its outer quotes, escapes in place. */
  word(index: number): string {
    const quote = this.isQuoted(index) ? 1 : 0;
    return this.slice(this.starts[index]! + quote, this.ends[index]! - quote);
  }

  /** A token as it stands in the file. */
  raw(index: number): string {
    return this.slice(this.starts[index]!, this.ends[index]!);
  }

  /** The tokens from `index` on. */
  tokens(index: number): TextToken[] {
    const tokens: TextToken[] = [];
    for (let i = index; i < this.count; i++) tokens.push({ text: this.word(i), isQuoted: this.isQuoted(i) });
    return tokens;
  }

  /** Reads the entry that begins at `start`. */
  read(start: number): void {
    const { octets } = this;
    this.start = start;
    this.count = 0;
    if (this.parentheses.length > 0) this.parentheses.length = 0;
    this.lines = 0;
    this.firstLineEnd = -1;
    this.isUnclosed = false;
    this.fault = undefined;
    this.hasOwner = octets[start] !== SPACE && octets[start] !== TAB;
    let depth = 0;
    let at = start;
    while (at < octets.length) {
      const octet = octets[at]!;
      if (octet === SPACE || octet === TAB) at++;
      else if (IS_PLAIN[octet] === 1) {
        const first = at++;
        while (at < octets.length && IS_PLAIN[octets[at]!] === 1) at++;
        at = this.#word(first, at);
      } else if (octet === LF || (octet === CR && octets[at + 1] === LF)) {
        at += octet === LF ? 1 : 2;
        this.lines++;
        if (this.firstLineEnd < 0) this.firstLineEnd = at;
        if (depth === 0) break;
      } else if (octet === SEMICOLON) at = this.#comment(at);
      else if (octet === OPEN) {
        this.parentheses.push(at++);
        depth++;
      } else if (octet === CLOSE) {
        if (depth === 0) this.#fail(at, 'a closing parenthesis without an opening one');
        else depth--;
        this.parentheses.push(~at++);
      } else at = octet === QUOTE ? this.#quotedString(at) : this.#word(at, at);
    }
    this.end = at;
    if (this.firstLineEnd < 0) this.firstLineEnd = at;
    if (depth > 0) this.#unclosed();
  }

  #unclosed(): void {
    this.isUnclosed = true;
    // What went wrong on later lines belongs to entries of their own.
    if (this.fault !== undefined && this.fault.at < this.firstLineEnd) return;
    const hint = 'close it with ) behind the last field of the record';
    this.fault = {
      kind: 'syntax',
      at: this.parentheses[0]!,
      what: 'an opening parenthesis that is never closed',
      hint,
    };
  }

  #fail(at: number, what: string, hint?: string): void {
    this.fault ??= { kind: 'syntax', at, what, ...(hint === undefined ? {} : { hint }) };
  }

  /** Gives back the offset of the line end (or of the end of the file). */
  #comment(start: number): number {
    const { octets } = this;
    let end = start;
    // Most comments are short: calling `indexOf` costs more than they do.
    while (end < octets.length && octets[end] !== LF) end++;
    if (this.#hasNul) {
      const nul = octets.subarray(start, end).indexOf(0);
      if (nul >= 0) this.#control(start + nul);
    }
    return end;
  }

  #token(start: number, end: number, traits: number): void {
    const index = this.count;
    if (index >= this.#maxTokens) {
      this.fault ??= { kind: 'limit', at: start, what: `an entry of more than ${this.#maxTokens} words` };
      return;
    }
    this.starts[index] = start;
    this.ends[index] = end;
    this.traits[index] = traits;
    this.count = index + 1;
  }

  /** A word of which the octets before `at` are plain. Gives where it ends. */
  #word(start: number, from: number): number {
    const { octets } = this;
    let at = from;
    this.#isEscaped = false;
    while (at < octets.length) {
      const octet = octets[at]!;
      if (octet === SPACE || octet === LF || octet === TAB) break;
      if (IS_PLAIN[octet] === 1) at++;
      else if (octet === BACKSLASH) at = this.#escape(at);
      else if (octet === QUOTE) at = this.#closingQuote(at);
      else if (octet === SEMICOLON || octet === OPEN || octet === CLOSE) break;
      else if (octet === CR && octets[at + 1] === LF) break;
      else this.#control(at++);
    }
    this.#token(start, at, this.#isEscaped ? ESCAPED : 0);
    return at;
  }

  #quotedString(start: number): number {
    this.#isEscaped = false;
    const end = this.#closingQuote(start);
    this.#token(start, end, this.#isEscaped ? QUOTED | ESCAPED : QUOTED);
    return end;
  }

  /** From an opening quote to behind the closing one, or to the line end, which is a fault. */
  #closingQuote(start: number): number {
    const { octets } = this;
    let at = start + 1;
    while (at < octets.length) {
      const octet = octets[at]!;
      if (octet === QUOTE) return at + 1;
      if (octet === LF) break;
      if (octet === 0) this.#control(at);
      at = octet === BACKSLASH ? this.#escape(at) : at + 1;
    }
    this.#fail(
      start,
      'a quote that is not closed on its line',
      'write a quote inside a string as \\" and a line end as \\010',
    );
    return at;
  }

  /** Behind the backslash and the character it protects. */
  #escape(at: number): number {
    const { octets } = this;
    this.#isEscaped = true;
    const next = octets[at + 1];
    if (next === undefined || next === LF || (next === CR && octets[at + 2] === LF)) {
      this.#fail(at, 'a backslash at the end of a line');
      return at + 1;
    }
    if (next < SPACE && next !== TAB) this.#control(at + 1);
    return at + 2;
  }

  #control(at: number): void {
    const octet = this.octets[at]!;
    const hint =
      octet === 0 ? 'zone files are ASCII or UTF-8, not UTF-16' : `write it as \\${String(octet).padStart(3, '0')}`;
    this.#fail(at, octet === 0 ? 'a NUL octet' : `a control character (octet ${octet})`, hint);
  }
}

/** Is it one of the octets that stand between words, and at the beginning of a line for the owner before? */
export const isBlank = (octet: number | undefined): boolean => octet === SPACE || octet === TAB;

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
const DEL = 0x7f;

/** Octets that are part of a word and mean nothing else: 1, by octet. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, octet) =>
  octet > SPACE && octet !== DEL && ![QUOTE, OPEN, CLOSE, SEMICOLON, BACKSLASH].includes(octet) ? 1 : 0,
);
