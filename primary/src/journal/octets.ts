/**
 * What the journal keeps, as octets. An entry is its position, kind, time, zone and serials, then - for an UPDATE - scope, key, source and the
 * records of the update section. Numbers are in network order, names as on the
 * wire, records as in `record-octets.ts`.
 * Deltas are kept as in `common/src/lmdb/delta-values.ts`.
 */
import { Unusable } from '@zonewright/common/lmdb/fault';
import { Reader, Writer } from '@zonewright/common/octets';
import { readRecords, writeRecords } from '@zonewright/common/zone/record-octets';
import { DIGEST_OCTETS, type Entry, type LastGood, saysNothing, type ZoneNote } from './journal.ts';

/** Of the state, and of what is known of a zone. */
const MAX_HEAD_OCTETS = 1024;
/** Of an entry: names in the update section are compressed in a message, and not here. */
const MAX_ENTRY_OCTETS = 4 * 2 ** 20;
/** Of the object names of a file and what it includes: a hundred thousand of them. */
const MAX_GOOD_OCTETS = 16 * 2 ** 20;

const KINDS = ['serial', 'update'] as const;

/** What the journal knows of itself. */
export interface State {
  /** Sixteen octets, which marks in commits are made with (`mark.ts`). */
  readonly secret: Uint8Array;
  /** How many writes there were. */
  readonly generation: number;
  /** Of the newest entry that there ever was. */
  readonly position: number;
  readonly inForce: string | undefined;
  /** That was noted last (`journal-time.ts`), 0: none. */
  readonly time: number;
}

/** Of all that is kept. A change of it that a reader of this one could not understand gets the next number. */
const FORMAT = 1;
const SECRET_OCTETS = 16;

export function writeState({ secret, generation, position, inForce, time }: State): Uint8Array {
  const writer = new Writer(MAX_HEAD_OCTETS);
  writer.u16(FORMAT);
  writer.bytes(secret);
  writer.u48(generation);
  writer.u48(position);
  text(writer, inForce ?? '');
  writer.u48(time);
  return written(writer);
}

/** `undefined`: of a later format. */
export function readState(octets: Uint8Array): State | undefined {
  const reader = new Reader(octets);
  if (reader.u16() !== FORMAT) return undefined;
  const secret = new Uint8Array(reader.bytes(SECRET_OCTETS));
  const [generation, position, inForce] = [reader.u48(), reader.u48(), readText(reader)];
  // What was written before there was one has no time.
  const time = reader.left === 0 ? 0 : reader.u48();
  return checked(reader, { secret, generation, position, inForce: inForce === '' ? undefined : inForce, time });
}

export function writeEntry(entry: Entry): Uint8Array {
  const writer = new Writer(MAX_ENTRY_OCTETS);
  writer.u48(entry.position);
  writer.u8(KINDS.indexOf(entry.kind));
  writer.u48(entry.time);
  writer.name(entry.zone);
  writer.u32(entry.from);
  writer.u32(entry.to);
  if (entry.kind === 'serial') return written(writer);
  writer.name(entry.scope);
  writer.name(entry.key);
  text(writer, entry.source);
  writer.bytes(writeRecords([entry.operations]));
  return written(writer);
}

/** The first thing that {@link writeEntry} writes. */
export const positionOf = (entry: Uint8Array): number => new Reader(entry).u48();

export function readEntry(octets: Uint8Array): Entry {
  const reader = new Reader(octets);
  const position = reader.u48();
  const kind = KINDS[reader.u8()]!;
  const time = reader.u48();
  const step = { position, time, zone: reader.name(false), from: reader.u32(), to: reader.u32() };
  if (kind === 'serial') return checked(reader, { kind, ...step });
  const [scope, key, source] = [reader.name(false), reader.name(false), readText(reader)];
  return checked(reader, { kind, ...step, scope, key, source, operations: [...readRecords(reader.rest())] });
}

/** `good`: `undefined` says that there is none. */
export function writeLastGood(fileName: string, good: LastGood | undefined): Uint8Array {
  const writer = new Writer(MAX_GOOD_OCTETS);
  longText(writer, fileName);
  for (const part of good === undefined ? [] : [good.oid, ...[...good.includes].flat()]) longText(writer, part);
  return written(writer);
}

export function readLastGood(octets: Uint8Array): readonly [fileName: string, good: LastGood | undefined] {
  const reader = new Reader(octets);
  const fileName = readLongText(reader);
  if (reader.left === 0) return checked(reader, [fileName, undefined]);
  const oid = readLongText(reader);
  const includes = new Map<string, string>();
  while (reader.left > 0) includes.set(readLongText(reader), readLongText(reader));
  return checked(reader, [fileName, { oid, includes }]);
}

/** A zone, and what is known of it; the zone alone where that is nothing. */
export function writeNote(note: ZoneNote): Uint8Array {
  const writer = new Writer(MAX_HEAD_OCTETS);
  const { zone, time, arrived, floor, members } = note;
  writer.name(zone);
  if (saysNothing(note)) return written(writer);
  writer.u48(time);
  writer.u48(arrived);
  if (floor !== undefined) writer.u32(floor);
  if (floor !== undefined && members !== undefined) writer.bytes(members);
  return written(writer);
}

export function readNote(octets: Uint8Array): ZoneNote {
  const reader = new Reader(octets);
  const zone = reader.name(false);
  if (reader.left === 0) return checked(reader, { zone, time: 0, arrived: 0, floor: undefined });
  const [time, arrived] = [reader.u48(), reader.u48()];
  const floor = reader.left === 0 ? undefined : reader.u32();
  const members = reader.left === 0 ? {} : { members: reader.bytes(DIGEST_OCTETS).slice() };
  return checked(reader, { zone, time, arrived, floor, ...members });
}

function written(writer: Writer): Uint8Array {
  if (writer.isFull) throw new Unusable('it is larger than the journal can hold', 'limit');
  return writer.octets.slice(0, writer.length);
}

function checked<T>(reader: Reader, value: T): T {
  if (reader.fault !== undefined) throw new Error(`the journal holds something ${reader.fault.what}`);
  return value;
}

/** At most 255 octets: the rest is cut. */
function text(writer: Writer, string: string): void {
  const octets = Buffer.from(string).subarray(0, 255);
  writer.u8(octets.length);
  writer.bytes(octets);
}

const readText = (reader: Reader): string => Buffer.from(reader.string()).toString();

function longText(writer: Writer, string: string): void {
  const octets = Buffer.from(string);
  writer.u32(octets.length);
  writer.bytes(octets);
}

const readLongText = (reader: Reader): string => Buffer.from(reader.bytes(reader.u32())).toString();
