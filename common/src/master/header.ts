/**
 * The part of a record's entry before its RDATA: `[owner] [class] [TTL] [class] type`, told apart as BIND does. A word at the
 * beginning of the line is the owner whatever it looks like; behind it a class is tried first, then a TTL, then a class again.
 */
import { parseClass } from '../rr/class.ts';
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
  const first = word.charCodeAt(0);
  return first >= 0x30 && first <= 0x39 && /^(\d+|(\d+[smhdw])+)$/i.test(word);
}

export function locateHeader(lexer: EntryLexer): Header {
  let at = lexer.hasOwner ? 1 : 0;
  let classAt = -1;
  let ttl = -1;
  const word = (): string => (at < lexer.count && !lexer.isQuoted(at) ? lexer.word(at) : '');
  if (parseClass(word()) !== undefined) classAt = at++;
  if (isTtlWord(word())) ttl = at++;
  if (classAt < 0 && parseClass(word()) !== undefined) classAt = at++;
  return { ttl, class: classAt, type: at };
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
