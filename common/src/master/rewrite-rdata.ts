/**
 * What becomes of the tokens of an entry when its RDATA becomes another: three ways, to be tried one after the other. None of them
 * is sure to mean what it should, so the text is read again (`rewrite.ts`).
 *
 * Which token of the file is which field is known by printing the old RDATA as well. A token that goes takes its line with it, and
 * the comment there, where nothing else stands on it; all other comments stay.
 */
import { printRdata } from '../rr/rdata.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import type { RecordEntry } from './document.ts';
import { isTtlWord, printTtl } from './header.ts';
import { rawTokens } from './layout.ts';
import { type EntryLexer, isBlank } from './lexer.ts';
import type { Splice } from './splice.ts';

/** The fields that differ, where the file has as many tokens as the old RDATA printed. `first`: the token where it begins. */
export function fieldSplices(
  lexer: EntryLexer,
  first: number,
  entry: RecordEntry,
  record: ResourceRecord,
): Splice[] | undefined {
  const { old, fresh } = printedTokens(entry, record);
  if (first + old.length !== lexer.count) return undefined;
  if (old.length === fresh.length) {
    return fresh.flatMap((text, i) => {
      if (text === old[i]) return [];
      const isTime = record.type === TYPE.SOA && i > 2 && isTtlWord(lexer.word(first + i));
      return [
        tokenSplice(
          lexer,
          first + i,
          isTime ? printTtl(Number(text), lexer.word(first + i)) : spelt(text, old[i]!, lexer.raw(first + i)),
        ),
      ];
    });
  }
  const least = Math.min(old.length, fresh.length);
  let head = 0;
  while (head < least && old[head] === fresh[head]) head++;
  let tail = 0;
  while (tail < least - head && old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]) tail++;
  const added = fresh.slice(head, fresh.length - tail);
  const gone = first + old.length - tail;
  const replaced = Math.min(added.length, old.length - tail - head);
  const splices = added
    .slice(0, Math.max(0, replaced - 1))
    .map((text, i) => tokenSplice(lexer, first + head + i, text));
  const rest = added.slice(splices.length);
  const at = first + head + splices.length;
  if (replaced === 0) return rest.length > 0 ? [insertion(lexer, at - 1, rest)] : removals(lexer, at, gone);
  splices.push(tokenSplice(lexer, at, rest[0]!));
  if (rest.length > 1) splices.push(insertion(lexer, at, rest.slice(1)));
  return [...splices, ...removals(lexer, at + 1, gone)];
}

/** Where the last field - hexadecimal digits, base64 - stands in several pieces: they are cut where the old ones were. */
export function pieceSplices(
  lexer: EntryLexer,
  first: number,
  entry: RecordEntry,
  record: ResourceRecord,
): Splice[] | undefined {
  const { old, fresh } = printedTokens(entry, record);
  const last = old.length - 1;
  const begin = first + last;
  if (old.length !== fresh.length || lexer.count <= begin + 1) return undefined;
  const words = Array.from({ length: lexer.count - begin }, (_, i) => lexer.raw(begin + i));
  const joined = words.join('');
  if (joined.toLowerCase() !== old[last]!.toLowerCase()) return undefined;
  const splices = fresh
    .slice(0, last)
    .flatMap((text, i) => (text === old[i] ? [] : [tokenSplice(lexer, first + i, text)]));
  let rest = spelt(fresh[last]!, old[last]!, joined);
  for (const [i, word] of words.entries()) {
    const piece = i === words.length - 1 ? rest : rest.slice(0, word.length);
    rest = rest.slice(piece.length);
    if (piece === '') return [...splices, ...removals(lexer, begin + i, lexer.count)];
    if (piece !== word) splices.push(tokenSplice(lexer, begin + i, piece));
  }
  return splices;
}

/** All of the RDATA stands where its first token stood. */
export function wholeSplices(
  lexer: EntryLexer,
  first: number,
  entry: RecordEntry,
  record: ResourceRecord,
): Splice[] | undefined {
  const text = printRdata(record.type, record.rdata, entry.origin);
  if (first >= lexer.count) return [insertion(lexer, lexer.count - 1, [text])];
  return [tokenSplice(lexer, first, text), ...removals(lexer, first + 1, lexer.count)];
}

function printedTokens(
  entry: RecordEntry,
  { type, rdata }: ResourceRecord,
): Record<'old' | 'fresh', readonly string[]> {
  return {
    old: rawTokens(printRdata(type, entry.record.rdata, entry.origin)),
    fresh: rawTokens(printRdata(type, rdata, entry.origin)),
  };
}

/** A token as the author would write it: hexadecimal digits in his case, and quotes only where he has them or they are needed. */
function spelt(fresh: string, old: string, written: string): string {
  if (written === old) return fresh;
  if (written === old.toUpperCase() && /^[0-9a-f]+$/.test(fresh)) return fresh.toUpperCase();
  const isUnquoted = !written.includes('"') && /^[^"]*"[!#-'*-:<-[\]-~]+"$/.test(fresh);
  return isUnquoted ? fresh.replaceAll('"', '') : fresh;
}

const tokenSplice = (lexer: EntryLexer, token: number, text: string): Splice => ({
  start: lexer.starts[token]!,
  end: lexer.ends[token]!,
  text,
});

/** Puts tokens behind another: on lines of their own, if that one stands on one within parentheses. */
function insertion(lexer: EntryLexer, token: number, texts: readonly string[]): Splice {
  const { octets, starts, ends } = lexer;
  const start = lineStart(lexer, token);
  const indent = lexer.slice(start, starts[token]!);
  const isOwnLine = start > lexer.start && /^[ \t]*$/.test(indent);
  const at = ends[token]!;
  if (!isOwnLine) return { start: at, end: at, text: ` ${texts.join(' ')}` };
  const lineEnd = octets[start - 2] === CR ? '\r\n' : '\n';
  const text = texts.map((each) => lineEnd + indent + each).join('');
  // A comment stays with the token that it stands behind.
  let next = at;
  while (isBlank(octets[next])) next++;
  const end = octets[next] === SEMICOLON ? octets.indexOf(LF, next) : at;
  const place = octets[end - 1] === CR && end > at ? end - 1 : end;
  return place < at ? { start: at, end: at, text } : { start: place, end: place, text };
}

/** Takes tokens out, behind one that stays. A line on which nothing else stands goes with them, and its comment. */
function removals(lexer: EntryLexer, first: number, end: number): Splice[] {
  const { octets, starts, ends } = lexer;
  const parentheses = lexer.parentheses.map((at) => (at < 0 ? ~at : at));
  let splices: Splice[] = [];
  let parenthesis = 0;
  /** Is there nothing but blanks and what goes, since the token that stays? */
  let isBare = true;
  for (let token = first; token < end; ) {
    const start = lineStart(lexer, token);
    const lf = octets.indexOf(LF, ends[token]!);
    const stop = lf < 0 || lf >= lexer.end ? lexer.end : lf + 1;
    let behind = token;
    for (; behind < end && starts[behind]! < stop; behind++)
      isBare &&= /^\s*$/.test(lexer.slice(ends[behind - 1]!, starts[behind]!));
    while (parenthesis < parentheses.length && parentheses[parenthesis]! < start) parenthesis++;
    const isShared =
      start === lexer.start ||
      parentheses[parenthesis]! < stop ||
      ends[token - 1]! > start ||
      (behind < lexer.count && starts[behind]! < stop);
    if (!isShared) splices.push({ start, end: stop, text: '' });
    else if (isBare) splices = [{ start: ends[first - 1]!, end: ends[behind - 1]!, text: '' }];
    else for (; token < behind; token++) splices.push(removal(lexer, token));
    token = behind;
  }
  return splices;
}

/** Takes out one token, with the blank before it, or behind it at the beginning of a line. */
function removal({ octets, starts, ends }: EntryLexer, token: number): Splice {
  let start = starts[token]!;
  let end = ends[token]!;
  while (isBlank(octets[start - 1])) start--;
  if (octets[start - 1] !== LF) return { start, end, text: '' };
  while (isBlank(octets[end])) end++;
  return { start: starts[token]!, end, text: '' };
}

/** Where the line begins on which a token stands. */
function lineStart({ octets, start, starts }: EntryLexer, token: number): number {
  return Math.max(start, octets.lastIndexOf(LF, starts[token]! - 1) + 1);
}

const LF = 0x0a;
const CR = 0x0d;
const SEMICOLON = 0x3b;
