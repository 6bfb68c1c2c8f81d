/**
 * What befalls the servers, by chance and by table: partitions, bad ways, kills, standstill, clocks that are stepped. All of it ends by itself.
 *
 * Always holds: the order, the kinds, the targets and the lengths of events follow from the seed alone.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Chance } from '../support/mutation.ts';
import type { Member } from './member.ts';
import { CUT, type Rule, type Way, type Weather } from './weather.ts';

/** What is there for events to befall. */
export interface World {
  readonly members: readonly Member[];
  readonly weather: Weather;
  /** Pairs of numbers on the wire between which something is said. */
  readonly pairs: readonly Way[];
  readonly chance: Chance;
  isOver(): boolean;
  note(what: string): void;
  /** Counts what is told in the report. */
  count(what: string): void;
  fail(what: string): void;
}

/** What the seed says of an event. */
interface Draw {
  readonly pair: Way;
  readonly member: Member;
  /** Milliseconds; how long it lasts. */
  readonly length: number;
  /** 0 to 999, for all else. */
  readonly die: number;
}

interface Kind {
  readonly weight: number;
  /** Milliseconds. */
  readonly most: number;
  befall(world: World, draw: Draw): Promise<string | undefined>;
}

/** Milliseconds between two events, at most. */
const PAUSE = 1500;
/** By how many seconds a clock goes wrong: within the fudge of TSIG (RFC 8945 5.2.3), and far beyond it. */
const STEPS = [-86_400, -3600, -290, -30, 30, 290, 3600, 86_400];
const EDGE = 5;
/** Milliseconds after which a step has arrived at each of them (`clock.ts`). */
const ARRIVED = 500;
/** Seconds for which timers may stand: less than what there is in the end until all have to be alike. */
const STANDING = 40;

const both = ([from, to]: Way): readonly Way[] => [
  [from, to],
  [to, from],
];

/** A bad way: up to two packets of five are lost, up to one of ten comes twice, and they overtake each other. */
const bad = (die: number): Rule => ({ loss: (die % 400) / 1000, twice: (die % 100) / 1000, least: 0, most: die % 120 });

/** While somebody is away, or stands still, nothing else is done to them. */
const busy = new Set<Member>();
/** A clock that is wrong is not stepped once more. */
const wrong = new Set<Member>();

async function alone(among: Set<Member>, member: Member, work: () => Promise<string>): Promise<string | undefined> {
  if (among.has(member)) return undefined;
  among.add(member);
  try {
    return await work();
  } finally {
    among.delete(member);
  }
}

/** SIGKILL, and a restart after so many milliseconds. */
async function killed(world: World, member: Member, length: number): Promise<string> {
  await member.kill();
  await lasting(world, length);
  await member.rise();
  return member.name;
}

/** Is a clock that was stepped what the server itself says? Told apart from one that cannot be asked. */
async function seen(world: World, member: Member, seconds: number): Promise<string> {
  const isSo = await member.isAhead(seconds);
  if (isSo === false) world.fail(`the clock of ${member.name} was stepped by ${seconds} s, and goes otherwise`);
  world.count(`steps of ${member.name}'s clock${isSo === true ? '' : ' that nobody saw'}`);
  return isSo === true ? ', seen' : '';
}

async function fault(world: World, ways: readonly Way[], rule: Rule, length: number): Promise<void> {
  const end = world.weather.begin(ways, rule);
  await lasting(world, length);
  end();
}

/** Waits, and no longer than until it is over. */
async function lasting(world: World, length: number): Promise<void> {
  const end = performance.now() + length;
  while (!world.isOver() && performance.now() < end) await pause(Math.min(50, end - performance.now()));
}

const KINDS = {
  partition: {
    weight: 4,
    most: 6000,
    befall: async (world, { pair, length }) => {
      await fault(world, both(pair), CUT, length);
      return `${pair.join(' and ')}`;
    },
  },
  'partition one way': {
    weight: 2,
    most: 5000,
    befall: async (world, { pair, length, die }) => {
      const way = both(pair)[die % 2]!;
      await fault(world, [way], CUT, length);
      return way.join(' to ');
    },
  },
  isolation: {
    weight: 1,
    most: 20_000,
    befall: async (world, { member, length }) => {
      const ways = world.pairs.filter((pair) => pair.includes(member.number)).flatMap(both);
      await fault(world, ways, CUT, length);
      return member.name;
    },
  },
  'bad way': {
    weight: 6,
    most: 8000,
    befall: async (world, { pair, length, die }) => {
      await fault(world, both(pair), bad(die), length);
      return pair.join(' and ');
    },
  },
  'bad ways everywhere': {
    weight: 2,
    most: 6000,
    befall: async (world, { length, die }) => {
      await fault(world, world.pairs.flatMap(both), bad(die), length);
      return '';
    },
  },
  kill: {
    weight: 4,
    most: 2500,
    befall: (world, { member, length }) => alone(busy, member, () => killed(world, member, length)),
  },
  standstill: {
    weight: 2,
    most: 3000,
    befall: (world, { member, length }) =>
      alone(busy, member, async () => {
        member.signal('SIGSTOP');
        await lasting(world, length);
        member.signal('SIGCONT');
        return member.name;
      }),
  },
  'clock step': {
    weight: 3,
    most: 8000,
    befall: (world, { member, length, die }) =>
      alone(wrong, member, async () => {
        const seconds = STEPS[die % STEPS.length]! + (die % EDGE);
        const from = performance.now();
        member.step(seconds * 1000);
        await lasting(world, length);
        const how = performance.now() - from < ARRIVED ? '' : await seen(world, member, seconds);
        member.step(0);
        if (member.hasDayTimers && Math.abs(seconds) > STANDING) {
          const restarted = (): Promise<string | undefined> => alone(busy, member, () => killed(world, member, 0));
          while ((await restarted()) === undefined) await pause(50);
        }
        return `${member.name} ${seconds} s${how}`;
      }),
  },
} satisfies Readonly<Record<string, Kind>>;

/** Lets things happen until it is over, and waits until all of them have ended. */
export async function befall(world: World): Promise<void> {
  const { chance, members, pairs } = world;
  const names = (Object.keys(KINDS) as (keyof typeof KINDS)[]).flatMap((name) =>
    Array<keyof typeof KINDS>(KINDS[name].weight).fill(name),
  );
  const under: Promise<void>[] = [];
  const started = performance.now();
  while (!world.isOver()) {
    const name = names[chance(names.length)]!;
    const kind: Kind = KINDS[name];
    const draw: Draw = {
      pair: pairs[chance(pairs.length)]!,
      member: members[chance(members.length)]!,
      length: chance(kind.most),
      die: chance(1000),
    };
    const at = ((performance.now() - started) / 1000).toFixed(1);
    const happening = kind.befall(world, draw).then(
      (what) => what !== undefined && world.note(`${at} s: ${`${name} ${what}`.trim()}, ${draw.length} ms`),
      (error: Error) => world.fail(`${name}: ${error.message}`),
    );
    under.push(happening.then(() => undefined));
    await lasting(world, chance(PAUSE));
  }
  await Promise.all(under);
}
