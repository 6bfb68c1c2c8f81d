/**
 * The nasty zones of `test/files/nasty`, and what is asked about each: every owner, what is above, below and beside it, and
 * names made of the zone's own labels by chance.
 *
 * Always holds: the same seed gives the same questions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readZoneFile } from '@zonewright/common/authority/zone-file';
import { Name } from '@zonewright/common/name';
import { CLASS } from '@zonewright/common/rr/class';
import { rdataNames } from '@zonewright/common/rr/rdata';
import { TYPE } from '@zonewright/common/rr/type';
import { OPCODE } from '@zonewright/common/wire/code';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import type { Zone } from '@zonewright/common/zone/zone';
import type { Transport } from './asking.ts';
import type { FileZone } from './knot.ts';
import { nameOf } from './records.ts';
import { root } from './zonewright.ts';

export interface NastyZone extends FileZone {
  /** The file's name without its ending: RFC, section, theme. */
  readonly theme: string;
  /** `undefined` where our own rules refuse the file. */
  readonly zone: Zone | undefined;
}

const folder = join(root, 'test/files/nasty');

/** All zones there are, in the order of their files. */
export function nastyZones(): readonly NastyZone[] {
  return readdirSync(folder)
    .sort()
    .map((file) => {
      const text = readFileSync(join(folder, file), 'latin1');
      const name = /^\$ORIGIN (\S+)/m.exec(text)![1]!;
      const { zone } = readZoneFile(Buffer.from(text, 'latin1'), nameOf(name));
      return { theme: file.replace(/\.zone$/, ''), name, text, zone };
    });
}

/** How a question is put: over what, with EDNS of which size, with DO. */
export interface Manner {
  readonly transport: Transport;
  /** The UDP size of EDNS, octets; no EDNS unless given. */
  readonly size?: number;
  readonly dnssecOk?: boolean;
}

const MANNERS: readonly Manner[] = [
  { transport: 'udp', size: 1232 },
  { transport: 'udp' },
  { transport: 'tcp' },
  { transport: 'udp', size: 512, dnssecOk: true },
  { transport: 'udp', size: 4096 },
  { transport: 'udp', size: 512 },
  { transport: 'tcp', size: 1232, dnssecOk: true },
  { transport: 'udp', size: 4096, dnssecOk: true },
  { transport: 'udp', size: 1232, dnssecOk: true },
];

export interface Asked {
  readonly name: Name;
  readonly type: number;
  readonly manner: Manner;
}

/** The message of a question; RD is set in every other one, to see it copied. */
export function messageOf({ name, type, manner }: Asked): Uint8Array {
  const { size, dnssecOk = false } = manner;
  return encodeMessage({
    ...emptyMessage(0, OPCODE.QUERY),
    rd: type % 2 === 0,
    questions: [{ name, type, class: CLASS.IN }],
    ...(size === undefined ? {} : { edns: { udpSize: size, version: 0, dnssecOk, options: [] } }),
  });
}

/** Whole numbers below `bound`, the same for the same seed (mulberry32). */
export type Chance = (bound: number) => number;

export function chanceFrom(seed: number): Chance {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

/** A type that is in no zone, and those that each name is asked for. */
const UNKNOWN_TYPE = 65280;
const BASIC: readonly number[] = [
  TYPE.A,
  TYPE.AAAA,
  TYPE.NS,
  TYPE.SOA,
  TYPE.DS,
  TYPE.CNAME,
  TYPE.DNAME,
  TYPE.TXT,
  TYPE.MX,
  TYPE.ANY,
  UNKNOWN_TYPE,
];
/** RRSIG, NSEC, NSEC3, NSEC3PARAM: nothing in an unsigned zone. */
const PROOFS: readonly number[] = [46, 47, 50, 51];

/** How much is asked: the short form of each run, or the long one. */
export interface Extent {
  /** Manners in which an owner is asked for each of its own types. */
  readonly manners: number;
  /** Types that each name made from an owner is asked for. */
  readonly types: number;
  /** Names made by chance. */
  readonly random: number;
  /** Owners of a zone that are looked at; the others only for their own types. */
  readonly owners: number;
}

export const SHORT: Extent = { manners: 4, types: 3, random: 20, owners: 12 };
export const LONG: Extent = { manners: MANNERS.length, types: 15, random: 2_000, owners: 1_000 };

/** All questions about a zone. */
export function* questionsOf(zone: Zone, extent: Extent, chance: Chance): Generator<Asked, void, undefined> {
  const types = typesOf(zone);
  let turn = chance(MANNERS.length);
  const manner = (): Manner => MANNERS[turn++ % MANNERS.length]!;
  const owners = ownersOf(zone);
  for (const [i, name] of owners.entries()) {
    const own = [...(zone.find(name)?.rrsets.keys() ?? [])];
    for (const type of [...own, TYPE.ANY])
      for (const manner of MANNERS.slice(0, extent.manners)) yield { name, type, manner };
    // Without EDNS a name in another case may be what does not fit any more.
    for (const type of own) yield { name: inOtherCase(name), type, manner: MANNERS[1]! };
    if (i >= extent.owners) continue;
    for (const type of types) yield { name, type, manner: manner() };
    for (const near of [...neighbours(name, chance)])
      for (const type of some([...own, ...BASIC], extent.types, chance)) yield { name: near, type, manner: manner() };
  }
  for (const name of targetsOf(zone, owners))
    for (const type of some(types, extent.types, chance)) yield { name, type, manner: manner() };
  for (let i = 0; i < extent.random; i++) {
    const name = randomName(owners, zone.origin, chance);
    for (const type of some(types, 2, chance)) yield { name, type, manner: manner() };
  }
}

const typesOf = (zone: Zone): readonly number[] => [
  ...new Set([...BASIC, ...PROOFS, ...[...zone.nodes()].flatMap(({ rrsets }) => [...rrsets.keys()])]),
];

/** Owners and empty non-terminals, the apex first. */
function ownersOf(zone: Zone): readonly Name[] {
  const names = new Map<string, Name>([[zone.origin.key, zone.origin]]);
  for (const node of zone.nodes())
    for (let at = node.name; !names.has(at.key); at = at.parent()!) names.set(at.key, at);
  return [...names.values()];
}

/** Names in RDATA that are in the zone, or would be, and own nothing. */
function targetsOf(zone: Zone, owners: readonly Name[]): readonly Name[] {
  const known = new Set(owners.map(({ key }) => key));
  const targets = new Map<string, Name>();
  for (const { type, rdata } of zone.records())
    for (const { name } of rdataNames(type, rdata))
      if (name.isSubdomainOf(zone.origin) && !known.has(name.key)) targets.set(name.key, name);
  return [...targets.values()];
}

/** Around a name: above, below, far below, by an asterisk, in the other case, and beside it. */
function* neighbours(name: Name, chance: Chance): Generator<Name, void, undefined> {
  const label = `q${chance(1_000)}`;
  const parent = name.parent();
  const drafts = [
    name.child(label),
    name.child('*'),
    name.child('*x'),
    Name.fromLabels([Buffer.from('x'), Buffer.from(label), ...name.labels]),
    Name.fromLabels([Buffer.from('a'), Buffer.from('*'), ...name.labels]),
    Name.fromLabels([Buffer.alloc(63, 'z'), ...name.labels]),
    ...(parent === undefined ? [] : [parent.child(label)]),
  ];
  for (const draft of drafts) if (draft.ok) yield draft.value;
  if (parent !== undefined) yield parent;
  yield inOtherCase(name);
}

function inOtherCase(name: Name): Name {
  const upper = name.wire.map((octet) => (octet >= 0x61 && octet <= 0x7a ? octet - 0x20 : octet));
  const made = Name.fromWire(upper);
  return made.ok ? made.value : name;
}

/** One to five labels, each taken from somewhere in the zone or new, below the origin or below an owner. */
function randomName(owners: readonly Name[], origin: Name, chance: Chance): Name {
  const pick = <T>(from: readonly T[]): T => from[chance(from.length)]!;
  const labels = Array.from({ length: 1 + chance(5) }, () => {
    const from = pick(owners).labels;
    const known = from.slice(0, Math.max(1, from.length - origin.labelCount));
    return chance(4) === 0 || known.length === 0 ? Buffer.from(pick(['*', 'new', 'x', '_tcp'])) : pick(known);
  });
  const base = chance(2) === 0 ? origin : pick(owners);
  const made = Name.fromLabels([...labels, ...base.labels]);
  return made.ok ? made.value : base;
}

function some<T>(from: readonly T[], count: number, chance: Chance): readonly T[] {
  const left = [...new Set(from)];
  const taken: T[] = [];
  while (taken.length < count && left.length > 0) taken.push(...left.splice(chance(left.length), 1));
  return taken;
}
