/**
 * From the start of a server to its answers, and its memory then. Servers are started in turns, one at a time, with all cores for
 * themselves; files are in the kernel's cache.
 */
import { answered } from '../answered.ts';
import type { Experiment, Reading } from '../measure.ts';
import { kernelShare, memoryOf, usageOf } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { apexesOf, fieldOf, launch, type Prepared, prepareAll, SERVERS } from '../servers.ts';
import type { World } from '../worlds.ts';

/** So many zones, spread over all of them, are waited for; then it is seen that the others are there too. */
const WAITED_FOR = 64;

const startOnce = (prepared: Prepared): Promise<Reading> =>
  Scope.within(async (scope) => {
    const server = await launch(scope, prepared);
    const apexes = apexesOf(server.setting.zones);
    const step = Math.max(1, Math.floor(apexes.length / WAITED_FOR));
    const waitedFor = apexes.filter((_, i) => i % step === 0 || i === apexes.length - 1);
    const first = await answered(server, waitedFor);
    const { user, kernel } = usageOf(server.program.pid);
    const memory = memoryOf(server.program.pid);
    // To ask for all takes its time too, which counts only if it was needed.
    const all = await answered(server, apexes);
    const end = (all.hasWaited ? all : first).at;
    // It is started again: what it leaves is to be in order.
    await server.program.stop();
    return {
      figures: { time: (end - server.started) / 1000, memory: memory / 1e6, cpu: user + kernel },
      kernel: kernelShare({ user, kernel }),
    };
  });

/** Seconds that a server needs to start, without any zone, and for each record, about. */
const EMPTY = 0.3;
const RECORD = 2.5e-6;

/** Its figures: `time` to the last zone and `cpu` (seconds), `memory` (MB). */
export const startOf = (world: (scale: Scale) => World, records: (scale: Scale) => number): Experiment => ({
  planned: (scale) => scale.rounds * SERVERS.length * (EMPTY + records(scale) * RECORD),
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const prepared = await prepareAll(scope, { zones: world(scale).zones });
      return { readings: await inTurns(scale.rounds, fieldOf(prepared), startOnce) };
    }),
});
