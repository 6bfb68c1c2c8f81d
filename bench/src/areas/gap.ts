/**
 * What clients notice while a large zone is reloaded, transferred or changed: the latencies of a steady load from the beginning of that to
 * its end. Everybody has all cores. A question without an answer counts as one that took very long.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { notifyMessage } from '@zonewright/common/authority/notify';
import { exchange } from '@zonewright/common/net/exchange';
import { TYPE } from '@zonewright/common/rr/type';
import type { Owner } from '@zonewright/test/support/owner';
import { given, nameOf } from '@zonewright/test/support/records';
import { answered } from '../answered.ts';
import { CLIENT_START, startClient } from '../client.ts';
import type { Bench, Experiment, Reading } from '../measure.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { fieldOf, KEY, type Running, SERVERS, type ServerName, type Setting } from '../servers.ts';
import { greatest, quantile } from '../statistics.ts';
import { changedText, ORIGIN, plainWorld } from '../worlds.ts';
import { transferOut } from './axfr.ts';
import { UPDATABLE, updateTimes } from './update.ts';

const SIGNER = given(parseTsigKey(KEY));

/** Queries a second. */
const RATE = 2000;
/** Milliseconds of nothing. */
const SHORT = 10;
/** Milliseconds that a load lasts at least: a thousand queries, so that p99.9 is not the longest one. */
const LEAST = 500;
/** Seconds that a record takes to be written and read again, about. */
const RECORD = 3e-6;
/** Milliseconds that a question without an answer counts as. */
const NEVER = 5000;

/** What is done to a server while it is asked; `prepare` before, while nobody asks; then it cannot be repeated. */
export interface Event {
  readonly servers: readonly ServerName[];
  readonly setting?: Partial<Setting>;
  readonly prepare?: (server: Running, scale: Scale, serial: number) => Promise<void> | void;
  readonly run: (server: Running, scale: Scale, serial: number) => Promise<unknown>;
}

const textOf = ({ million }: Scale, serial: number): string => changedText(plainWorld(million), serial);

/** A changed zone file is there; then the server is told, and has loaded it when it answers for the name that is new. */
const reload: Event = {
  servers: SERVERS,
  prepare: async ({ server, folder, repository }, scale, serial) => {
    const text = textOf(scale, serial);
    if (repository !== undefined) await repository.push({ [ORIGIN.slice(0, -1)]: text });
    else writeFileSync(join(folder, server === 'bind' ? `zones/${ORIGIN.slice(0, -1)}` : '0.zone'), text);
  },
  run: async (server, _, serial) => {
    if (server.repository === undefined) server.program.signal('SIGHUP');
    else given(await exchange({ server, message: notifyMessage(nameOf(ORIGIN)), key: SIGNER, transport: 'tcp' }));
    await answered(server, [`changed${serial}.${ORIGIN}`], TYPE.A);
  },
};

const transfer: Event = { servers: SERVERS, run: (server, { million }) => transferOut(server, million) };

const update: Event = {
  servers: UPDATABLE,
  setting: { isDynamic: true },
  run: (server) => updateTimes(server, 1),
};

const nothing: Event = { servers: SERVERS, run: () => pause(SHORT) };

export const EVENTS = { reload, transfer, update, nothing } as const;

const disturb = async (owner: Owner, server: Running, event: Event, bench: Bench, serial: number): Promise<Reading> => {
  await event.prepare?.(server, bench.scale, serial);
  const client = await startClient(owner, 'steady', server, [RATE, bench.scale.million, bench.seed]);
  await client.program.waitForLine('steady');
  const begin = performance.now();
  do await event.run(server, bench.scale, serial);
  while (event.prepare === undefined && performance.now() < begin + bench.scale.event);
  await pause(begin + LEAST - performance.now());
  client.program.signal('SIGTERM');
  const { sent, latencies } = await client.report();
  const lost = Math.max(0, sent - latencies.length);
  const all = [...latencies, ...Array.from({ length: lost }, () => NEVER)];
  return { figures: { p999: quantile(all, 0.999), longest: greatest(all) }, lost: lost / sent };
};

/** Its figures: `p999` and `longest`, milliseconds. */
export const gapOf = (event: Event): Experiment => ({
  planned: ({ disturbances, event: lasting, million }) =>
    disturbances * event.servers.length * (CLIENT_START + Math.max(lasting, LEAST) / 1000 + million * RECORD),
  run: async (bench) => {
    const { zones } = plainWorld(bench.scale.million);
    const running = await bench.standing.servers({ ...event.setting, zones }, event.servers);
    const readings = await inTurns(bench.scale.disturbances, fieldOf(running), (server, round) =>
      Scope.within((inner) => disturb(inner, server, event, bench, round + 2)),
    );
    return { readings };
  },
});
