/**
 * The part of a record's entry before its RDATA: `[owner] [class] [TTL] [class] type`, told apart as BIND does. A word at the
 * beginning of the line is the owner whatever it looks like; behind it a class is tried first, then a TTL, then a class again.
 */
import { CLASS, readClass } from '../rr/class.ts';
import { readTtl } from '../rr/word.ts';
import type { EntryLexer } from './lexer.ts';

/** Indices of tokens, -1 for what is not written. */
export interface Header {
  readonly ttl: number;
  readonly class: number;
  /** May be the number of tokens, when the type is missing. RDATA follows it. */
  readonly type: number;
}

/** Does the word look like a TTL: digits with or without units? It may still be too large. */
export function isTtlWord(word: string): boolean {
  return /^(\d+|(\d+[smhdw])+)$/i.test(word);
}

/** Reads the header whose first word is `first`: the one behind the owner, or 0 where that is left out. */
export function locateHeader(lexer: EntryLexer, first = lexer.hasOwner ? 1 : 0): Header {
  let at = first;
  let classAt = -1;
  let ttl = -1;
  if (isClass(lexer, at)) classAt = at++;
  if (isTtl(lexer, at)) ttl = at++;
  if (classAt < 0 && isClass(lexer, at)) classAt = at++;
  return { ttl, class: classAt, type: at };
}

function isTtl(lexer: EntryLexer, at: number): boolean {
  if (at >= lexer.count || lexer.isQuoted(at)) return false;
  const start = lexer.starts[at]!;
  const octet = lexer.octets[start]!;
  if (octet < 0x30 || octet > 0x39) return false;
  return readTtl(lexer.octets, start, lexer.ends[at]!) >= 0 || isTtlWord(lexer.word(at));
}

/** The length of each mnemonic by its first letter: types that begin so have others. */
const CLASS_LENGTHS = new Map(Object.keys(CLASS).map((mnemonic) => [mnemonic.charCodeAt(0), mnemonic.length]));
/** From here on a word may be `CLASSnnn`. */
const GENERIC_LENGTH = 6;

/** Is the word `IN`, in any case? Nearly all that are classes are. */
export function isIn({ octets, starts, ends }: EntryLexer, at: number): boolean {
  const start = starts[at]!;
  return ends[at]! - start === 2 && (octets[start]! & 0xdf) === 0x49 && (octets[start + 1]! & 0xdf) === 0x4e;
}

function isClass(lexer: EntryLexer, at: number): boolean {
  if (at >= lexer.count || lexer.isQuoted(at)) return false;
  const start = lexer.starts[at]!;
  const length = lexer.ends[at]! - start;
  if (isIn(lexer, at)) return true;
  const usual = CLASS_LENGTHS.get(lexer.octets[start]! & 0xdf);
  if (usual === undefined || (length !== usual && length < GENERIC_LENGTH)) return false;
  return readClass(lexer.octets, start, lexer.ends[at]!) >= 0;
}

const UNITS = [
  ['w', 604800],
  ['d', 86400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** Seconds in the manner of `model`: with units when that has units (`1h30m`), else as a number. */
export function printTtl(ttl: number, model = ''): string {
  if (ttl === 0 || !/[a-z]/i.test(model)) return String(ttl);
  let rest = ttl;
  let text = '';
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(rest / seconds);
    rest %= seconds;
    if (count > 0) text += `${count}${unit}`;
  }
  return model === model.toUpperCase() ? text.toUpperCase() : text;
}
