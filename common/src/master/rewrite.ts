/**
 * Changes one entry in place: only the tokens that differ. Comments, parentheses, line ends and spacing stay.
 *
 * Always holds: the text given back, read with the entry's origin, has the RDATA asked for; otherwise there is no text.
 */
import { parseRdata, printRdata } from '../rr/rdata.ts';
import { type ResourceRecord, rdataKey } from '../rr/record.ts';
import { TYPE } from '../rr/type.ts';
import { fileOctets, type RecordEntry } from './document.ts';
import { isTtlWord, locateHeader, printTtl } from './header.ts';
import { columnAfter, gapAfter, rawTokens } from './layout.ts';
import { EntryLexer } from './lexer.ts';

/** Octets `start` up to `end` (exclusive) of the file's text become `text`. */
interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface Rewrite {
  /** What the entry is to say. Its owner and type are the entry's own. */
  readonly record: ResourceRecord;
  /** The owner's text, to be written into an entry that leaves it out. */
  readonly owner?: string;
  /** The TTL is to be written into an entry that states none. */
  readonly needsTtl: boolean;
}

/** The new text of the entry; `undefined` when it cannot be changed in place. `lexer` is over the file's text. */
export function rewriteEntry(lexer: EntryLexer, entry: RecordEntry, rewrite: Rewrite): string | undefined {
  const { record } = rewrite;
  lexer.read(entry.start);
  const header = locateHeader(lexer);
  const headSplices: Splice[] = [];
  if (rewrite.owner !== undefined) headSplices.push(ownerSplice(lexer, rewrite.owner));
  if (entry.hasTtl && record.ttl !== entry.record.ttl) {
    const text = printTtl(record.ttl, lexer.word(header.ttl));
    headSplices.push({ start: lexer.starts[header.ttl]!, end: lexer.ends[header.ttl]!, text });
  } else if (!entry.hasTtl && rewrite.needsTtl)
    headSplices.push(ttlSplice(lexer, entry, header.class < 0 ? header.type : header.class, record.ttl));
  if (Buffer.compare(record.rdata, entry.record.rdata) === 0) return splice(lexer, entry, headSplices);
  for (const rdataSplices of [fieldSplices, wholeSplices]) {
    lexer.read(entry.start);
    const splices = rdataSplices(lexer, header.type + 1, entry, record);
    const text = splices && splice(lexer, entry, [...headSplices, ...splices]);
    if (text !== undefined && holds(text, entry, record)) return text;
  }
  return undefined;
}

/** Applies splices, which do not overlap, to the entry. */
function splice(lexer: EntryLexer, entry: RecordEntry, splices: readonly Splice[]): string {
  let result = '';
  let at = entry.start;
  for (const { start, end, text: replacement } of [...splices].sort((a, b) => a.start - b.start)) {
    result += lexer.slice(at, start) + replacement;
    at = end;
  }
  return result + lexer.slice(at, entry.end);
}

function holds(text: string, entry: RecordEntry, record: ResourceRecord): boolean {
  const lexer = new EntryLexer(fileOctets(text));
  lexer.read(0);
  if (lexer.fault !== undefined || lexer.end !== text.length) return false;
  const parsed = parseRdata(record.type, lexer.tokens(locateHeader(lexer).type + 1), entry.origin);
  return parsed.ok && rdataKey(record.type, parsed.value) === rdataKey(record.type, record.rdata);
}

/** Puts the owner into the blank at the beginning, so that the next field keeps its column where there is room. */
function ownerSplice(lexer: EntryLexer, owner: string): Splice {
  let end = lexer.start;
  while (lexer.octets[end] === SPACE || lexer.octets[end] === TAB) end++;
  const gap = lexer.slice(lexer.start, end);
  return { start: lexer.start, end, text: owner + gapAfter(owner, gap, columnAfter(gap)) };
}

/** Puts a TTL before the class or type, into its padding where there is room. */
function ttlSplice(lexer: EntryLexer, entry: RecordEntry, before: number, ttl: number): Splice {
  const start = lexer.starts[before]!;
  const text = String(ttl);
  const gapStart = before > 0 ? lexer.ends[before - 1]! : entry.start;
  const gap = lexer.slice(gapStart, start);
  if (before > 0 && /^ +$/.test(gap) && gap.length >= text.length + 2) {
    return { start: gapStart, end: start, text: ` ${text}${' '.repeat(gap.length - 1 - text.length)}` };
  }
  return { start, end: start, text: text + (gap.endsWith('\t') ? '\t' : ' ') };
}

/**
 * Replaces the fields that differ. Which token of the file is which field is known by printing the old RDATA as well: when it
 * has as many tokens as the file, they correspond.
 */
function fieldSplices(
  lexer: EntryLexer,
  first: number,
  entry: RecordEntry,
  record: ResourceRecord,
): Splice[] | undefined {
  const old = rawTokens(printRdata(record.type, entry.record.rdata, entry.origin));
  const fresh = rawTokens(printRdata(record.type, record.rdata, entry.origin));
  if (first + old.length !== lexer.count) return undefined;
  if (old.length === fresh.length) {
    return fresh.flatMap((text, i) => {
      if (text === old[i]) return [];
      const isTime = record.type === TYPE.SOA && i > 2 && isTtlWord(lexer.word(first + i));
      return [
        {
          start: lexer.starts[first + i]!,
          end: lexer.ends[first + i]!,
          text: isTime ? printTtl(Number(text), lexer.word(first + i)) : text,
        },
      ];
    });
  }
  let head = 0;
  while (head < Math.min(old.length, fresh.length) && old[head] === fresh[head]) head++;
  let tail = 0;
  while (
    tail < Math.min(old.length, fresh.length) - head &&
    old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]
  )
    tail++;
  const text = fresh.slice(head, fresh.length - tail).join(' ');
  const oldEnd = first + old.length - tail;
  if (first + head < oldEnd && text !== '') {
    const start = lexer.starts[first + head]!;
    const end = lexer.ends[oldEnd - 1]!;
    return openWithin(lexer, start, end) === 0 ? [{ start, end, text }] : undefined;
  }
  const start = lexer.ends[first + head - 1]!;
  const end = lexer.ends[oldEnd - 1]!;
  return openWithin(lexer, start, end) === 0 ? [{ start, end, text: text === '' ? '' : ` ${text}` }] : undefined;
}

/** Replaces all of the RDATA, with the parentheses in it. */
function wholeSplices(
  lexer: EntryLexer,
  first: number,
  entry: RecordEntry,
  record: ResourceRecord,
): Splice[] | undefined {
  const text = printRdata(record.type, record.rdata, entry.origin);
  const isEmpty = first >= lexer.count;
  const start = isEmpty ? lexer.ends[lexer.count - 1]! : lexer.starts[first]!;
  let end = isEmpty ? start : lexer.ends[lexer.count - 1]!;
  let open = openWithin(lexer, start, end);
  for (const parenthesis of lexer.parentheses) {
    if (open <= 0) break;
    if (~parenthesis < end) continue;
    open--;
    end = ~parenthesis + 1;
  }
  return open === 0 ? [{ start, end, text: isEmpty ? ` ${text}` : text }] : undefined;
}

/** How many parentheses between two offsets are opened and not closed there. Not a number when more are closed than opened before. */
function openWithin(lexer: EntryLexer, start: number, end: number): number {
  let open = 0;
  for (const parenthesis of lexer.parentheses) {
    const at = parenthesis < 0 ? ~parenthesis : parenthesis;
    if (at < start || at >= end) continue;
    open += parenthesis < 0 ? -1 : 1;
    if (open < 0) return Number.NaN;
  }
  return open;
}

const SPACE = 0x20;
const TAB = 0x09;
