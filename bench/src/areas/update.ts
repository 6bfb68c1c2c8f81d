/**
 * One record added by a signed UPDATE (RFC 2136), again and again, one after the other: until the server has said NOERROR and answers
 * with it. The client is nsupdate.
 */

import { TYPE } from '@zonewright/common/rr/type';
import { keyFile } from '@zonewright/test/support/dig';
import { run } from '@zonewright/test/support/process';
import { answered } from '../answered.ts';
import type { Experiment, Reading } from '../measure.ts';
import { kernelShare, threadUsage, usageOf, usageSince } from '../process-usage.ts';
import { type Field, inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { fieldOf, KEY, type Running, startServers } from '../servers.ts';
import { ORIGIN, plainWorld } from '../worlds.ts';

/** What `baseline` has in its zone. */
const SMALL = 1000;
/** Milliseconds that the updates of one round may take, about, and how many tell how long one takes. */
const ROUND = 5000;
const PROBE = 50;
/** Seconds that an update takes, about. */
const UPDATE = 0.013;

/** Who takes updates here; Knot would write the whole zone file after each, NSD takes none. */
export const UPDATABLE = ['zonewright', 'bind'] as const;

/** No two updates of a run add the same name. */
let names = 0;

/** Adds `count` records with an UPDATE each, and sees that they are answered. */
export const updateTimes = (server: Running, count: number): Promise<void> =>
  Scope.within(async (scope) => {
    const added = Array.from({ length: count }, () => `new${names++}.${ORIGIN}`);
    const input = [
      `server ${server.address} ${server.port}`,
      `zone ${ORIGIN}`,
      ...added.flatMap((name) => [`update add ${name} 300 A 192.0.2.2`, 'send']),
      '',
    ].join('\n');
    const args = ['-t', '120', '-k', keyFile(scope, KEY)];
    const ran = await run('nsupdate', args, { input, timeout: 300_000 });
    if (ran.code !== 0) throw new Error(`${server.server}: ${ran.stdout}${ran.stderr}`);
    await answered(server, added, TYPE.A);
  });

/**
 * Processor time in seconds, since `before`, of what an answer waits for. Ours writes to git behind the answer, in a thread that does
 * nothing else and is the busiest of those beside the first one.
 */
const untilAnswered = (server: Running, before: ReadonlyMap<number, number>): number => {
  const { pid } = server.program;
  const spent = [...threadUsage(pid)].map(([thread, time]) => [thread, time - (before.get(thread) ?? 0)] as const);
  const sum = spent.reduce((all, [, time]) => all + time, 0);
  if (server.server !== 'zonewright') return sum;
  return sum - Math.max(0, ...spent.filter(([thread]) => thread !== pid).map(([, time]) => time));
};

const probeOf = (updates: number): number => Math.min(PROBE, updates / 2);

const readingOf = async (server: Running, most: number): Promise<Reading> => {
  const { pid } = server.program;
  const first = performance.now();
  const probe = probeOf(most);
  await updateTimes(server, probe);
  const count = Math.max(1, Math.min(most, Math.floor((ROUND / (performance.now() - first)) * probe)));
  const before = usageOf(pid);
  const threads = threadUsage(pid);
  const started = performance.now();
  await updateTimes(server, count);
  const time = (performance.now() - started) / count;
  const answered = untilAnswered(server, threads);
  const { user, kernel } = usageSince(pid, before);
  return {
    figures: { answered: (answered / count) * 1000, all: ((user + kernel) / count) * 1000, time },
    kernel: kernelShare({ user, kernel }),
  };
};

/** Its figures, milliseconds an update: processor time until it is answered (`answered`) and in all (`all`), and `time`. */
export const update: Experiment = {
  planned: ({ rounds, updates }) =>
    rounds * (UPDATABLE.length + 1) * Math.min(ROUND / 1000, (probeOf(updates) + updates) * UPDATE),
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const zones = plainWorld(scale.million).zones;
      const large = await startServers(scope, { zones, isDynamic: true }, UPDATABLE);
      const [small] = await startServers(scope, { zones: plainWorld(SMALL).zones, isDynamic: true }, ['zonewright']);
      const field: Field<Running> = [...fieldOf(large), ['baseline', small!]];
      return { readings: await inTurns(scale.rounds, field, (server) => readingOf(server, scale.updates)) };
    }),
};
