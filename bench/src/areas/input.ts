/**
 * Datagrams that are no good queries, at a rate that every server keeps up with: processor time for each, beside that of a query of the
 * same client at the same rate.
 */
import { readFileSync } from 'node:fs';
import { CLIENT_CORE } from '../affinity.ts';
import { CLIENT_START, startClient } from '../client.ts';
import type { Bench, Contestant, Experiment, Reading } from '../measure.ts';
import { kernelShare, sumOf, usageOf, usageSince } from '../process-usage.ts';
import { type Field, inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { fieldOf, type Running, SERVERS } from '../servers.ts';
import { greatest, median } from '../statistics.ts';
import { plainWorld } from '../worlds.ts';

const GARBAGE = ['random', 'truncated', 'opcode'] as const;
export type Garbage = (typeof GARBAGE)[number];

/** Datagrams a second. */
const RATE = 40_000;
/** The part of the questions of a load that a flood has datagrams. */
const SHARE = 0.4;
/** The part of a flood in a round that does not count. */
const WARM_UP = 0.25;
/** Milliseconds that a flood may take. */
const LONGEST = 60_000;

/** Datagrams that the kernel has dropped since a socket was opened, by its port, out of `/proc/net/udp`. */
export const dropsIn = (table: string, port: number): number => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.filter(([, address]) => address?.endsWith(local)).reduce((sum, row) => sum + Number(row.at(-1)), 0);
};

const dropsOf = ({ port }: Running): number => dropsIn(readFileSync('/proc/net/udp', 'utf8'), port);

/** Sends a flood of each of these kinds, one after the other. Its figures have their names, microseconds a datagram. */
const floods = (server: Running, kinds: readonly string[], count: number, { scale, seed }: Bench): Promise<Reading> =>
  Scope.within(async (scope) => {
    const args = [kinds.join(','), RATE, count, scale.large, seed];
    const client = await startClient(scope, 'flood', server, args, CLIENT_CORE);
    await client.program.waitForLine('ready');
    const readings: Reading[] = [];
    for (const kind of kinds) {
      const { pid } = server.program;
      const dropped = dropsOf(server);
      const before = usageOf(pid);
      client.program.signal('SIGUSR2');
      await client.program.waitForLine(`sent ${kind}`, { timeout: LONGEST });
      const usage = usageSince(pid, before);
      const lost = dropsOf(server) - dropped;
      const figures = { [kind]: (sumOf(usage) / (count - lost)) * 1e6 };
      readings.push({ figures, kernel: kernelShare(usage), lost: lost / count });
    }
    await client.report();
    return {
      figures: Object.assign({}, ...readings.map(({ figures }) => figures)),
      kernel: median(readings.flatMap(({ kernel = Number.NaN }) => (Number.isNaN(kernel) ? [] : kernel))),
      lost: greatest(readings.map(({ lost = 0 }) => lost)),
    };
  });

/** As many queries in the place of garbage. */
const queries = async (server: Running, count: number, bench: Bench): Promise<Reading> => {
  const { figures, ...rest } = await floods(server, ['query'], count, bench);
  return { ...rest, figures: Object.fromEntries(GARBAGE.map((kind) => [kind, figures.query!])) };
};

/** Its figures are the kinds of garbage; `baseline` is ours on good queries. */
export const garbage: Experiment = {
  planned: ({ loadRounds, questions }) =>
    (1 + loadRounds) * (SERVERS.length + 1) * CLIENT_START +
    (WARM_UP + loadRounds) * (SERVERS.length * GARBAGE.length + 1) * ((questions * SHARE) / RATE),
  run: async (bench) => {
    const { loadRounds, questions, large } = bench.scale;
    const running = await bench.standing.servers({ zones: plainWorld(large).zones, isPinned: true });
    const ours = running.find(({ server }) => server === 'zonewright')!;
    const field: Field<Running> = [...fieldOf(running), ['baseline', ours]];
    const play =
      (count: number) =>
      (server: Running, _: number, contestant: Contestant): Promise<Reading> =>
        contestant === 'baseline' ? queries(server, count, bench) : floods(server, GARBAGE, count, bench);
    await inTurns(1, field, play(questions * SHARE * WARM_UP));
    return { readings: await inTurns(loadRounds, field, play(questions * SHARE)) };
  },
};
