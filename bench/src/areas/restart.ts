/**
 * A secondary of many zones that starts again with its copies, while each hundredth zone has changed at our primary meanwhile; and before that, its
 * first start without any copy. Each secondary has its turn alone, and is stopped while others have theirs: all miss the same change.
 *
 * To ask for all zones would take the time of those who are measured. So a hundred zones, spread over all, stand for them, and those that have
 * changed are asked for, a few at a time, each again only while it has no good answer; when the clocks have stopped it is seen that the others are there too.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TYPE } from '@zonewright/common/rr/type';
import { run } from '@zonewright/test/support/process';
import { answered } from '../answered.ts';
import { KEEPERS_COUNT, type Keeper, type Kept, prepareKept } from '../keepers.ts';
import type { Experiment, Reading } from '../measure.ts';
import { memoryOf, sumOf, usageOf, usageSince } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { apexesOf, fieldOf, launch, type Running } from '../servers.ts';
import { timeline } from '../timeline.ts';
import { changedText, manyWorld } from '../worlds.ts';

/** Each so many-th zone changes. */
const STEP = 100;
/** Zones that stand for all. */
const SAMPLE = 100;
/** Milliseconds between two questions for what is not there yet. */
const INTERVAL = 20;
const LIGHTLY = { interval: INTERVAL } as const;
/** Rounds, at most: what is measured takes seconds, and differs little. */
const ROUNDS = 3;
/** Milliseconds between two tries to tell a server that has just started, and for all of them. */
const RETELL = 50;
const TOLD = 20_000;

const changing = (scale: Scale): readonly { name: string; text: string }[] =>
  manyWorld(scale.zones).zones.filter((_, i) => i % STEP === 0);

/** One commit that changes them, fetched and served by the primary. */
const change = async (primary: Running, scale: Scale, serial: number): Promise<void> => {
  const zones = changing(scale);
  const files = zones.map((zone) => [zone.name.replace(/\.$/, ''), changedText({ zones: [zone] }, serial)] as const);
  await primary.repository!.push(Object.fromEntries(files));
  primary.program.signal('SIGHUP');
  await answered(primary, addedBy(scale, serial), TYPE.A);
};

/** The names that a change has added. */
const addedBy = (scale: Scale, serial: number): readonly string[] =>
  changing(scale).map(({ name }) => `changed${serial}.${name}`);

const sampleOf = (apexes: readonly string[]): readonly string[] => {
  const step = Math.max(1, Math.floor(apexes.length / SAMPLE));
  return apexes.filter((_, i) => i % step === 0 || i === apexes.length - 1);
};

/** Makes a server ask for all zones, as soon as it takes commands. */
const tell = async ({ ask, server }: Keeper): Promise<void> => {
  if (ask === undefined) return;
  for (const end = performance.now() + TOLD; ; await pause(RETELL)) {
    const { code, stdout, stderr } = await run(...ask);
    if (code === 0) return;
    if (performance.now() > end) throw new Error(`${server} is not told: ${stdout}${stderr}`);
  }
};

/** Waits until all zones are there; gives when they were, as `performance.now()` has it. */
const complete = async (secondary: Running, last: number): Promise<number> => {
  const { hasWaited, at } = await answered(secondary, apexesOf(secondary.setting.zones));
  return hasWaited ? at : last;
};

type Watch = (secondary: Running, spent: () => Reading['figures']) => Promise<Reading>;

/** Starts a secondary, has it watched, and stops it after `settling` milliseconds, when it has written all that it keeps. */
const during = (primary: Running, keeper: Keeper, settling: number, watch: Watch): Promise<Reading> =>
  Scope.within(async (scope) => {
    const before = usageOf(primary.program.pid);
    const secondary = await launch(scope, keeper);
    const { pid } = secondary.program;
    const reading = await watch(secondary, () => ({
      cpu: sumOf(usageOf(pid)),
      primary: sumOf(usageSince(primary.program.pid, before)),
      memory: memoryOf(pid) / 1e6,
    }));
    await timeline.during('ends', async () => {
      await pause(settling);
      await secondary.program.stop();
    });
    return reading;
  });

/** Without any copy: `first`, `firstCpu` and `firstPrimary`, seconds. */
const first: Watch = async (secondary, spent) => {
  const { at } = await answered(secondary, sampleOf(apexesOf(secondary.setting.zones)), TYPE.SOA, LIGHTLY);
  const { cpu, primary } = spent();
  const end = await complete(secondary, at);
  return { figures: { first: (end - secondary.started) / 1000, firstCpu: cpu!, firstPrimary: primary! } };
};

const again =
  (keeper: Keeper, added: readonly string[]): Watch =>
  async (secondary, spent) => {
    const served = await answered(secondary, sampleOf(apexesOf(secondary.setting.zones)), TYPE.SOA, LIGHTLY);
    await tell(keeper);
    const current = await answered(secondary, added, TYPE.A, LIGHTLY);
    const figures = spent();
    const end = await complete(secondary, current.at);
    const seconds = (at: number): number => (at - secondary.started) / 1000;
    return { figures: { ...figures, served: seconds(served.at), current: seconds(end) } };
  };

const startPrimary = (owner: Scope, { primary }: Kept): Promise<Running> =>
  timeline.during('starts', async () => {
    const running = await launch(owner, primary);
    await answered(running, apexesOf(primary.setting.zones));
    return running;
  });

/** Seconds that a start takes, and for each zone; that of the first one; and of a change, about. */
const START = 0.6;
const ZONE = 4.5e-4;
const FIRST_ZONE = 1.5e-3;
const CHANGE = 1;

const roundsOf = ({ rounds }: Scale): number => Math.min(ROUNDS, rounds);

/**
 * Its figures, in seconds since the start of a secondary: `served`, from its copies, `current`, what has changed too, `cpu` of the secondary
 * and `primary` of the primary until then; `memory` (MB); `first`, `firstCpu` and `firstPrimary` of the first start.
 */
export const restarted: Experiment = {
  planned: (scale) => {
    const { zones } = scale;
    const rounds = roundsOf(scale) * (CHANGE + KEEPERS_COUNT * (START + zones * ZONE));
    return KEEPERS_COUNT * (START + zones * FIRST_ZONE) + rounds;
  },
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const { zones } = manyWorld(scale.zones);
      const kept = await timeline.during('files', () => prepareKept(scope, zones));
      const primary = await startPrimary(scope, kept);
      const field = fieldOf(kept.keepers);
      const firsts = await inTurns(1, field, (keeper) => during(primary, keeper, scale.settling, first));
      let serial = 1;
      const agains = await inTurns(roundsOf(scale), field, async (keeper, round) => {
        if (serial < round + 2) await change(primary, scale, ++serial);
        const settling = round + 1 < roundsOf(scale) ? scale.settling : 0;
        return during(primary, keeper, settling, again(keeper, addedBy(scale, serial)));
      });
      const names = kept.keepers.map(({ server }) => server);
      return { readings: Object.fromEntries(names.map((name) => [name, [...firsts[name]!, ...agains[name]!]])) };
    }),
};
