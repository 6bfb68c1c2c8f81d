/**
 * RDATA by layout: the short engine that walks the rows of `type.ts`. RDATA is held in wire form with its names uncompressed.
 * Types without a row are opaque octets (RFC 3597).
 */
import { MAX_NAME_OCTETS, Name } from '../name.ts';
import { Reader, Writer } from '../octets.ts';
import { fail, ok, type Result } from '../result.ts';
import { printHex } from './encoding.ts';
import type { Field, NameTraits } from './field.ts';
import { hex } from './fields/binary.ts';
import { printType, TYPE, typeRow } from './type.ts';
import { type TextToken, Words } from './words.ts';

export interface RdataFault {
  readonly kind: 'rdata';
  readonly what: string;
  /** Index of the token at fault; the number of tokens when something is missing. */
  readonly token: number;
}

export const MAX_RDATA_OCTETS = 65535;

/** Where RDATA is put together that is not written anywhere else; empty between calls. */
const scratch = new Writer(MAX_RDATA_OCTETS);
/** Where a name in it is put together. */
const draft = new Uint8Array(MAX_NAME_OCTETS);

/** Presentation form to wire form, as {@link readRdataWords}. */
export function parseRdata(type: number, tokens: readonly TextToken[], origin: Name): Result<Uint8Array, RdataFault> {
  return parseRdataWords(type, Words.of(tokens, origin));
}

export function parseRdataWords(type: number, words: Words): Result<Uint8Array, RdataFault> {
  const fault = readRdataWords(type, words, scratch);
  return fault === undefined ? ok(scratch.finish()) : fail(fault);
}

/**
 * Reads presentation form, and makes its wire form the content of `out`, which takes at most 65535 octets; gives what is wrong, if
 * anything, and then `out` holds anything. `\# LENGTH HEX` (RFC 3597 5) is accepted for every type and then checked against its layout.
 */
export function readRdataWords(type: number, words: Words, out: Writer): RdataFault | undefined {
  out.rewind(0);
  const row = typeRow(type);
  const { isGeneric } = words;
  const fault = isGeneric ? readGeneric(words, out) : readLayout(type, row?.layout, words, out);
  if (fault !== undefined) return fault;
  if (out.isFull) return faultAt(words, 0, 'RDATA of more than 65535 octets');
  if (row?.layout === undefined || (row.isExact && !isGeneric)) return undefined;
  const what = layoutFault(type, row.layout, new Reader(out.octets, 0, out.length));
  return what === undefined ? undefined : faultAt(words, 0, what);
}

function readLayout(
  type: number,
  layout: readonly Field[] | undefined,
  words: Words,
  out: Writer,
): RdataFault | undefined {
  if (layout === undefined)
    return faultAt(words, 0, `${printType(type)} has no presentation form of its own; write \\# LENGTH HEX`);
  for (const field of layout) {
    const what = field.parse(words, out);
    if (what !== undefined) return faultAt(words, words.taken - 1, what);
  }
  if (words.left === 0) return undefined;
  return faultAt(words, words.taken, `more than a ${printType(type)} record holds`);
}

function readGeneric(words: Words, out: Writer): RdataFault | undefined {
  words.next();
  const length = words.nextText() ?? '';
  if (!/^\d{1,5}$/.test(length)) return faultAt(words, 1, '\\# is followed by the length in octets');
  const what = hex.parse(words, out);
  if (what !== undefined) return faultAt(words, 2, what);
  if (out.isFull || out.length === Number(length)) return undefined;
  return faultAt(words, 1, `${out.length} octets where ${length} are announced`);
}

function faultAt(words: Words, token: number, what: string): RdataFault {
  return { kind: 'rdata', what, token: Math.max(0, Math.min(token, words.count)) };
}

/** What is wrong with wire RDATA (names uncompressed) for its type, if anything. */
export function rdataFault(type: number, rdata: Uint8Array): string | undefined {
  return skipRdata(type, new Reader(rdata));
}

function layoutFault(type: number, layout: readonly Field[], reader: Reader): string | undefined {
  for (const field of layout) field.skip(reader);
  if (reader.left > 0) reader.fail('octets after the last field');
  return reader.fault === undefined ? undefined : `no valid ${printType(type)} data: ${reader.fault.what}`;
}

/** Wire form to presentation form on one line; names relative to `origin` where given. By RFC 3597 where there is no other. */
export function printRdata(type: number, rdata: Uint8Array, origin?: Name): string {
  return printLayout(type, rdata, origin) || `\\# ${rdata.length} ${printHex(rdata)}`.trimEnd();
}

function printLayout(type: number, rdata: Uint8Array, origin: Name | undefined): string | undefined {
  const layout = typeRow(type)?.layout;
  if (layout === undefined || rdataFault(type, rdata) !== undefined) return undefined;
  const reader = new Reader(rdata);
  let text = '';
  for (const field of layout) {
    const part = field.print(reader, origin);
    if (part === undefined) return undefined;
    if (part !== '') text += text === '' ? part : ` ${part}`;
  }
  return text;
}

/** The traits of the name that is next; `undefined` where what is next is no name. */
function nameNext(field: Field, reader: Reader): NameTraits | undefined {
  const traits = field.nameTraits;
  return traits?.isOptional && reader.left === 0 ? undefined : traits;
}

/**
 * Walks the RDATA as an alternation of names and runs of other octets. What does not follow the layout is octets: the empty
 * RDATA of an UPDATE that deletes a set (RFC 2136 2.5.2) has no name in it.
 */
function walk(
  layout: readonly Field[],
  rdata: Uint8Array,
  onName: (name: Name, traits: NameTraits) => void,
  onOctets: (octets: Uint8Array) => void,
): void {
  const reader = new Reader(rdata);
  for (const field of layout) {
    const start = reader.offset;
    const traits = nameNext(field, reader);
    const name = traits === undefined ? undefined : reader.name(false);
    if (name === undefined) field.skip(reader);
    if (reader.fault !== undefined) {
      onOctets(rdata.subarray(start));
      return;
    }
    if (name === undefined) onOctets(rdata.subarray(start, reader.offset));
    else onName(name, traits!);
  }
  onOctets(rdata.subarray(reader.offset));
}

/** The layouts with names in them. */
const layoutsWithNames: ReadonlyMap<number, readonly Field[]> = new Map(
  Object.values(TYPE).flatMap((type) => {
    const layout = typeRow(type)?.layout;
    return layout?.some((field) => field.nameTraits !== undefined) ? [[type, layout]] : [];
  }),
);

/**
 * Reads `length` octets of RDATA from a message, with names decompressed where the type may have them compressed: those older
 * than RFC 3597 (its section 4). SVCB and all later types may not (RFC 9460 2.2).
 * Faults are left in the reader.
 */
export function readRdata(type: number, length: number, reader: Reader): Uint8Array {
  copyRdata(type, length, reader, scratch);
  return scratch.finish();
}

/** The same, made the content of `out`, which takes at most 65535 octets; after a fault it holds anything. */
export function copyRdata(type: number, length: number, reader: Reader, out: Writer): void {
  out.rewind(0);
  if (reader.fault !== undefined) return;
  const start = reader.offset;
  const outer = reader.end;
  const end = start + length;
  if (end > outer) {
    reader.fail('RDATA cut short');
    return;
  }
  reader.end = end;
  const withNames = layoutsWithNames.get(type);
  if (withNames === undefined) {
    const what = skipRdata(type, reader);
    if (what !== undefined) reader.fault = { kind: 'octets', at: start, what };
    out.bytes(reader.octets, start, end);
    reader.offset = end;
  } else copyFields(withNames, reader, out);
  reader.end = outer;
  if (out.isFull) reader.fail('RDATA of more than 65535 octets', start);
}

/** Steps over RDATA as far as they are valid; gives what is wrong with them, if anything. */
function skipRdata(type: number, reader: Reader): string | undefined {
  const layout = typeRow(type)?.layout;
  return layout === undefined ? undefined : layoutFault(type, layout, reader);
}

function copyFields(layout: readonly Field[], reader: Reader, out: Writer): void {
  for (const field of layout) {
    const start = reader.offset;
    const traits = nameNext(field, reader);
    if (traits === undefined) {
      field.skip(reader);
      out.bytes(reader.octets, start, reader.offset);
    } else out.bytes(draft, 0, reader.wireName(traits.isDecompressed === true, draft));
  }
  if (reader.left > 0) reader.fail('octets after the last field');
}

/** Writes RDATA into a message, without its length; names of the types of RFC 1035 are compressed. */
export function writeRdata(type: number, rdata: Uint8Array, out: Writer): void {
  const layout = layoutsWithNames.get(type);
  if (layout === undefined) out.bytes(rdata);
  else
    walk(
      layout,
      rdata,
      (name, traits) => (traits.isCompressed ? out.compressedName(name) : out.name(name)),
      (octets) => out.bytes(octets),
    );
}

/**
 * Canonical RDATA (RFC 4034 6.2): names lower-cased where the type wants it. Two records are the same when these are equal.
 * Gives back its argument where nothing has to be changed.
 */
export function canonicalRdata(type: number, rdata: Uint8Array): Uint8Array {
  const layout = layoutsWithNames.get(type);
  if (layout === undefined) return rdata;
  const reader = new Reader(rdata);
  let canonical = rdata;
  for (const field of layout) {
    const start = reader.offset;
    field.skip(reader);
    if (reader.fault !== undefined) break;
    if (!field.nameTraits?.isLowered) continue;
    // Length octets are at most 63, less than any letter.
    for (let i = start; i < reader.offset; i++) {
      if (rdata[i]! < 0x41 || rdata[i]! > 0x5a) continue;
      if (canonical === rdata) canonical = new Uint8Array(rdata);
      canonical[i]! += 0x20;
    }
  }
  return canonical;
}

/** The names in the RDATA, in order. */
export function rdataNames(
  type: number,
  rdata: Uint8Array,
): readonly { readonly name: Name; readonly traits: NameTraits }[] {
  const layout = layoutsWithNames.get(type);
  const names: { name: Name; traits: NameTraits }[] = [];
  if (layout !== undefined)
    walk(
      layout,
      rdata,
      (name, traits) => names.push({ name, traits }),
      () => {},
    );
  return names;
}

/** The single name of NS, CNAME, DNAME, PTR, MX ... RDATA. The root for types that have none. */
export function targetOf(type: number, rdata: Uint8Array): Name {
  return rdataNames(type, rdata)[0]?.name ?? Name.root;
}
