/** Pieces of an entry's text that become others, and the columns behind them. */
import type { RecordEntry } from './document.ts';
import { columnAfter, gapFrom } from './layout.ts';
import { type EntryLexer, isBlank } from './lexer.ts';

/** Octets `start` up to `end` (exclusive) of the file's text become `text`. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  /** What stands behind it is to go where that leads. */
  readonly isShift?: boolean;
}

/**
 * The entry's text with the splices, which do not overlap. The fields behind one, and the comment at the end of its line, keep their
 * columns as far as the blanks before them can make up for it; a single blank stays one.
 */
export function applySplices(lexer: EntryLexer, entry: RecordEntry, splices: readonly Splice[]): string {
  const sorted = [...splices].sort((a, b) => a.start - b.start);
  const text = new SplicedText(lexer, entry.start);
  for (const [i, splice] of sorted.entries()) {
    text.splice(splice);
    text.align(sorted[i + 1]?.start ?? entry.end);
  }
  text.keepTo(entry.end);
  return text.result;
}

class SplicedText {
  result = '';
  readonly #lexer: EntryLexer;
  #at: number;
  /** The columns behind what has been taken over: in the old text, and in the new. */
  #was = 0;
  #is = 0;

  constructor(lexer: EntryLexer, start: number) {
    this.#lexer = lexer;
    this.#at = start;
  }

  splice({ start, end, text, isShift = false }: Splice): void {
    this.keepTo(start);
    this.#put(end, text);
    if (isShift) this.#was = this.#is;
  }

  keepTo(end: number): void {
    if (end > this.#at) this.#put(end, this.#lexer.slice(this.#at, end));
  }

  /** Fits blanks up to the end of the line or `limit`, until fields stand where they stood. */
  align(limit: number): void {
    const { octets } = this.#lexer;
    let isQuoted = false;
    for (let at = this.#at; at < limit && this.#was !== this.#is; ) {
      const octet = octets[at];
      if (octet === LF) return;
      if (isBlank(octet) && !isQuoted) {
        this.keepTo(at);
        while (at < limit && isBlank(octets[at])) at++;
        if (at < limit) this.#align(at);
        // Behind the beginning of a comment columns are the author's.
        if (octets[at] === SEMICOLON) return;
      } else {
        if (octet === QUOTE) isQuoted = !isQuoted;
        at += octet === BACKSLASH ? 2 : 1;
      }
    }
  }

  #align(end: number): void {
    const gap = this.#lexer.slice(this.#at, end);
    const next = this.#lexer.octets[end];
    if (gap === ' ' || next === LF || next === CR) return;
    // One tab is as good as many: it leads to the next stop.
    const model = gap === '\t' ? '\t\t' : gap;
    this.#put(end, gapFrom(this.#is, model, columnAfter(gap, this.#was)));
  }

  #put(end: number, text: string): void {
    this.#was = columnAfter(this.#lexer.slice(this.#at, end), this.#was);
    this.#is = columnAfter(text, this.#is);
    this.result += text;
    this.#at = end;
  }
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;
