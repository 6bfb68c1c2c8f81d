/**
 * Deltas as octets, for another thread: objects would have to be made of them there all at once. Their records follow each other as in
 * an IXFR (RFC 1995 4), where SOAs tell where a delta begins and where what it adds does, each as on the wire, its name uncompressed.
 *
 * Reading trusts what it is given to be what was written here.
 */
import { Name } from '../name.ts';
import { put16, read16 } from '../octets.ts';
import { CLASS } from '../rr/class.ts';
import type { ResourceRecord } from '../rr/record.ts';
import { readSoa } from '../rr/soa.ts';
import { TYPE } from '../rr/type.ts';
import type { Delta } from './delta.ts';

/** Where type, TTL and the length of the RDATA stand behind the name, and the RDATA. */
const FIELD = { type: 0, ttl: 2, length: 6, rdata: 8 } as const;

function* recordsOf(deltas: Iterable<Delta>): Generator<ResourceRecord, void, undefined> {
  for (const { removed, added } of deltas) {
    yield* removed;
    yield* added;
  }
}

/** So many octets are copied one by one. */
const LOOP_OCTETS = 64;

/** In memory of their own, which can be handed over. */
export function writeDeltas(deltas: readonly Delta[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const { name, rdata } of recordsOf(deltas)) size += name.wire.length + FIELD.rdata + rdata.length;
  const octets = new Uint8Array(size);
  let at = 0;
  for (const { name, type, ttl, rdata } of recordsOf(deltas)) {
    octets.set(name.wire, at);
    at += name.wire.length;
    put16(octets, at + FIELD.type, type);
    put16(octets, at + FIELD.ttl, ttl >>> 16);
    put16(octets, at + FIELD.ttl + 2, ttl);
    put16(octets, at + FIELD.length, rdata.length);
    octets.set(rdata, at + FIELD.rdata);
    at += FIELD.rdata + rdata.length;
  }
  return octets;
}

/** Their records, one at a time, for {@link joinDeltas}. */
export function* readRecords(octets: Uint8Array): Generator<ResourceRecord, void, undefined> {
  let name = Name.root;
  for (let at = 0; at < octets.length; ) {
    let end = at;
    while (octets[end] !== 0) end += 1 + octets[end]!;
    // Records of a name mostly follow each other, and share it.
    end++;
    if (!isWritten(octets, at, end, name)) name = nameOf(copyOf(octets, at, end));
    const rdata = end + FIELD.rdata;
    const ttl = read16(octets, end + FIELD.ttl) * 0x10000 + read16(octets, end + FIELD.ttl + 2);
    at = rdata + read16(octets, end + FIELD.length);
    yield { name, type: read16(octets, end + FIELD.type), class: CLASS.IN, ttl, rdata: copyOf(octets, rdata, at) };
  }
}

/** The deltas that were written. */
export function joinDeltas(records: readonly ResourceRecord[]): readonly Delta[] {
  const soas: number[] = [];
  for (const [i, { type }] of records.entries()) if (type === TYPE.SOA) soas.push(i);
  const deltas: Delta[] = [];
  for (let i = 0; i < soas.length; i += 2) {
    const removed = records.slice(soas[i], soas[i + 1]);
    const added = records.slice(soas[i + 1], soas[i + 2]);
    deltas.push({ origin: removed[0]!.name, from: serialOf(removed), to: serialOf(added), removed, added });
  }
  return deltas;
}

const serialOf = ([soa]: readonly ResourceRecord[]): number => readSoa(soa!.rdata).serial;

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a delta with ${name.fault.what}`);
  return name.value;
}

/** What mostly is a few octets, for which a loop is quicker than `slice`. */
function copyOf(octets: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start > LOOP_OCTETS) return octets.slice(start, end);
  const copy = new Uint8Array(end - start);
  for (let at = start; at < end; at++) copy[at - start] = octets[at]!;
  return copy;
}

/** Is it this name, letter for letter, that stands from `start` to `end`? */
function isWritten(octets: Uint8Array, start: number, end: number, { wire }: Name): boolean {
  let at = end - start === wire.length ? start : end + 1;
  while (at < end && octets[at] === wire[at - start]) at++;
  return at === end;
}
