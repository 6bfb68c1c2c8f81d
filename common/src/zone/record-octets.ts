/**
 * Records as octets, for another thread or the disk: objects would have to be made of them there all at once. Each is its name
 * uncompressed, type, class, TTL, length and RDATA, as on the wire (RFC 1035 3.2.1); what follows the last is the end.
 *
 * Reading trusts what it is given to be what was written here.
 */
import { Name } from '../name.ts';
import { put16, read16 } from '../octets.ts';
import type { ResourceRecord } from '../rr/record.ts';

/** Where they stand behind the name. */
const FIELD = { type: 0, class: 2, ttl: 4, length: 8, rdata: 10 } as const;
/** So many octets are copied one by one. */
const LOOP_OCTETS = 64;

/** Octets that a record takes. */
export function recordOctets({ name, rdata }: ResourceRecord): number {
  return name.wire.length + FIELD.rdata + rdata.length;
}

/** The records of all lists, one after the other, in memory of their own, which can be handed over. */
export function writeRecords(lists: readonly (readonly ResourceRecord[])[]): Uint8Array<ArrayBuffer> {
  let size = 0;
  for (const records of lists) for (const record of records) size += recordOctets(record);
  const octets = new Uint8Array(size);
  let at = 0;
  for (const records of lists) {
    for (const { name, type, class: of, ttl, rdata } of records) {
      octets.set(name.wire, at);
      at += name.wire.length;
      put16(octets, at + FIELD.type, type);
      put16(octets, at + FIELD.class, of);
      put16(octets, at + FIELD.ttl, ttl >>> 16);
      put16(octets, at + FIELD.ttl + 2, ttl);
      put16(octets, at + FIELD.length, rdata.length);
      octets.set(rdata, at + FIELD.rdata);
      at += FIELD.rdata + rdata.length;
    }
  }
  return octets;
}

/** The records that were written, one at a time. */
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
    const [type, of] = [read16(octets, end + FIELD.type), read16(octets, end + FIELD.class)];
    at = rdata + read16(octets, end + FIELD.length);
    yield { name, type, class: of, ttl, rdata: copyOf(octets, rdata, at) };
  }
}

function nameOf(wire: Uint8Array): Name {
  const name = Name.fromWire(wire);
  if (!name.ok) throw new Error(`a record with ${name.fault.what}`);
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
