/** A zone of a million records transferred out (RFC 5936), to a client that throws it away. */
import { CLIENT_START, startClient } from '../client.ts';
import type { Experiment, Reading } from '../measure.ts';
import { growthOf, kernelShare, markMemory, usageOf, usageSince } from '../process-usage.ts';
import { inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { fieldOf, type Running, SERVERS, startServers } from '../servers.ts';
import { ORIGIN, plainWorld, RECORDS_BESIDE } from '../worlds.ts';

/** Takes the example zone with `hosts` addresses; gives seconds. */
export const transferOut = (server: Running, hosts: number): Promise<number> =>
  Scope.within(async (scope) => {
    // The SOA comes a second time (RFC 5936 2.2).
    const client = await startClient(scope, 'transfer', server, [ORIGIN, hosts + RECORDS_BESIDE + 1]);
    return (await client.report()).seconds;
  });

/** Its figures: `time` (seconds), `cpu` of the server (seconds), `growth` of its resident memory while it lasts (MB). */
export const transfer: Experiment = {
  planned: ({ rounds, million }) => rounds * SERVERS.length * (CLIENT_START + million * 1e-6),
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const running = await startServers(scope, { zones: plainWorld(scale.million).zones });
      const play = async (server: Running): Promise<Reading> => {
        const { pid } = server.program;
        const before = usageOf(pid);
        const marked = markMemory(pid);
        const time = await transferOut(server, scale.million);
        const { user, kernel } = usageSince(pid, before);
        return {
          figures: { time, cpu: user + kernel, growth: growthOf(pid, marked) / 1e6 },
          kernel: kernelShare({ user, kernel }),
        };
      };
      return { readings: await inTurns(scale.rounds, fieldOf(running), play) };
    }),
};
