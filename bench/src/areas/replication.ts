/**
 * From an UPDATE to its being visible on secondaries of the same make, one update after the other; and a zone transferred in by a secondary
 * that starts without it.
 */
import { answered } from '../answered.ts';
import { CLIENT_START, startClient } from '../client.ts';
import type { Experiment, Reading, Trials } from '../measure.ts';
import { type Pair, type PairSetting, startPair, startSource } from '../pairs.ts';
import { memoryOf, usageOf } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { quantile } from '../statistics.ts';
import { plainWorld } from '../worlds.ts';

/** Records of the zone, and updates that do not count. */
const SIZE = 1000;
const WARM_UP = 50;

let next = 1;

const send = async ({ primary, secondaries }: Pair, count: number): Promise<Reading> => {
  const first = next;
  next += count;
  const places = secondaries.map(({ address, port }) => `${address}:${port}`);
  const report = await Scope.within(async (scope) =>
    (await startClient(scope, 'visible', primary, [count, SIZE - 3, first, ...places])).report(),
  );
  const { latencies, lasts } = report;
  return { figures: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), last: quantile(lasts, 0.5) } };
};

interface Round {
  readonly servers: readonly PairSetting['server'][];
  /** Whether there is BIND as it is by itself, too. */
  readonly hasPlain?: boolean;
  secondaries(scale: Scale): number;
}

/** Seconds of one update: of one secondary, of each, of those that wait before they send a NOTIFY, about. */
const UPDATE = 0.02;
const EACH = 0.003;
const SLOW = 5;

/** Who sends a NOTIFY seconds later, whatever it is told. */
const isSlow = (server: PairSetting['server']): boolean => server === 'knot';

/** Latencies of a round: each update has one of each secondary. */
const LATENCIES = 5000;
const updatesFor = ({ updates }: Scale, secondaries: number): number =>
  Math.min(updates, Math.ceil(LATENCIES / secondaries));
const warmUpFor = (scale: Scale, secondaries: number): number =>
  Math.min(WARM_UP, Math.floor(updatesFor(scale, secondaries) / 2));

/**
 * Milliseconds until visible: `p50` and `p99` of all secondaries, `last` the median of the last of them, and `plain`, the p50 beside which
 * BIND stands as it is by itself. Who is slow waits, for seconds of his own: all those at the same time, beside nobody who is measured by
 * milliseconds.
 */
export const visibleOn = ({ servers, hasPlain = false, secondaries }: Round): Experiment => ({
  planned: (scale) => {
    const swift = servers.filter((server) => !isSlow(server)).length;
    const updates = warmUpFor(scale, secondaries(scale)) + updatesFor(scale, secondaries(scale));
    const slow = swift < servers.length || hasPlain ? scale.slowUpdates * SLOW : 0;
    return scale.rounds * (swift * (CLIENT_START + updates * (UPDATE + EACH * secondaries(scale))) + slow);
  },
  run: async ({ scale }) => {
    const [zone] = plainWorld(SIZE - 3).zones;
    const play = (server: PairSetting['server'], isTuned = true): Promise<Reading> =>
      Scope.within(async (scope) => {
        const pair = await startPair(scope, { server, zone: zone!, secondaries: secondaries(scale), isTuned });
        if (isSlow(server) || !isTuned) return send(pair, scale.slowUpdates);
        await send(pair, warmUpFor(scale, secondaries(scale)));
        return send(pair, updatesFor(scale, secondaries(scale)));
      });
    const playAll = (some: typeof servers): Promise<Trials['readings']> =>
      inTurns(
        scale.rounds,
        some.map((each) => [each, each] as const),
        (server) => play(server),
      );
    const plain = async (): Promise<Trials['readings']> =>
      hasPlain ? inTurns(scale.rounds, [['bind', 0]], async () => plainOnly(await play('bind', false))) : {};
    const { zonewright = [], bind = [] } = await playAll(servers.filter((server) => !isSlow(server)));
    const [{ knot = [] }, { bind: bindItself = [] }] = await Promise.all([playAll(servers.filter(isSlow)), plain()]);
    const ours = zonewright.map((each) => ({ ...each, figures: { ...each.figures, ...plainOnly(each).figures } }));
    return { readings: { zonewright: ours, knot, bind: [...bind, ...bindItself] } };
  },
});

const plainOnly = ({ figures }: Reading): Reading => ({ figures: { plain: figures.p50! } });

const TRANSFERRED = ['zonewright', 'knot', 'bind'] as const;
/** Seconds in which a record is transferred, about. */
const RECORD = 5e-6;

/**
 * A large zone, from the start of a secondary to its answer: `time`, `transfer` (its share since the secondary has replied at all) and
 * `cpu` in seconds, `memory` in MB. Its primary is ours.
 */
export const transferredIn: Experiment = {
  planned: ({ rounds, transferred }) => rounds * TRANSFERRED.length * (CLIENT_START + transferred * RECORD),
  run: ({ scale }) =>
    Scope.within(async (outer) => {
      const [zone] = plainWorld(scale.transferred).zones;
      const source = await startSource(outer, zone!);
      const play = (server: PairSetting['server']): Promise<Reading> =>
        Scope.within(async (scope) => {
          const secondary = await source.start(scope, server);
          const { heard, at } = await answered(secondary, [zone!.name]);
          const { user, kernel } = usageOf(secondary.program.pid);
          const memory = memoryOf(secondary.program.pid) / 1e6;
          const [time, transfer] = [secondary.started, heard].map((since) => (at - since) / 1000) as [number, number];
          return { figures: { time, transfer, cpu: user + kernel, memory } };
        });
      const field = TRANSFERRED.map((each) => [each, each] as const);
      return { readings: await inTurns(scale.rounds, field, play) };
    }),
};
