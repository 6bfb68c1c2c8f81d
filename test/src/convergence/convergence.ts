/**
 * A primary and three secondaries - BIND, one of ours, and one more of ours that is chained behind that one or hidden from the primary -, each
 * in a network namespace of its own, through hours of bad luck. What it finds is a report: nothing is asserted here.
 */
import { join } from 'node:path';
import { parseKey } from '@zonewright/common/authority/key';
import { Theatre } from '../crash/theatre.ts';
import { type CrashZone, ZONES } from '../crash/world.ts';
import type { KeyText } from '../support/dig.ts';
import { type MovableClock, movableClock, sweepClock } from '../support/movable-clock.ts';
import { chanceFrom } from '../support/mutation.ts';
import { startNamed } from '../support/named.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { keyLine, type Secrecy } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { clockOfOurs } from './clocks.ts';
import { befall } from './events.ts';
import { Follower } from './follower.ts';
import { Member, type MemberOptions, plug, type Start } from './member.ts';
import { type Way, Weather } from './weather.ts';

export interface ConvergenceOptions {
  /** Seconds of bad luck. */
  readonly length: number;
  readonly seed: number;
}

export interface ConvergenceReport {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
  /** What befell whom. */
  readonly events: readonly string[];
  /** The last words of each server, where there are faults. */
  readonly texts: readonly string[];
}

/** On the wire; the last is who updates and looks. */
const ADDRESSES = ['10.0.42.1', '10.0.42.2', '10.0.42.3', '10.0.42.4', '10.0.42.9'] as const;
const [PRIMARY, BIND, FIRST, SECOND] = ADDRESSES;
const PORT = 53;
const PAIRS: readonly Way[] = [
  [0, 1],
  [0, 2],
  [0, 3],
  [2, 3],
  [4, 0],
];
const READY = 120_000;
/** Milliseconds until all serve the same when all is well again. */
const CONVERGED = 60_000;
const UPDATERS = 6;
const COMMITTERS = 2;
const LEISURE = { update: 200, commit: 2000 } as const;
/** What waits for git seems to have waited for a day when the clock is stepped by one. */
const REFUSALS = /--max-unpushed-age/;
const LOOKS = { soa: 120, transfer: 300 } as const;

/** The zones with other timers: one expires in 12 seconds, so that isolation may take it from a secondary. */
const TIMERS: readonly (readonly [refresh: number, retry: number, expire: number])[] = [
  [4, 1, 3600],
  [4, 1, 12],
];

/**
 * Records that nobody changes. With so many of them, differences from long ago are still shorter than the zone, and so are what the primary
 * answers with: who has missed a version is told of it later.
 */
const STILL = 200;

const zoneOf = (zone: CrashZone, [refresh, retry, expire]: readonly [number, number, number]): CrashZone => ({
  ...zone,
  text: (...given) => {
    const text = zone
      .text(...given)
      .replace(/3600( +; refresh)/, `${refresh}$1`)
      .replace(/600( +; retry)/, `${retry}$1`)
      .replace(/86400(?= 300 \) ; expire)/, `${expire}`);
    const end = text.includes('\r\n') ? '\r\n' : '\n';
    return `${text}${Array.from({ length: STILL }, (_, i) => `still${i} A 192.0.2.${i}${end}`).join('')}`;
  },
});

export async function converge(
  owner: Owner,
  secrecy: Secrecy,
  { length, seed }: ConvergenceOptions,
): Promise<ConvergenceReport> {
  const chance = chanceFrom(seed);
  const weather = await Weather.between(owner, ADDRESSES, chance(2 ** 31));
  await plug(ADDRESSES.length - 1, ADDRESSES.at(-1)!);
  const isChained = chance(2) === 0;
  const keys = {
    bind: secrecy.newKey(`${PRIMARY}.${BIND}._transfer`),
    first: secrecy.newKey(`${PRIMARY}.${FIRST}._transfer`, 'SHA512'),
    second: secrecy.newKey(isChained ? `${FIRST}.${SECOND}._transfer` : `x.${PRIMARY}._transfer`),
  };
  const zones = [zoneOf(ZONES[0]!, TIMERS[0]!), zoneOf(ZONES[2]!, TIMERS[1]!)];
  const known = isChained ? [keys.bind, keys.first] : Object.values(keys);
  const theatre = await Theatre.open(owner, secrecy, {
    way: 'local',
    ack: 'journal',
    zones,
    updaters: UPDATERS,
    committers: COMMITTERS,
    chance: chanceFrom(chance(2 ** 31)),
    server: { address: PRIMARY, port: PORT },
    keys: known.map(keyLine).join(''),
    looks: LOOKS,
    refusals: REFUSALS,
  });
  const events: string[] = [];
  const counts = new Map<string, number>();
  const members = await makeMembers(owner, secrecy, theatre, { keys, isChained, folder: theatre.folder });
  await Promise.all(members.map((member) => member.rise()));
  const [, ...secondaries] = members;
  const followers = secondaries.flatMap((member, i) => {
    const key = given(parseKey(Object.values(keys)[i]!));
    return theatre.watches.map((watch) => new Follower(theatre.stage, member, watch, { key, looks: LOOKS }));
  });

  const played = theatre.play(LEISURE, followers);
  const end = performance.now() + length * 1000;
  const isOver = (): boolean => performance.now() >= end || theatre.stage.hasFailed() || !weather.isUp;
  await befall({
    members,
    weather,
    pairs: PAIRS,
    chance: chanceFrom(chance(2 ** 31)),
    isOver,
    note: (what) => {
      events.push(what);
      const kind = what.replace(/^[\d.]+ s: /, '').split(/ \d|,| (?=primary|bind|first|second)/)[0]!;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    },
    count: (what) => theatre.stage.count(what),
    fail: (what) => theatre.stage.fail(what),
  });
  if (!weather.isUp) theatre.stage.fail('the wire has ended');
  const fair = performance.now();
  theatre.end();
  await played;
  if (!theatre.stage.hasFailed()) await allAlike(theatre, followers);
  const took = performance.now() - fair;
  for (const member of members) if (member.hasEnded) theatre.stage.fail(`${member.name} has ended by itself`);
  const faults = [...(await theatre.verdict())];
  const serials = followers.reduce((sum, follower) => sum + follower.serials, 0);
  return {
    lines: [
      `the second of ours is ${isChained ? 'chained behind the first' : 'hidden'}`,
      `events: ${[...counts].map(([what, count]) => `${count} ${what}`).join(', ')}`,
      theatre.report,
      `${serials} serials of secondaries proven, alike ${(took / 1000).toFixed(1)} s after the last event`,
    ],
    faults,
    events,
    texts: faults.length === 0 ? [] : members.map(({ name, text }) => `${name}:\n${text}`),
  };
}

interface Setting {
  readonly keys: Readonly<Record<'bind' | 'first' | 'second', KeyText>>;
  readonly isChained: boolean;
  readonly folder: string;
}

async function makeMembers(
  owner: Owner,
  secrecy: Secrecy,
  theatre: Theatre,
  { keys, isChained, folder }: Setting,
): Promise<readonly [Member, ...Member[]]> {
  const ours =
    (service: 'primary' | 'secondary', flags: readonly string[]): Start =>
    (life, within, env) =>
      secrecy.start(life, service, [...flags, '--log-level', 'debug'], { within, env, timeout: READY });
  const secondary = (name: string, address: string, ...held: readonly KeyText[]): Start =>
    ours('secondary', [
      ...held.flatMap((key) => ['--keys', key]),
      ...['--listen', address, '--port', `${PORT}`, '--udp-workers', '1', '--data', join(folder, name)],
    ]);
  const bindFolder = temporaryFolder(owner, 'bind');
  const bind: Start = async (life, within, env) => {
    const zones = theatre.stage.zones.map(({ fileName }) => ({
      name: fileName,
      primaries: [{ address: PRIMARY, key: keys.bind }],
    }));
    const named = { address: BIND, port: PORT, folder: bindFolder, keys: [keys.bind], zones, within, env };
    const { program } = await startNamed(life, named);
    life.teardown(() => sweepClock(program.pid));
    return program;
  };
  const clock = (name: string): MovableClock => clockOfOurs(join(folder, `${name}.clock`));
  const cast: readonly Pick<MemberOptions, 'name' | 'clock' | 'start' | 'hasDayTimers'>[] = [
    { name: 'primary', clock: clock('primary'), start: ours('primary', theatre.flags) },
    { name: 'bind', clock: await movableClock(owner), start: bind, hasDayTimers: true },
    {
      name: 'first',
      clock: clock('first'),
      start: secondary('first', FIRST, keys.first, ...(isChained ? [keys.second] : [])),
    },
    { name: 'second', clock: clock('second'), start: secondary('second', SECOND, keys.second) },
  ];
  const known = [keys.bind, ...Object.values(keys)];
  const made = await Promise.all(
    cast.map((options, number) => {
      const key = given(parseKey(known[number]!));
      return Member.make(owner, { ...options, number, address: ADDRESSES[number]!, port: PORT, key });
    }),
  );
  return made as unknown as readonly [Member, ...Member[]];
}

/** Waits until each secondary serves what the primary does, record by record, and all that was seen is proven. */
async function allAlike(theatre: Theatre, followers: readonly Follower[]): Promise<void> {
  const differing = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const follower of followers) {
      const difference = await follower.difference();
      if (difference !== undefined) found.push(difference);
    }
    return found;
  };
  try {
    await until(differing, {
      what: 'all serve the same, and all that was served was published',
      holds: (found) => found.length === 0,
      timeout: CONVERGED,
    });
  } catch (error) {
    theatre.stage.fail((error as Error).message);
  }
}
