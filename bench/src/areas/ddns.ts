/**
 * Updates as a busy site has them: signed, to a zone of a thousand records, by a sender of our own, with a journal in each server. At a steady
 * rate it is the time of an answer that counts; as fast as they are taken, the time that passes for each. Of ours, also how
 * long it takes after the last answer until the repository has all of it.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { CLIENT_START, startClient } from '../client.ts';
import type { Bench, Experiment, Reading } from '../measure.ts';
import { inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { fieldOf, type Running, startServers } from '../servers.ts';
import { quantile } from '../statistics.ts';
import { timeline } from '../timeline.ts';
import { ORIGIN, plainWorld, updatedAddress } from '../worlds.ts';

/** Who takes updates, each into a journal; NSD takes none. */
const DYNAMIC = ['zonewright', 'knot', 'bind'] as const;
/** Records of the zone, and updates a second. */
const SIZE = 1000;
const RATE = 200;
/** Milliseconds that it may take until the repository has all. */
const PUSHED = 60_000;
/** Seconds that it takes in a round, about. */
const BEHIND = 0.5;

/** No two updates of a run give the same address. */
let next = 1;

const send = async (server: Running, rate: number, count: number): Promise<Reading> => {
  const first = next;
  next += count;
  const report = await Scope.within(async (scope) =>
    (await startClient(scope, 'updates', server, [rate, count, SIZE, first])).report(),
  );
  const { latencies, seconds, sent, refused } = report;
  if (Object.keys(refused).length > 0) throw new Error(`${server.server} refuses updates: ${JSON.stringify(refused)}`);
  const figures = {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    each: (seconds / latencies.length) * 1000,
  };
  return { figures, lost: 1 - latencies.length / sent };
};

/** Seconds until the file in the repository says what the last update has said. */
const untilPushed = async ({ repository }: Running): Promise<number | undefined> => {
  if (repository === undefined) return undefined;
  const started = performance.now();
  const wanted = updatedAddress(next - 1);
  while (!(await repository.read(ORIGIN.slice(0, -1))).includes(`${wanted}\n`)) {
    if (performance.now() - started > PUSHED) throw new Error('the last update does not come to the repository');
    await pause(10);
  }
  return (performance.now() - started) / 1000;
};

const readingOf = async (server: Running, { scale }: Bench): Promise<Reading> => {
  const count = Math.ceil((scale.updating / 1000) * RATE);
  const steady = await send(server, RATE, count);
  const pushed = await untilPushed(server);
  const fast = await send(server, 0, count);
  await untilPushed(server);
  const { p50, p99 } = steady.figures;
  return {
    figures: { p50: p50!, p99: p99!, each: fast.figures.each!, ...(pushed === undefined ? {} : { pushed }) },
    lost: steady.lost ?? 0,
  };
};

/** Its figures: `p50` and `p99`, milliseconds of an answer; `each`, milliseconds an update; `pushed`, seconds. */
export const ddns: Experiment = {
  planned: ({ rounds, updating }) => rounds * DYNAMIC.length * (2 * CLIENT_START + (1.2 * updating) / 1000 + BEHIND),
  run: (bench) =>
    Scope.within(async (scope) => {
      const { zones } = plainWorld(SIZE - 3);
      const servers = await startServers(scope, { zones, isDynamic: true }, DYNAMIC);
      // Caches fill, and compilers compile.
      await timeline.during('rounds', async () => {
        for (const server of servers) await send(server, 0, RATE);
      });
      return { readings: await inTurns(bench.scale.rounds, fieldOf(servers), (server) => readingOf(server, bench)) };
    }),
};
