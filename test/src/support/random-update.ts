/**
 * UPDATEs at random, of all kinds that people and programs make, for a zone as it is: what they add is partly taken from a stock of
 * records of other zones, partly made to do harm.
 *
 * Always holds: the same zone and the same chance give the same operations.
 */
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { readSoa } from '@zonewright/common/rr/soa';
import { isMetaType, TYPE } from '@zonewright/common/rr/type';
import type { Zone } from '@zonewright/common/zone/zone';
import type { Chance } from './nasty.ts';
import { rdataOf } from './records.ts';

type Operations = readonly ResourceRecord[];
type Kind = (world: World) => Operations;

interface World {
  readonly zone: Zone;
  readonly chance: Chance;
  /** Records of other zones. */
  readonly stock: readonly ResourceRecord[];
}

const pick = <T>(from: readonly T[], chance: Chance): T => from[chance(from.length)]!;
const empty = new Uint8Array(0);

const add = (name: Name, type: number, ttl: number, rdata: Uint8Array): ResourceRecord => ({
  name,
  type,
  class: CLASS.IN,
  ttl,
  rdata,
});
const deleteRecord = ({ name, type, rdata }: ResourceRecord): ResourceRecord => ({
  name,
  type,
  class: CLASS.NONE,
  ttl: 0,
  rdata,
});
const deleteSet = (name: Name, type: number): ResourceRecord => ({
  name,
  type,
  class: CLASS.ANY,
  ttl: 0,
  rdata: empty,
});

const LABELS = ['new', 'a', 'zz', 'vpn2', '_acme-challenge', 'very-long-name-for-a-host', '*', '41', 'Mixed'];

function below(parent: Name, labels: readonly (string | Uint8Array)[]): Name {
  const made = Name.fromLabels([
    ...labels.map((label) => (typeof label === 'string' ? Buffer.from(label, 'latin1') : label)),
    ...parent.labels,
  ]);
  return made.ok ? made.value : parent;
}

/** Records of the zone, the SOA aside; some zones have few. */
const recordsOf = (zone: Zone): readonly ResourceRecord[] =>
  [...zone.records()].filter(({ type }) => type !== TYPE.SOA);
const someRecord = ({ zone, chance }: World): ResourceRecord => pick(recordsOf(zone), chance);

/** The zone's own TTLs more often than others. */
const ttlIn = (world: World): number =>
  world.chance(3) > 0
    ? someRecord(world).ttl
    : pick([0, 1, 60, 300, 3600, 86400, 604800, 5400, 2 ** 31 - 1], world.chance);

const address = (chance: Chance): Uint8Array => Uint8Array.of(192, 0, 2 - chance(2), chance(256));
const address6 = (chance: Chance): Uint8Array =>
  Uint8Array.of(0x20, 1, 0xd, 0xb8, ...Array.from({ length: 12 }, () => (chance(3) === 0 ? chance(256) : 0)));

/** Data of a type: like what others have. */
function dataOf(type: number, { chance, stock }: World, old?: Uint8Array): Uint8Array {
  if (type === TYPE.A) return address(chance);
  if (type === TYPE.AAAA) return address6(chance);
  const same = stock.filter((record) => record.type === type);
  return same.length > 0 ? pick(same, chance).rdata : (old ?? empty);
}

const strings = (octets: Uint8Array): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.length; at += 255) {
    const part = octets.subarray(at, at + 255);
    parts.push(Uint8Array.of(part.length), part);
  }
  return Uint8Array.from(Buffer.concat(parts));
};

/** What would be another record, directive, comment or file, were it read as it is. */
const HOSTILE = [
  '"\nevil A 192.0.2.66\n',
  '\nevil A 192.0.2.66\n;',
  '") \r\nevil 0 IN A 192.0.2.66\r\n',
  '\\"\n@ NS evil.example.\n',
  '\n$INCLUDE servers.inc\n',
  '$GENERATE 1-9 evil$ A 192.0.2.66',
  '\n$ORIGIN evil.\n',
  '\n$TTL 0\n',
  '( not closed',
  'not opened )',
  '; no comment',
  '\\',
  '\\\\"',
  '"',
  '\\010evil',
  '\u00ef\u00bb\u00bf',
  '\0\x01\x7f\x85',
  ' blank ',
  '\tevil',
  '',
];

function hostile(chance: Chance, most: number): Uint8Array {
  if (chance(3) === 0) return Uint8Array.from({ length: chance(most + 1) }, () => chance(256));
  if (chance(8) === 0) return Uint8Array.from({ length: 256 }, (_, octet) => octet).subarray(0, most);
  return Uint8Array.from(Buffer.from(pick(HOSTILE, chance) + pick(HOSTILE, chance), 'latin1')).subarray(0, most);
}

/** Where a new name goes: mostly the apex, else some name there is. */
const parentIn = (world: World): Name => (world.chance(2) === 0 ? world.zone.origin : someRecord(world).name);

const newName = (world: World): Name => below(parentIn(world), [pick(LABELS, world.chance)]);

/** A record of another zone, at a name of this one. */
function strayRecord(world: World): ResourceRecord {
  const { type, ttl, rdata } = pick(world.stock, world.chance);
  const name = world.chance(2) === 0 ? newName(world) : someRecord(world).name;
  return add(name, type, world.chance(2) === 0 ? ttl : ttlIn(world), rdata);
}

function replaceSet(world: World, name: Name, type: number, count: number): Operations {
  const ttl = ttlIn(world);
  return [deleteSet(name, type), ...Array.from({ length: count }, () => add(name, type, ttl, dataOf(type, world)))];
}

/** By what they are, so that a fault can say what it was. */
export const KINDS = {
  'a record into a set': (world) => {
    const { name, type, ttl, rdata } = someRecord(world);
    return [add(name, type, ttl, dataOf(type, world, rdata))];
  },
  'a new owner': (world) => [add(newName(world), TYPE.A, ttlIn(world), address(world.chance))],
  'a new owner with several sets': (world) => {
    const [name, ttl] = [newName(world), ttlIn(world)];
    return [
      add(name, TYPE.A, ttl, address(world.chance)),
      add(name, TYPE.A, ttl, address(world.chance)),
      add(name, TYPE.AAAA, ttl, address6(world.chance)),
      add(name, TYPE.TXT, ttl, strings(Buffer.from('note to self'))),
    ];
  },
  'a name deeper down': (world) => [
    add(
      below(parentIn(world), [pick(LABELS, world.chance), pick(LABELS, world.chance)]),
      TYPE.TXT,
      ttlIn(world),
      strings(Buffer.from('token')),
    ),
  ],
  'another type at a name': (world) => {
    const { name, ttl } = someRecord(world);
    const type = pick([TYPE.AAAA, TYPE.TXT, TYPE.MX, TYPE.SRV, TYPE.CAA, TYPE.HTTPS], world.chance);
    return [add(name, type, ttl, dataOf(type, world))];
  },
  'a record of another zone': (world) => [strayRecord(world)],
  'a record gone': (world) => [deleteRecord(someRecord(world))],
  'a set gone': (world) => {
    const { name, type } = someRecord(world);
    return [deleteSet(name, type)];
  },
  'a name gone': (world) => [deleteSet(someRecord(world).name, TYPE.ANY)],
  'a record changed': (world) => {
    const old = someRecord(world);
    return [deleteRecord(old), add(old.name, old.type, old.ttl, dataOf(old.type, world, old.rdata))];
  },
  'an address changed': (world) => {
    const hosts = recordsOf(world.zone).filter(({ type }) => type === TYPE.A);
    if (hosts.length === 0) return [];
    const old = pick(hosts, world.chance);
    return [deleteSet(old.name, TYPE.A), add(old.name, TYPE.A, old.ttl, address(world.chance))];
  },
  'a set replaced': (world) => {
    const { name, type } = someRecord(world);
    return replaceSet(world, name, type, 1 + world.chance(4));
  },
  'a name replaced': (world) => {
    const { name } = someRecord(world);
    return [deleteSet(name, TYPE.ANY), add(name, TYPE.A, ttlIn(world), address(world.chance)), strayRecord(world)];
  },
  'another TTL of a set': (world) => {
    const old = someRecord(world);
    return [{ ...old, ttl: ttlIn(world) }];
  },
  'an alias for a host, or a host for an alias': (world) => {
    const { name, ttl } = someRecord(world);
    const isAlias = world.zone.sizeOf(name, TYPE.CNAME) > 0;
    return isAlias
      ? [deleteSet(name, TYPE.CNAME), add(name, TYPE.A, ttl, address(world.chance))]
      : [deleteSet(name, TYPE.ANY), add(name, TYPE.CNAME, ttl, someRecord(world).name.wire)];
  },
  'the apex': (world) => {
    const { origin } = world.zone;
    const type = pick([TYPE.NS, TYPE.MX, TYPE.TXT, TYPE.A, TYPE.CAA], world.chance);
    return world.chance(2) === 0
      ? [add(origin, type, ttlIn(world), dataOf(type, world))]
      : replaceSet(world, origin, type, 1 + world.chance(2));
  },
  'values of the SOA': ({ zone, chance }) => {
    const soa = zone.soaRecord();
    const { mname, rname, serial } = readSoa(soa.rdata);
    const numbers = [(serial + 1 + chance(1_000)) >>> 0, ...Array.from({ length: 4 }, () => 1 + chance(700_000))];
    const other = chance(3) === 0 ? below(zone.origin, ['other', 'person']) : rname;
    return [
      {
        ...soa,
        ttl: chance(2) === 0 ? soa.ttl : 1 + chance(90_000),
        rdata: rdataOf('SOA', `${mname} ${other} ${numbers.join(' ')}`),
      },
    ];
  },
  'hostile text': (world) => [
    add(
      world.chance(2) === 0 ? newName(world) : someRecord(world).name,
      TYPE.TXT,
      ttlIn(world),
      strings(hostile(world.chance, 600)),
    ),
  ],
  'a hostile owner': (world) => {
    const label = hostile(world.chance, 63);
    return [
      add(below(parentIn(world), [label.length === 0 ? '"' : label]), TYPE.A, ttlIn(world), address(world.chance)),
    ];
  },
  'a hostile target': (world) => {
    const label = hostile(world.chance, 63);
    const target = below(Name.root, [label.length === 0 ? ';' : label]);
    return [add(newName(world), pick([TYPE.CNAME, TYPE.PTR, TYPE.NS], world.chance), ttlIn(world), target.wire)];
  },
  'data of a type that nobody knows': (world) => [
    add(newName(world), 65_280 + world.chance(9), ttlIn(world), hostile(world.chance, 300)),
  ],
} satisfies Record<string, Kind>;

export interface RandomUpdate {
  readonly kinds: readonly string[];
  readonly operations: Operations;
}

/** One to three things at once. */
export function randomUpdate(world: World): RandomUpdate {
  const names = Object.keys(KINDS) as (keyof typeof KINDS)[];
  const kinds = Array.from({ length: 1 + (world.chance(3) === 0 ? world.chance(3) : 0) }, () =>
    pick(names, world.chance),
  );
  const operations = kinds.flatMap((kind) => KINDS[kind](world));
  return { kinds, operations: operations.filter(({ type }) => type === TYPE.ANY || !isMetaType(type)) };
}
