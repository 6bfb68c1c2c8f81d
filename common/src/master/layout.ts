/**
 * How a person lays out zone files: columns made with blanks or tabs, owners left out, TTL and class written or not. New text
 * takes these habits from an entry that stands near.
 */
import type { Name } from '../name.ts';
import { printRdata } from '../rr/rdata.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { printType } from '../rr/type.ts';
import { fileOctets, type RecordEntry } from './document.ts';
import { locateHeader, printTtl } from './header.ts';
import { EntryLexer } from './lexer.ts';

export const TAB_STOP = 8;
const TAB = 0x09;
const LF = 0x0a;

/** The column behind a text that begins at column `from`; columns count from 0. */
export function columnAfter(text: string, from = 0): number {
  let column = from;
  for (let i = 0; i < text.length; i++) {
    const octet = text.charCodeAt(i);
    if (octet === LF) column = 0;
    else if (octet === TAB) column += TAB_STOP - (column % TAB_STOP);
    // What continues a character in UTF-8 has no column of its own.
    else if (octet < 0x80 || octet >= 0xc0) column++;
  }
  return column;
}

/** The space to put at column `at` so that the next field stands where the model has it: `model` is the space there, `column` where it ends. */
export function gapFrom(at: number, model: string, column: number): string {
  if (model.length === 1) return model;
  if (/^ +$/.test(model)) return ' '.repeat(Math.max(1, column - at));
  if (!/^\t+$/.test(model)) return model === '' ? ' ' : model;
  return '\t'.repeat(Math.max(1, Math.ceil((column - (at - (at % TAB_STOP))) / TAB_STOP)));
}

type FieldKind = 'owner' | 'ttl' | 'class' | 'type' | 'rdata';

/** A single blank or tab says nothing of columns. */
interface Gap {
  /** The blanks before a field. */
  readonly gap: string;
  readonly column: number;
}

interface FieldLayout extends Gap {
  readonly kind: FieldKind;
  readonly text: string;
}

/** What of an entry's layout can be imitated. */
export interface EntryLayout {
  /** From the owner (or what follows it, when it is left out) to the RDATA. */
  readonly fields: readonly FieldLayout[];
  readonly hasOwner: boolean;
  /** Names below the origin written with all their labels. */
  readonly isOwnerAbsolute: boolean;
  /** Names below the root, which is the origin, written without their last dot. */
  readonly isDotLeftOut: boolean;
  readonly isRdataAbsolute: boolean;
  readonly type: number;
  /** Between the tokens of the RDATA, where they all stand on the first line. */
  readonly rdataGaps: readonly Gap[];
}

/** The layout of files that have no record yet. */
const PLAIN: EntryLayout = {
  fields: (['owner', 'type', 'rdata'] as const).map((kind) => ({
    kind,
    text: '',
    gap: kind === 'owner' ? '' : '\t',
    column: 0,
  })),
  hasOwner: true,
  isOwnerAbsolute: false,
  isDotLeftOut: false,
  isRdataAbsolute: false,
  type: 0,
  rdataGaps: [],
};

/** The tokens of a piece of text as they stand there. */
export function rawTokens(text: string): string[] {
  const lexer = new EntryLexer(fileOctets(text));
  lexer.read(0);
  return Array.from({ length: lexer.count }, (_, i) => lexer.raw(i));
}

/** Reads the layout of an entry. `lexer` is over the file's text. */
export function layoutOf(lexer: EntryLexer, entry: RecordEntry): EntryLayout {
  lexer.read(entry.start);
  const header = locateHeader(lexer);
  const kinds = new Map<number, FieldKind>([
    [header.ttl, 'ttl'],
    [header.class, 'class'],
    [header.type, 'type'],
    [header.type + 1, 'rdata'],
  ]);
  if (entry.hasOwner) kinds.set(0, 'owner');
  const fields: FieldLayout[] = [];
  for (let i = 0; i <= header.type + 1; i++) {
    const before = lexer.slice(entry.start, lexer.starts[Math.min(i, lexer.count - 1)]!);
    const gap = lexer.slice(
      i === 0 ? entry.start : lexer.ends[i - 1]!,
      i < lexer.count ? lexer.starts[i]! : lexer.ends[i - 1]!,
    );
    const text = i < lexer.count ? lexer.raw(i) : '';
    // Behind a parenthesis or a line end columns mean nothing.
    const isPlain = /^[ \t]*$/.test(gap) && !before.includes('\n');
    fields.push({
      kind: kinds.get(i)!,
      text,
      gap: isPlain ? gap : (/^[ \t]+/.exec(gap)?.[0] ?? ' '),
      column: isPlain ? columnAfter(before) : 0,
    });
  }
  const { record, origin } = entry;
  const rdata = lexer.tokens(header.type + 1).map((token) => token.text);
  const absolute = rawTokens(printRdata(record.type, record.rdata));
  const relative = rawTokens(printRdata(record.type, record.rdata, origin));
  const isSame = (a: readonly string[]): boolean =>
    a.length === rdata.length && a.every((text, i) => text.toLowerCase() === rdata[i]!.toLowerCase());
  return {
    fields,
    hasOwner: entry.hasOwner,
    isOwnerAbsolute: entry.hasOwner && lexer.raw(0) === record.name.toString() && record.name.isSubdomainOf(origin),
    isDotLeftOut: entry.hasOwner && origin.isRoot && !lexer.raw(0).endsWith('.'),
    isRdataAbsolute: isSame(absolute) && !isSame(relative),
    type: record.type,
    rdataGaps: rdataGapsOf(lexer, header.type + 1),
  };
}

function rdataGapsOf(lexer: EntryLexer, first: number): readonly Gap[] {
  if (lexer.lines > 1 || lexer.parentheses.length > 0) return [];
  const gaps: Gap[] = [];
  let column = 0;
  for (let i = first + 1; i < lexer.count; i++) {
    const gap = lexer.slice(lexer.ends[i - 1]!, lexer.starts[i]!);
    column = columnAfter(lexer.slice(i === first + 1 ? lexer.start : lexer.starts[i - 1]!, lexer.starts[i]!), column);
    gaps.push({ gap, column });
  }
  return gaps;
}

export interface NewLine {
  readonly record: ResourceRecord;
  readonly origin: Name;
  /** The owner is the one before and is left out. */
  readonly isOwnerImplied: boolean;
  readonly isTtlWritten: boolean;
}

/** Writes a record in the layout of `model`, without line end. */
export function printLine(model: EntryLayout | undefined, line: NewLine): string {
  const { fields, ...habits } = model ?? PLAIN;
  const { record, origin } = line;
  const owner = ownerText(habits, record.name, origin);
  let text = line.isOwnerImplied ? '' : owner;
  let isTtlDue = line.isTtlWritten && !fields.some((field) => field.kind === 'ttl');
  for (const field of fields) {
    if (field.kind === 'owner' || (field.kind === 'ttl' && !line.isTtlWritten)) continue;
    if (isTtlDue) {
      isTtlDue = false;
      const ttl = printTtl(record.ttl);
      text +=
        text === ''
          ? `${gapFrom(0, field.gap, field.column)}${ttl}`
          : `${field.gap.startsWith('\t') ? '\t' : ' '}${ttl}`;
    }
    // An owner left out leaves its column empty.
    const gap =
      text === '' && field.gap.length === 1 && field.column > 1 && field.gap === ' '
        ? ' '.repeat(field.column)
        : gapFrom(columnAfter(text), field.gap, field.column);
    text += gap;
    text += field.kind === 'rdata' ? printData(columnAfter(text), habits, record, origin) : printField(field, record);
  }
  return text.trimEnd();
}

function ownerText({ isOwnerAbsolute, isDotLeftOut }: Omit<EntryLayout, 'fields'>, name: Name, origin: Name): string {
  const absolute = name.toString();
  if (isDotLeftOut && origin.isRoot && !name.isRoot) return absolute.slice(0, -1);
  return isOwnerAbsolute ? absolute : name.relativeTo(origin);
}

function printField(field: FieldLayout, record: ResourceRecord): string {
  if (field.kind === 'ttl') return printTtl(record.ttl, field.text);
  if (field.kind === 'class') return field.text;
  const type = printType(record.type);
  return field.text !== '' && field.text === field.text.toLowerCase() ? type.toLowerCase() : type;
}

/** RDATA that begins at a column, its fields as far apart as in a model of the same type. */
function printData(
  at: number,
  habits: Omit<EntryLayout, 'fields'>,
  { type, rdata }: ResourceRecord,
  origin: Name,
): string {
  const isLike = habits.type === type;
  const isAbsolute = isLike ? habits.isRdataAbsolute : habits.isOwnerAbsolute;
  const text = printRdata(type, rdata, isAbsolute ? undefined : origin);
  if (!isLike || habits.rdataGaps.every(({ gap }) => gap === ' ')) return text;
  const [first = '', ...tokens] = rawTokens(text);
  if (tokens.length !== habits.rdataGaps.length) return text;
  let line = first;
  let column = columnAfter(first, at);
  for (const [i, token] of tokens.entries()) {
    const { gap, column: wanted } = habits.rdataGaps[i]!;
    const next = (gapFrom(column, gap, wanted) || ' ') + token;
    column = columnAfter(next, column);
    line += next;
  }
  return line;
}
