/**
 * Datagrams that are no good queries, at a rate that every server keeps up with: processor time for each, beside that of a query of the
 * same client at the same rate.
 */
import { readFileSync } from 'node:fs';
import { CLIENT_CORE } from '../affinity.ts';
import { startClient } from '../client.ts';
import type { Bench, Contestant, Experiment, Reading } from '../measure.ts';
import { kernelShare, usageOf, usageSince } from '../process-usage.ts';
import { type Field, inTurns } from '../rounds.ts';
import { Scope } from '../scope.ts';
import { fieldOf, type Running, startServers } from '../servers.ts';
import { greatest, median } from '../statistics.ts';
import { plainWorld } from '../worlds.ts';

const GARBAGE = ['random', 'truncated', 'opcode'] as const;
export type Garbage = (typeof GARBAGE)[number];

/** Datagrams a second. */
const RATE = 40_000;
/** The part of the questions of a load that a flood has datagrams. */
const SHARE = 0.4;

/** Datagrams that the kernel has dropped since a socket was opened, by its port, out of `/proc/net/udp`. */
export const dropsIn = (table: string, port: number): number => {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.filter(([, address]) => address?.endsWith(local)).reduce((sum, row) => sum + Number(row.at(-1)), 0);
};

const dropsOf = ({ port }: Running): number => dropsIn(readFileSync('/proc/net/udp', 'utf8'), port);

/** Sends a flood of one kind. Its figure has the name of the kind, microseconds a datagram. */
const flood = (server: Running, kind: Garbage | 'query', { scale, seed }: Bench): Promise<Reading> =>
  Scope.within(async (scope) => {
    const { pid } = server.program;
    const dropped = dropsOf(server);
    const before = usageOf(pid);
    const args = [kind, RATE, scale.questions * SHARE, scale.large, seed];
    const client = await startClient(scope, 'flood', server, args, CLIENT_CORE);
    const { sent } = await client.report();
    const { user, kernel } = usageSince(pid, before);
    const lost = dropsOf(server) - dropped;
    return {
      figures: { [kind]: ((user + kernel) / (sent - lost)) * 1e6 },
      kernel: kernelShare({ user, kernel }),
      lost: lost / sent,
    };
  });

/** A flood of each kind of garbage, as one reading. */
const floods = async (server: Running, bench: Bench): Promise<Reading> => {
  const readings: Reading[] = [];
  for (const kind of GARBAGE) readings.push(await flood(server, kind, bench));
  return {
    figures: Object.assign({}, ...readings.map(({ figures }) => figures)),
    kernel: median(readings.map(({ kernel = 0 }) => kernel)),
    lost: greatest(readings.map(({ lost = 0 }) => lost)),
  };
};

/** As many queries in the place of garbage. */
const queries = async (server: Running, bench: Bench): Promise<Reading> => {
  const { figures, ...rest } = await flood(server, 'query', bench);
  return { ...rest, figures: Object.fromEntries(GARBAGE.map((kind) => [kind, figures.query!])) };
};

/** Its figures are the kinds of garbage; `baseline` is ours on good queries. */
export const garbage: Experiment = (bench) =>
  Scope.within(async (scope) => {
    const running = await startServers(scope, { zones: plainWorld(bench.scale.large).zones, isPinned: true });
    const ours = running.find(({ server }) => server === 'zonewright')!;
    const play = (server: Running, _: number, contestant: Contestant): Promise<Reading> =>
      (contestant === 'baseline' ? queries : floods)(server, bench);
    const field: Field<Running> = [...fieldOf(running), ['baseline', ours]];
    await inTurns(1, field, play);
    return { readings: await inTurns(bench.scale.loadRounds, field, play) };
  });
