/**
 * Changes one entry in place: only the tokens that differ. Comments, parentheses and line ends stay, and what follows a token that
 * became longer or shorter keeps its column where there is room.
 *
 * Always holds: the text given back, read with the entry's origin, has the RDATA asked for; otherwise there is no text.
 */
import { parseRdata } from '../rr/rdata.ts';
import { type ResourceRecord, rdataKey } from '../rr/record.ts';
import { fileOctets, type RecordEntry } from './document.ts';
import { type Header, locateHeader, printTtl } from './header.ts';
import { columnAfter, type EntryLayout, gapFrom, TAB_STOP } from './layout.ts';
import { EntryLexer, isBlank } from './lexer.ts';
import { fieldSplices, pieceSplices, wholeSplices } from './rewrite-rdata.ts';
import { applySplices, type Splice } from './splice.ts';

export interface Rewrite {
  /** What the entry is to say. Its owner and type are the entry's own. */
  readonly record: ResourceRecord;
  /** The owner's text, to be written into an entry that leaves it out. */
  readonly owner?: string;
  /** The TTL is to be written into an entry that states none. */
  readonly needsTtl: boolean;
  /** The layout of an entry that states its TTL. */
  readonly model?: EntryLayout | undefined;
}

/** The new text of the entry; `undefined` when it cannot be changed in place. `lexer` is over the file's text. */
export function rewriteEntry(lexer: EntryLexer, entry: RecordEntry, rewrite: Rewrite): string | undefined {
  const { record } = rewrite;
  lexer.read(entry.start);
  const header = locateHeader(lexer);
  const headSplices: Splice[] = [];
  const isTtlNext = rewrite.needsTtl && !entry.hasTtl;
  if (rewrite.owner !== undefined && !isTtlNext) headSplices.push(ownerSplice(lexer, rewrite.owner));
  if (entry.hasTtl && record.ttl !== entry.record.ttl) {
    const text = printTtl(record.ttl, lexer.word(header.ttl));
    headSplices.push({ start: lexer.starts[header.ttl]!, end: lexer.ends[header.ttl]!, text });
  } else if (!entry.hasTtl && rewrite.needsTtl) headSplices.push(ttlSplice(lexer, entry, header, rewrite));
  if (Buffer.compare(record.rdata, entry.record.rdata) === 0) return applySplices(lexer, entry, headSplices);
  for (const rdataSplices of [fieldSplices, pieceSplices, wholeSplices]) {
    lexer.read(entry.start);
    const splices = rdataSplices(lexer, header.type + 1, entry, record);
    const text = splices && applySplices(lexer, entry, [...headSplices, ...splices]);
    if (text !== undefined && holds(text, entry, record)) return text;
  }
  return undefined;
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
  while (isBlank(lexer.octets[end])) end++;
  const gap = lexer.slice(lexer.start, end);
  return { start: lexer.start, end, text: owner + gapFrom(columnAfter(owner), gap, columnAfter(gap)) };
}

/**
 * Puts a TTL before the class or type: where the model has it, else into the padding where there is room. An owner that is to be
 * written as well comes with it, if the TTL is what follows it.
 */
function ttlSplice(
  lexer: EntryLexer,
  entry: RecordEntry,
  header: Header,
  { record, model, owner = '' }: Rewrite,
): Splice {
  const [before, kind] = header.class < 0 ? ([header.type, 'type'] as const) : ([header.class, 'class'] as const);
  const end = lexer.starts[before]!;
  const start = before > 0 ? lexer.ends[before - 1]! : entry.start;
  const gap = lexer.slice(start, end);
  const field = model?.fields.findIndex((each) => each.kind === 'ttl') ?? -1;
  const own = model?.fields[field];
  const ttl = printTtl(record.ttl, own?.text);
  if (!/^[ \t]+$/.test(gap)) return { start: end, end, text: `${ttl} ` };
  const at = columnAfter(owner, columnAfter(lexer.slice(entry.start, start)));
  const column = columnAfter(gap, before > 0 ? at : 0);
  const splice = (space: string, rest: string): Splice => ({ start, end, text: owner + space + ttl + rest });
  const endWith = (space: string): number => columnAfter(space + ttl, at);
  const next = model?.fields[field + 1];
  const hasOwner = entry.hasOwner || owner !== '';
  const isFit = own !== undefined && (own.gap.length === 1 || own.column <= column);
  if (isFit && next?.kind === kind && model?.hasOwner === hasOwner) {
    const space = gapFrom(at, own.gap, own.column);
    return { ...splice(space, gapFrom(endWith(space), next.gap, next.column)), isShift: true };
  }
  if (/^ +$/.test(gap)) {
    const room = Math.max(1, column - at - ttl.length - 1);
    return hasOwner ? splice(' ', ' '.repeat(room)) : splice(' '.repeat(room), ' ');
  }
  const space = gapFrom(at, '\t\t', column - TAB_STOP);
  return splice(space, gapFrom(endWith(space), '\t\t', column));
}
