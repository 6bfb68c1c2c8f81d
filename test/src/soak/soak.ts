/**
 * A soak: a primary and a secondary at full load for so long, while their zones are updated, committed, reloaded and transferred.
 *
 * Every answer is judged by what the zones could be when it was given; what the processes use is sampled. What it finds is
 * a report: nothing is asserted here.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Peer } from '@zonewright/common/net/address';
import { git } from '../support/git-peers.ts';
import { chanceFrom } from '../support/mutation.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { PRIMARY, SECONDARY } from '../support/scene.ts';
import { keyLine, type Secrecy } from '../support/secrecy.ts';
import type { Service } from '../support/zonewright.ts';
import { agreed } from './agreed.ts';
import { askOverTcp, sendGarbage } from './asking.ts';
import { pushCommits, sendUpdates } from './changes.ts';
import type { LoadReport } from './load.ts';
import type { LoadThread } from './load-thread.ts';
import { keyOf, type Scenery } from './peers.ts';
import { takeZones } from './transfers.ts';
import { HEAPS, type Memory, memoryOf, type Usage, usageOf } from './usage.ts';
import { Versions } from './versions.ts';
import { type Scale, SoakWorld } from './world.ts';

export interface SoakOptions {
  readonly scale: Scale;
  readonly seed: number;
  /** Seconds. */
  readonly length: number;
}

export interface ServerReport {
  readonly load: LoadReport;
  /** Answers a second, and microseconds of processor time of the server for each, all that it does besides included. */
  readonly rate: number;
  readonly cpu: number;
  /** But for what V8 has not collected; and all. */
  readonly memory: Memory;
  readonly resident: Memory;
  /** Log lines of faults: they tell of a thread that was lost, and of bugs. */
  readonly errors: readonly string[];
}

export interface SoakReport {
  readonly servers: Readonly<Record<'primary' | 'secondary', ServerReport>>;
  readonly counts: ReadonlyMap<string, number>;
  readonly faults: readonly string[];
}

/** Another address of the primary: answers have to come from the one that was asked. */
const OTHER = '127.0.0.3';
const UPDATERS = 4;
const CLIENTS = 4;
/** Questions of a client under way: less than a receive buffer holds. */
const WINDOW = { primary: 32, secondary: 8 } as const;
/** Milliseconds between two samples of memory. */
const SAMPLE = 500;
const START = 60_000;

export async function soak(owner: Owner, secrecy: Secrecy, options: SoakOptions): Promise<SoakReport> {
  const { scale, seed, length } = options;
  const world = new SoakWorld(scale);
  const versions = new Versions(world.cells);
  const admin = secrecy.newKey('admin._update');
  const follower = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer`);
  const repository = await makeRepository(owner, {
    _keys: keyLine(admin) + keyLine(follower),
    ...Object.fromEntries(world.zones.map((zone) => [zone.fileName, world.textOf(zone)])),
  });
  await storeAsTheyAre(repository);
  const heaps = temporaryFolder(owner, 'heaps');
  const port = await freePort(PRIMARY, OTHER, SECONDARY);
  const start = (kind: 'primary' | 'secondary', ...flags: readonly string[]): Promise<Service> =>
    secrecy.start(
      owner,
      kind,
      ['--port', `${port}`, '--udp-workers', '2', '--data', temporaryFolder(owner, 'soak'), ...flags],
      {
        timeout: START,
        env: { NODE_OPTIONS: `--import=${new URL('./heap-thread.js', import.meta.url)}`, [HEAPS]: heaps },
      },
    );
  const services = {
    primary: await start('primary', '--listen', PRIMARY, '--listen', OTHER, '--remote', repository.path),
    secondary: await start('secondary', '--listen', SECONDARY, '--keys', follower),
  };
  const counts = new Map<string, number>();
  const faults: string[] = [];
  let isOver = false;
  const scenery: Scenery = {
    world,
    versions,
    repository,
    primary: { address: PRIMARY, port },
    secondary: { address: SECONDARY, port },
    key: keyOf(admin),
    chance: chanceFrom(seed),
    gate: Promise.resolve(),
    isOver: () => isOver,
    count: (what) => counts.set(what, (counts.get(what) ?? 0) + 1),
    fail: (what) => faults.push(what),
  };
  await agreed(scenery);

  const ending = new Int32Array(new SharedArrayBuffer(4));
  const load = (role: 'primary' | 'secondary', server: Peer, number: number): Promise<LoadReport> => {
    const clients = { clients: CLIENTS, window: WINDOW[role] };
    return loadOf({ role, server, seed: seed + number, scale, memory: versions.memory, ending, ...clients });
  };
  const began = performance.now();
  const sampled = { primary: samplesOf(services.primary, heaps), secondary: samplesOf(services.secondary, heaps) };
  const loads = Promise.all([
    load('primary', scenery.primary, 1),
    load('primary', { address: OTHER, port }, 2),
    load('secondary', scenery.secondary, 3),
  ]);
  const others = Promise.all([
    ...Array.from({ length: UPDATERS }, (_, i) => sendUpdates(scenery, i, UPDATERS)),
    pushCommits(scenery),
    takeZones(scenery),
    askOverTcp(scenery),
    sendGarbage(scenery),
  ]).catch((error: Error) => scenery.fail(error.message));
  await Promise.race([pause(length * 1000), others, loads]);
  isOver = true;
  await others;
  Atomics.store(ending, 0, 1);
  const [first, second, third] = await loads;
  const seconds = (performance.now() - began) / 1000;
  await agreed(scenery).catch((error: Error) => faults.push(error.message));
  const report = (role: 'primary' | 'secondary', loads: LoadReport): ServerReport => {
    const { memory, resident, cpu } = sampled[role]();
    const errors = services[role].lines.map(({ text }) => text).filter((text) => /"level":"(error|fatal)"/.test(text));
    const rate = loads.answers / seconds;
    return { load: loads, rate, cpu: (cpu / loads.answers) * 1e6, memory, resident, errors };
  };
  return {
    servers: { primary: report('primary', sumOf(first, second)), secondary: report('secondary', third) },
    counts,
    faults,
  };
}

/** Has native git not look for what large files have in common, which would take it longer than all that is tested. */
async function storeAsTheyAre({ folder, path }: Repository): Promise<void> {
  for (const place of [path, join(folder, 'clone')])
    for (const [name, value] of [
      ['core.bigFileThreshold', '500k'],
      ['core.compression', '1'],
    ] as const)
      await git(place, 'config', name, value);
}

async function loadOf(workerData: LoadThread): Promise<LoadReport> {
  const worker = new Worker(new URL('./load-thread.js', import.meta.url), { workerData });
  const [report] = (await once(worker, 'message')) as [LoadReport];
  return report;
}

/** Samples what a service uses until the result is called. */
function samplesOf({ pid }: Service, heaps: string): () => Omit<ServerReport, 'load' | 'rate' | 'errors'> {
  const samples: Usage[] = [];
  const sample = (): Usage => usageOf(pid, heaps) ?? { resident: 0, memory: 0, cpu: 0 };
  const began = sample().cpu;
  const timer = setInterval(() => samples.push(sample()), SAMPLE);
  return () => {
    clearInterval(timer);
    const [memory, resident] = [samples.map((each) => each.memory), samples.map((each) => each.resident)];
    return { memory: memoryOf(memory), resident: memoryOf(resident), cpu: sample().cpu - began };
  };
}

const sumOf = (a: LoadReport, b: LoadReport): LoadReport => ({
  answers: a.answers + b.answers,
  again: a.again + b.again,
  wrong: a.wrong + b.wrong,
  faults: [...a.faults, ...b.faults],
  longest: Math.max(a.longest, b.longest),
});
