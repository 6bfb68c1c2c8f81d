/**
 * From an UPDATE to its being visible on secondaries of the same make, one update after the other; and a zone transferred in by a secondary
 * that starts without it.
 */
import { answered } from '../answered.ts';
import { startClient } from '../client.ts';
import type { Bench, Experiment, Reading } from '../measure.ts';
import { type Pair, type PairSetting, secondaryOf, startPair } from '../pairs.ts';
import { memoryOf, usageOf } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
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
  readonly isTuned?: boolean;
  secondaries(bench: Bench): number;
}

/** Milliseconds until visible: `p50` and `p99` of all secondaries, `last` the median of the last of them. */
export const visibleOn =
  ({ servers, isTuned = true, secondaries }: Round): Experiment =>
  (bench) =>
    Scope.within(async () => {
      const [zone] = plainWorld(SIZE - 3).zones;
      const play = (server: PairSetting['server']): Promise<Reading> =>
        Scope.within(async (scope) => {
          const pair = await startPair(scope, { server, zone: zone!, secondaries: secondaries(bench), isTuned });
          const isSlow = server === 'knot' || (server === 'bind' && !isTuned);
          if (!isSlow) await send(pair, WARM_UP);
          return send(pair, isSlow ? bench.scale.slowUpdates : bench.scale.updates);
        });
      return {
        readings: await inTurns(
          bench.scale.rounds,
          servers.map((each) => [each, each] as const),
          play,
        ),
      };
    });

/**
 * A large zone, from the start of a secondary to its answer: `time`, `transfer` (its share since the secondary has replied at all) and
 * `cpu` in seconds, `memory` in MB. Its primary is ours.
 */
export const transferredIn: Experiment = (bench) =>
  Scope.within(async () => {
    const [zone] = plainWorld(bench.scale.transferred).zones;
    const play = (server: PairSetting['server']): Promise<Reading> =>
      Scope.within(async (scope) => {
        const { start } = await secondaryOf(scope, server, zone!);
        const secondary = await start();
        const { heard, at } = await answered(secondary, [zone!.name]);
        const { user, kernel } = usageOf(secondary.program.pid);
        const memory = memoryOf(secondary.program.pid) / 1e6;
        const [time, transfer] = [secondary.started, heard].map((since) => (at - since) / 1000) as [number, number];
        return { figures: { time, transfer, cpu: user + kernel, memory } };
      });
    const field = (['zonewright', 'knot', 'bind'] as const).map((each) => [each, each] as const);
    return { readings: await inTurns(bench.scale.rounds, field, play) };
  });
