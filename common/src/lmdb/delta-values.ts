/**
 * Deltas as values of a database: a head, which says what it is, and the records (`record-octets.ts`) in parts, since memory and free
 * room in a file come in pieces.
 */
import type { Name } from '../name.ts';
import { Reader, Writer } from '../octets.ts';
import type { ResourceRecord } from '../rr/record.ts';
import type { Slices } from '../service/slices.ts';
import type { Delta } from '../zone/delta.ts';
import { recordOctets, writeRecords } from '../zone/record-octets.ts';
import { Packing, type Packs } from './pack.ts';

/** Records of a delta are kept in parts of about so many octets. */
const PART_OCTETS = 65_536;
/** A name and five numbers. */
const HEAD_OCTETS = 512;

/** What is known of a delta without its records. */
export interface DeltaHead {
  /** The apex. */
  readonly zone: Name;
  readonly from: number;
  readonly to: number;
  /** SOAs included. */
  readonly records: number;
  /** Of its records as they are kept. */
  readonly octets: number;
  /** In so many values. */
  readonly parts: number;
}

export function writeDeltaHead({ zone, from, to, records, octets, parts }: DeltaHead): Uint8Array {
  const writer = new Writer(HEAD_OCTETS);
  writer.name(zone);
  for (const number of [from, to, records, octets, parts]) writer.u32(number);
  return writer.octets.slice(0, writer.length);
}

export function readDeltaHead(octets: Uint8Array): DeltaHead {
  const reader = new Reader(octets);
  const [zone, from, to] = [reader.name(false), reader.u32(), reader.u32()];
  const head = { zone, from, to, records: reader.u32(), octets: reader.u32(), parts: reader.u32() };
  if (reader.fault !== undefined) throw new Error(`a delta ${reader.fault.what}`);
  return head;
}

/** Of each delta its head, and then its parts. */
export async function packDeltas(deltas: readonly Delta[], slices: Slices): Promise<Packs> {
  const packing = new Packing();
  for (const { origin, from, to, removed, added } of deltas) {
    const parts: Uint8Array[] = [];
    let octets = 0;
    for (const part of partsOf([removed, added])) {
      if (slices.isOver) await slices.pause();
      const written = writeRecords([part]);
      octets += written.length;
      parts.push(written);
    }
    const records = removed.length + added.length;
    packing.add(writeDeltaHead({ zone: origin, from, to, records, octets, parts: parts.length }));
    for (const part of parts) packing.add(part);
  }
  return packing.end();
}

function* partsOf(
  lists: readonly (readonly ResourceRecord[])[],
): Generator<readonly ResourceRecord[], void, undefined> {
  let part: ResourceRecord[] = [];
  let octets = 0;
  for (const list of lists) {
    for (const record of list) {
      part.push(record);
      octets += recordOctets(record);
      if (octets < PART_OCTETS) continue;
      yield part;
      part = [];
      octets = 0;
    }
  }
  if (part.length > 0) yield part;
}
