/** A thread with clients of one server, until it is told to end: `workerData` says which. It ends with its report. */
import { platform, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { closeLinuxSocket, linuxUdpFault, openLinuxSockets, sendAlong } from '@zonewright/common/net/linux-socket';
import { LinuxDatagrams } from '@zonewright/common/net/linux-udp';
import { PortableDatagrams } from '@zonewright/common/net/portable-udp';
import { given } from '../support/records.ts';
import { until } from '../support/until.ts';
import { Load, type LoadOptions } from './load.ts';
import { Versions } from './versions.ts';
import { type Scale, SoakWorld } from './world.ts';

export interface LoadThread extends Omit<LoadOptions, 'world' | 'versions'> {
  readonly scale: Scale;
  readonly memory: SharedArrayBuffer;
  /** One word, not 0 once the thread is to end. */
  readonly ending: Int32Array;
}

/** How long one wait for answers is at most, and how often is looked for what got lost, milliseconds. */
const WAIT = 20;
/** How long the last answers are waited for. */
const END = 15_000;
/** What asks takes what others leave: those who change zones are to get on too. On Linux a thread has a priority of its own. */
const PRIORITY = 3;
const LOCAL = { address: '127.0.0.1', port: 0 } as const;

const thread = workerData as LoadThread;
const isEnding = (): boolean => Atomics.load(thread.ending, 0) !== 0;
const options = { ...thread, world: new SoakWorld(thread.scale), versions: new Versions(thread.memory) };

function runLinux(): Load {
  const fds = Array.from({ length: thread.clients }, () => given(openLinuxSockets(LOCAL))[0]!.fd);
  const load = new Load(options, fds);
  const datagrams = new LinuxDatagrams(fds, load);
  let end = Number.POSITIVE_INFINITY;
  for (let next = 0; performance.now() < end && !load.isDone; ) {
    datagrams.turn(WAIT);
    const now = performance.now();
    if (now >= next) {
      load.repeat(sendAlong);
      next = now + WAIT;
    }
    if (end < Number.POSITIVE_INFINITY || !isEnding()) continue;
    load.end();
    end = now + END;
  }
  for (const fd of fds) closeLinuxSocket(fd);
  return load;
}

async function runPortable(): Promise<Load> {
  const load = new Load(
    options,
    Array.from({ length: thread.clients }, (_, i) => i),
  );
  const datagrams = new PortableDatagrams(load);
  for (let i = 0; i < thread.clients; i++) given(await datagrams.bind(LOCAL));
  const repeats = setInterval(() => {
    if (isEnding()) load.end();
    load.repeat((route, query) => datagrams.send(route, query));
  }, WAIT);
  await until(isEnding, { what: 'the soak ends', timeout: Number.POSITIVE_INFINITY });
  await until(() => load.isDone, { what: 'all is answered', timeout: END }).catch(() => undefined);
  clearInterval(repeats);
  await datagrams.close();
  return load;
}

if (platform() === 'linux') setPriority(PRIORITY);
const load = linuxUdpFault() === undefined ? runLinux() : await runPortable();
parentPort!.postMessage(load.report());
