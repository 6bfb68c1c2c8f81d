/** Versions of zones for tests of the copies, made from a serial, so that what comes back can be compared with what was published. */
import { fileURLToPath } from 'node:url';
import type { Name } from '@zonewright/common/name';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import type { CopyState } from '@zonewright/common/service/copies';
import { type Delta, diffZones } from '@zonewright/common/zone/delta';
import { Zone } from '@zonewright/common/zone/zone';
import { nameOf, recordOf } from './records.ts';

/** A program that keeps copies as its arguments say. */
export const copiesProgram = fileURLToPath(new URL('./copies-program.js', import.meta.url));

/** Addresses that a version has, one of them its own; the oldest goes with each new one. */
const HOSTS = 8;

/** The records of a version. */
export function recordsAt(origin: string, serial: number): ResourceRecord[] {
  const zone = origin === '.' ? '' : origin;
  const lines = [
    `${origin} 3600 SOA ns.${zone} hostmaster.${zone} ${serial} 3600 600 86400 300`,
    `${origin} 3600 NS ns.${zone}`,
    `ns.${zone} 3600 A 192.0.2.1`,
    `of.deep.${zone} 300 TXT "version ${serial}" "with more"`,
  ];
  for (let i = Math.max(1, serial - HOSTS + 1); i <= serial; i++)
    lines.push(`Host${i}.${zone} ${300 + i} A 10.0.${(i >> 8) & 255}.${i & 255}`, `all.${zone} 60 A 10.0.0.${i & 255}`);
  return lines.map((line) => recordOf(line));
}

export const zoneAt = (zone: string, serial: number): Zone => Zone.fromRecords(nameOf(zone), recordsAt(zone, serial))!;

export const stateAt = (serial: number, namedBy: CopyState['namedBy'] = 'key'): CopyState => ({
  checkedAt: 1_800_000_000_000 + serial,
  expireAt: 1_800_086_400_000 + serial,
  namedBy,
});

/** A version that follows on one in the same image, as a transfer makes it, and how it came about. */
export function nextOf(zone: Zone): { readonly zone: Zone; readonly delta: Delta } {
  const delta = diffZones(zone, zoneAt(zone.origin.toString(), zone.serial + 1));
  return { zone: zone.change(delta)!, delta };
}

const textOf = ({ name, ttl, type, rdata }: ResourceRecord): string =>
  `${name} ${ttl} ${type} ${Buffer.from(rdata).toString('hex')}`;

/** What records say, in an order of its own. */
const textsOf = (records: Iterable<ResourceRecord>): string => [...records].map(textOf).sort().join('\n');

/** What a zone holds. */
export const contentOf = (zone: Zone): string => textsOf([zone.soaRecord(), ...zone.records()]);

/** Has the zone what its serial says? */
export const isVersion = (zone: Zone): boolean =>
  contentOf(zone) === textsOf(recordsAt(zone.origin.toString(), zone.serial));

/** A zone of so many addresses, a name each. */
export function largeZone(origin: Name, count: number, serial = 1): Zone {
  const zone = origin.toString();
  function* records(): Generator<ResourceRecord, void, undefined> {
    yield recordOf(`${zone} 3600 SOA ns.${zone} hostmaster.${zone} ${serial} 3600 600 86400 300`);
    yield recordOf(`${zone} 3600 NS ns.example.`);
    for (let i = 0; i < count; i++) {
      const name = nameOf(`host${i}.${zone}`);
      yield { name, type: 1, class: 1, ttl: 300, rdata: Uint8Array.of(10, i >> 16, i >> 8, i) };
    }
  }
  return Zone.fromRecords(origin, records())!;
}
