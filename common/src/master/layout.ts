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

const TAB_STOP = 8;

/** The column behind a text, from 0. */
export function columnAfter(text: string): number {
  let column = 0;
  for (let i = 0; i < text.length; i++) column += text[i] === '\t' ? TAB_STOP - (column % TAB_STOP) : 1;
  return column;
}

/** The space to put behind `line` so that the next field stands where the model has it: `model` is the space there, `column` where it ends. */
export function gapAfter(line: string, model: string, column: number): string {
  if (model.length === 1) return model;
  const at = columnAfter(line);
  if (/^ +$/.test(model)) return ' '.repeat(Math.max(1, column - at));
  if (!/^\t+$/.test(model)) return model === '' ? ' ' : model;
  return '\t'.repeat(Math.max(1, Math.ceil((column - (at - (at % TAB_STOP))) / TAB_STOP)));
}

type FieldKind = 'owner' | 'ttl' | 'class' | 'type' | 'rdata';

interface FieldLayout {
  readonly kind: FieldKind;
  readonly text: string;
  /** The blanks before it. */
  readonly gap: string;
  readonly column: number;
}

/** What of an entry's layout can be imitated. */
export interface EntryLayout {
  /** From the owner (or what follows it, when it is left out) to the RDATA. */
  readonly fields: readonly FieldLayout[];
  readonly hasOwner: boolean;
  /** Names below the origin written with all their labels. */
  readonly isOwnerAbsolute: boolean;
  readonly isRdataAbsolute: boolean;
  readonly type: number;
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
  isRdataAbsolute: false,
  type: 0,
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
    isRdataAbsolute: isSame(absolute) && !isSame(relative),
    type: record.type,
  };
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
  const owner = habits.isOwnerAbsolute ? record.name.toString() : record.name.relativeTo(origin);
  let text = line.isOwnerImplied ? '' : owner;
  let isTtlDue = line.isTtlWritten && !fields.some((field) => field.kind === 'ttl');
  for (const field of fields) {
    if (field.kind === 'owner' || (field.kind === 'ttl' && !line.isTtlWritten)) continue;
    if (isTtlDue) {
      isTtlDue = false;
      const ttl = printTtl(record.ttl);
      text +=
        text === ''
          ? `${gapAfter('', field.gap, field.column)}${ttl}`
          : `${field.gap.startsWith('\t') ? '\t' : ' '}${ttl}`;
    }
    // An owner left out leaves its column empty.
    const gap =
      text === '' && field.gap.length === 1 && field.column > 1 && field.gap === ' '
        ? ' '.repeat(field.column)
        : gapAfter(text, field.gap, field.column);
    text += gap + printField(field, habits, record, origin);
  }
  return text.trimEnd();
}

function printField(
  field: FieldLayout,
  habits: Omit<EntryLayout, 'fields'>,
  record: ResourceRecord,
  origin: Name,
): string {
  if (field.kind === 'ttl') return printTtl(record.ttl, field.text);
  if (field.kind === 'class') return field.text;
  if (field.kind === 'type') {
    const type = printType(record.type);
    return field.text !== '' && field.text === field.text.toLowerCase() ? type.toLowerCase() : type;
  }
  return printRdata(
    record.type,
    record.rdata,
    habits.isRdataAbsolute && habits.type === record.type ? undefined : origin,
  );
}
