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

/**
 * Reads the header whose first word is `first`: the one behind the owner, or 0 where that is left out. Who reads many gives the object
 * to be filled.
 */
export function locateHeader(
  lexer: EntryLexer,
  first = lexer.hasOwner ? 1 : 0,
  header: { -readonly [key in keyof Header]: number } = { ttl: -1, class: -1, type: 0 },
): Header {
  const { octets, starts, count } = lexer;
  header.ttl = -1;
  header.class = -1;
  let at = first;
  for (; at < count; at++) {
    const may = FIRST_OCTETS[octets[starts[at]!]!]!;
    if (may === MAY_BE_TTL && header.ttl < 0 && isTtl(lexer, at)) header.ttl = at;
    else if (may === MAY_BE_CLASS && header.class < 0 && isClass(lexer, at)) header.class = at;
    else break;
  }
  header.type = at;
  return header;
}

/** What a word may be, by its first octet. */
const FIRST_OCTETS = new Uint8Array(256);
const MAY_BE_TTL = 1;
const MAY_BE_CLASS = 2;
for (const digit of '0123456789') FIRST_OCTETS[digit.charCodeAt(0)] = MAY_BE_TTL;
for (const mnemonic of Object.keys(CLASS))
  for (const letter of [mnemonic, mnemonic.toLowerCase()]) FIRST_OCTETS[letter.charCodeAt(0)] = MAY_BE_CLASS;

function isTtl(lexer: EntryLexer, at: number): boolean {
  return readTtl(lexer.octets, lexer.starts[at]!, lexer.ends[at]!) >= 0 || isTtlWord(lexer.word(at));
}

function isClass({ octets, starts, ends }: EntryLexer, at: number): boolean {
  return readClass(octets, starts[at]!, ends[at]!) >= 0;
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
