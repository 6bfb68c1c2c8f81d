/**
 * From the start of a server to its answers, and its memory then. Servers are started in turns, one at a time, with all cores for
 * themselves; files are in the kernel's cache.
 */
import { answered } from '../answered.ts';
import type { Bench, Experiment, Reading } from '../measure.ts';
import { kernelShare, memoryOf, usageOf } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { apexesOf, fieldOf, launch, type Prepared, prepare, SERVERS } from '../servers.ts';
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
    return {
      figures: { time: (end - server.started) / 1000, memory: memory / 1e6, cpu: user + kernel },
      kernel: kernelShare({ user, kernel }),
    };
  });

/** Its figures: `time` to the last zone and `cpu` (seconds), `memory` (MB). */
export const startOf =
  (world: (bench: Bench) => World): Experiment =>
  (bench) =>
    Scope.within(async (scope) => {
      const { zones } = world(bench);
      const prepared = await Promise.all(SERVERS.map((server) => prepare(scope, server, { zones })));
      return { readings: await inTurns(bench.scale.rounds, fieldOf(prepared), startOnce) };
    });
