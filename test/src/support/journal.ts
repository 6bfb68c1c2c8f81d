/** Entries and deltas for tests of the journal, made from a number, so that what comes back can be compared with what was written. */
import { fileURLToPath } from 'node:url';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import type { Delta } from '@zonewright/common/zone/delta';
import type { JournalWrite, SerialEntry, UpdateEntry } from '@zonewright/primary/journal/journal';
import { nameOf, recordOf } from './records.ts';

/** A program that opens a journal and does as its arguments say. */
export const journalProgram = fileURLToPath(new URL('./journal-program.js', import.meta.url));

export const mirage = nameOf('mirage.');

/** An UPDATE that adds an address, deletes a name, and what else is given. */
export const updateAt = (position: number, more: readonly ResourceRecord[] = []): UpdateEntry => ({
  kind: 'update',
  position,
  time: 1_800_000_000_000 + position,
  zone: mirage,
  scope: nameOf('Host.mirage.'),
  key: nameOf('personal._update.mirage.'),
  source: '192.0.2.1 port 4242',
  operations: [
    recordOf(`h${position}.mirage. 300 A 192.0.2.${position % 256}`),
    { name: nameOf('old.mirage.'), type: 255, class: 255, ttl: 0, rdata: new Uint8Array(0) },
    ...more,
  ],
  from: position - 1,
  to: position,
});

export const serialAt = (position: number): SerialEntry => ({
  kind: 'serial',
  position,
  time: 1_800_000_000_000 + position,
  zone: mirage,
  from: position - 1,
  to: position,
});

const soaAt = (serial: number, zone: string): ResourceRecord =>
  recordOf(`${zone} 3600 SOA ns.${zone} hostmaster.${zone} ${serial} 3600 600 86400 300`);

/** So many addresses, at names that have 256 of them each. */
function addresses(count: number, zone: string): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  let name = mirage;
  for (let i = 0; i < count; i++) {
    if (i % 256 === 0) name = nameOf(`h${i / 256}.${zone}`);
    records.push({ name, type: 1, class: 1, ttl: 300, rdata: Uint8Array.of(10, i >> 16, i >> 8, i) });
  }
  return records;
}

/** From the serial before to this one, with so many added records. */
export const deltaAt = (serial: number, records = 1, zone = 'mirage.'): Delta => ({
  origin: nameOf(zone),
  from: serial - 1,
  to: serial,
  removed: [soaAt(serial - 1, zone)],
  added: [soaAt(serial, zone), ...addresses(records, zone)],
});

/** What {@link journalProgram} writes at a time: two entries and what belongs to them, all of which tell the second position. */
export const pairAt = (position: number): JournalWrite => ({
  entries: [serialAt(position - 1), updateAt(position)],
  inForce: `commit-${position}`,
  lastGood: new Map([['mirage', { oid: String(position), includes: new Map([['part', 'blob']]) }]]),
  deltas: [deltaAt(position - 1), deltaAt(position)],
});
