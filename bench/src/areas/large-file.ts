/**
 * One update of a zone whose file is large, in a repository behind `git daemon`: when it is answered, when the remote has it, how many octets were
 * sent to the remote for it, and what those who ask have noticed meanwhile.
 */
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { git, startGitDaemon } from '@zonewright/test/support/git-peers';
import { type Owner, temporaryFolder } from '@zonewright/test/support/owner';
import { answered } from '../answered.ts';
import { CLIENT_START, startClient } from '../client.ts';
import type { Bench, Experiment, Reading } from '../measure.ts';
import { inTurns } from '../rounds.ts';
import type { Scale } from '../scales.ts';
import { Scope } from '../scope.ts';
import { apexesOf, fieldOf, launch, type Prepared, prepare, type Running } from '../servers.ts';
import { greatest, quantile } from '../statistics.ts';
import { timeline } from '../timeline.ts';
import { fileWorld, hostsOf, type World } from '../worlds.ts';

/** Queries a second, and milliseconds that a question without an answer counts as. */
const RATE = 2000;
const NEVER = 5000;
/** Updates of a round, and milliseconds that one may take to be in the remote. */
const UPDATES = 3;
const PUSHED = 60_000;
/** Seconds that an octet of a file takes until it is pushed, and a zone until it is cloned, about. */
const OCTET = 5e-8;
const ZONE = 5e-4;

/** A way to a server of this machine that counts what is sent to it. */
interface Counter {
  readonly port: number;
  octets: number;
}

const countTo = async (owner: Owner, port: number): Promise<Counter> => {
  const counter = { port: 0, octets: 0 };
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.pipe(other);
      one.on('error', () => other.destroy());
    }
    near.on('data', (chunk: Buffer) => {
      counter.octets += chunk.length;
    });
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  owner.teardown(() => server.close());
  const address = server.address();
  counter.port = typeof address === 'object' ? address!.port : 0;
  return counter;
};

/** The same server with its repository behind a daemon, and a folder for its data. */
export const behindDaemon = async (
  owner: Owner,
  prepared: Prepared,
): Promise<{ prepared: Prepared; counter: Counter }> => {
  const { folder, path } = prepared.repository!;
  const daemon = await startGitDaemon(folder);
  owner.teardown(() => daemon.stop());
  const counter = await countTo(owner, daemon.port);
  const url = `git://127.0.0.1:${counter.port}/zones.git`;
  return { prepared: { ...prepared, args: prepared.args.map((each) => (each === path ? url : each)) }, counter };
};

/** The same server with another folder for its data. */
export const withData = (owner: Owner, prepared: Prepared): Prepared => ({
  ...prepared,
  args: [...prepared.args, '--data', join(temporaryFolder(owner, 'data'), 'data')],
});

let next = 1;

const headOf = ({ repository }: Running): string => readFileSync(join(repository!.path, 'refs/heads/main'), 'utf8');

const updateOnce = async (server: Running, counter: Counter, hosts: number): Promise<Reading['figures']> => {
  const before = headOf(server);
  const sent = counter.octets;
  const { latencies, refused, lastAt } = await Scope.within(async (scope) =>
    (await startClient(scope, 'updates', server, [1000, 1, hosts, next++])).report(),
  );
  const [latency] = latencies;
  if (latency === undefined) throw new Error(`no update: ${JSON.stringify(refused)}`);
  const sinceAnswer = (): number => performance.timeOrigin + performance.now() - lastAt;
  while (headOf(server) === before) {
    if (sinceAnswer() > PUSHED) throw new Error('the update does not come to the remote');
    await pause(2);
  }
  const pushed = (latency + sinceAnswer()) / 1000;
  return { answered: latency, pushed, octets: (counter.octets - sent) / 1000 };
};

const round = async (server: Running, counter: Counter, { scale, seed }: Bench): Promise<Reading> =>
  Scope.within(async (scope) => {
    const hosts = hostsOf(scale.file);
    const client = await startClient(scope, 'steady', server, [RATE, hosts, seed]);
    await client.program.waitForLine('steady');
    const figures: Reading['figures'][] = [];
    for (let i = 0; i < UPDATES; i++) figures.push(await updateOnce(server, counter, hosts));
    client.program.signal('SIGTERM');
    const { sent, latencies } = await client.report();
    const lost = Math.max(0, sent - latencies.length);
    const all = [...latencies, ...Array.from({ length: lost }, () => NEVER)];
    const most = (figure: string): number => greatest(figures.map((each) => each[figure]!));
    return {
      figures: {
        answered: most('answered'),
        pushed: most('pushed'),
        octets: most('octets'),
        p999: quantile(all, 0.999),
        longest: greatest(all),
      },
      lost: lost / sent,
    };
  });

/** Its figures: `answered`, `p999` and `longest` (milliseconds), `pushed` (seconds), `octets` (kB): of the worst update of a round. */
export const largeFile: Experiment = {
  planned: ({ rounds, file }) => (1 + rounds) * UPDATES * (CLIENT_START + file * OCTET) + rounds * CLIENT_START,
  run: (bench) =>
    Scope.within(async (scope) => {
      const { zones } = fileWorld(bench.scale.file);
      const { prepared, counter } = await behindDaemon(scope, await prepare(scope, 'zonewright', { zones }));
      // Native git would look for what the versions of a large file have in common whenever it is free to.
      await git(prepared.repository!.path, 'config', 'receive.autogc', 'false');
      const server = await launch(scope, withData(scope, prepared));
      await timeline.during('starts', () => answered(server, apexesOf(zones)));
      // Caches fill, and compilers compile.
      await timeline.during('rounds', async () => {
        for (let i = 0; i < UPDATES; i++) await updateOnce(server, counter, hostsOf(bench.scale.file));
      });
      return { readings: await inTurns(bench.scale.rounds, fieldOf([server]), () => round(server, counter, bench)) };
    }),
};

/** Its figure: `time` (seconds) from the start of ours without any data, its remote behind `git daemon`, to the last zone. */
export const clone = (world: (scale: Scale) => World): Experiment => ({
  planned: ({ rounds, zones }) => rounds * (CLIENT_START + zones * ZONE),
  run: ({ scale }) =>
    Scope.within(async (scope) => {
      const { zones } = world(scale);
      const { prepared } = await behindDaemon(scope, await prepare(scope, 'zonewright', { zones }));
      const readings = await inTurns(scale.rounds, fieldOf([prepared]), (each) =>
        Scope.within(async (inner) => {
          const server = await launch(inner, withData(inner, each));
          const { at } = await answered(server, apexesOf(zones));
          return { figures: { time: (at - server.started) / 1000 } };
        }),
      );
      return { readings };
    }),
});
