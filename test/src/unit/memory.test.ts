/** What a large zone costs in memory, measured in a process of its own, and how it is given back. */
import { execFile } from 'node:child_process';
import { platform } from 'node:os';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MessageChannel } from 'node:worker_threads';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { REPLY_OCTETS } from '@zonewright/common/net/datagram';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { TYPE } from '@zonewright/common/rr/type';
import { LARGE_PIECE } from '@zonewright/common/service/allocator';
import { ImageGarbage, LET_GO_OCTETS, WorkGarbage } from '@zonewright/common/service/image-garbage';
import { UdpAnswering } from '@zonewright/common/service/udp-answering';
import { UdpBoard } from '@zonewright/common/service/udp-board';
import { ZoneBuilder } from '@zonewright/common/zone/builder';
import type { Delta } from '@zonewright/common/zone/delta';
import { History } from '@zonewright/common/zone/history';
import { hashSeed } from '@zonewright/common/zone/lookup-name';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { queryOf } from '../support/answering.ts';
import { nameOf, rdataOf, recordOf } from '../support/records.ts';
import { until } from '../support/until.ts';

const MEBIBYTE = 2 ** 20;

test('one million A records load into less than 150 MB of resident memory, the file and all that loading needs included', async (t) => {
  const program = fileURLToPath(new URL('../support/million.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  const { records, findings, file, before, most, milliseconds } = JSON.parse(stdout);
  t.is(records, 1_000_003);
  t.is(findings, 0);
  const used = most - before + file;
  t.log(
    `${(used / MEBIBYTE).toFixed(0)} MiB, of which the file is ${(file / MEBIBYTE).toFixed(0)}; ${milliseconds} ms`,
  );
  t.true(used < 150e6, `${used} octets`);
});

test('a zone that is transferred does not fill the heap, also where every name comes a second time', async (t) => {
  const program = fileURLToPath(new URL('../support/whole-transfer.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=32', program]);
  const last = [99_999, 199_999].map((i) => [10, i >> 16, (i >> 8) & 255, i & 255]);
  t.deepEqual(JSON.parse(stdout), { records: 200_001, last });
});

for (const way of ['auto', 'portable'])
  test(`a zone that is loaded again and again does not stay in threads that allocate nothing (${way})`, async (t) => {
    const program = fileURLToPath(new URL('../support/reloads.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, way]);
    const { added, images } = JSON.parse(stdout);
    t.log(`${(added / MEBIBYTE).toFixed(0)} MiB of ${(images / MEBIBYTE).toFixed(0)}`);
    t.true(added < images / 2, `${added} octets of ${images}`);
  });

/** A version in an image of its own, with room for so much that garbage is collected for it. */
function largeZone(): Zone {
  const origin = nameOf('example.');
  const builder = new ZoneBuilder(origin, LET_GO_OCTETS);
  builder.add(origin, TYPE.SOA, 60, rdataOf('SOA', 'ns.test. ns.test. 1 1 1 1 1'));
  return builder.finish()!;
}

/** Publishes a version in an image of its own with room for so much that garbage is collected for it; its memory. `read` is given the version. */
function publish(garbage: ImageGarbage, read?: (zone: Zone) => void): WeakRef<ArrayBufferLike> {
  const zone = largeZone();
  garbage.set(zone);
  read?.(zone);
  return new WeakRef(zone.image.words.buffer);
}

test.serial('a large image is given back when the next version comes, and not with the one after it', async (t) => {
  const garbage = new ImageGarbage('at-once');
  const first = publish(garbage);
  await turn();
  const second = publish(garbage);
  await turn();
  t.is(first.deref(), undefined);
  t.not(second.deref(), undefined);
});

test.serial(
  'a large image that somebody reads for long is given back when he has done so, though nothing else happens',
  async (t) => {
    const garbage = new ImageGarbage('until-gone');
    const held: unknown[] = [];
    const first = publish(garbage, (zone) => held.push(zone));
    await turn();
    publish(garbage);
    // At once and later is too early.
    await pause(1500);
    t.not(first.deref(), undefined);
    await turn();
    held.length = 0;
    await until(() => first.deref() === undefined, { what: 'the image is given back' });
    t.pass();
  },
);

/** Has a thread that answers UDP take a version, and answer from it; its memory. */
function answerFrom(answering: UdpAnswering): WeakRef<ArrayBufferLike> {
  const zone = largeZone();
  answering.take({ kind: 'zone', ...zone.handle });
  const octets = queryOf('example. SOA');
  const client = new ClientAddress();
  client.read('127.0.0.1');
  const reply = new Uint8Array(REPLY_OCTETS);
  answering.answer({ octets, length: octets.length, client, port: 53, reply, route: () => new Uint8Array() });
  return new WeakRef(zone.image.words.buffer);
}

test.serial(
  'a thread that answers UDP does not keep the version that it answered from last when the next comes',
  async (t) => {
    const { port1, port2 } = new MessageChannel();
    const board = new UdpBoard();
    const start = { board: board.memory, hashSeed: hashSeed(), id: 'ns.test', settings: {}, way: 'linux' } as const;
    const answering = new UdpAnswering(start, board, port1, () => undefined);
    const first = answerFrom(answering);
    await turn();
    const second = answerFrom(answering);
    await turn();
    t.is(first.deref(), undefined);
    t.not(second.deref(), undefined);
    for (const port of [port1, port2]) port.close();
  },
);

test.serial('a thread that makes zones for others keeps little of what it has made', async (t) => {
  const octets = LET_GO_OCTETS / 4;
  const garbage = new WorkGarbage();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 32; i++) {
    new Int32Array(new SharedArrayBuffer(octets)).fill(i);
    garbage.rest();
    await turn();
  }
  t.true(process.memoryUsage().arrayBuffers - before <= LET_GO_OCTETS + octets);
});

test.serial('a thread that is handed zones lets go of them when they are many, whatever it makes itself', async (t) => {
  const words = new Int32Array(new SharedArrayBuffer(LET_GO_OCTETS / 4));
  const image = { words, log: new Int32Array(new SharedArrayBuffer(4)), end: 0, firstEnd: 0, logged: 0 };
  const garbage = new WorkGarbage();
  const gone = new WeakRef({});
  for (let i = 0; i < 3; i++) {
    garbage.rest([image]);
    await turn();
  }
  t.not(gone.deref(), undefined, 'what is small costs no collection');
  await turn();
  garbage.rest([image]);
  await turn();
  await turn();
  t.is(gone.deref(), undefined);
});

test.serial('what was made when the last files of a commit are read goes at once, however little it is', async (t) => {
  const words = new Int32Array(new SharedArrayBuffer(LET_GO_OCTETS / 4));
  const garbage = new WorkGarbage();
  const gone = new WeakRef({});
  garbage.rest([{ words, log: words, end: 0, firstEnd: 0, logged: 0 }]);
  await turn();
  t.not(gone.deref(), undefined);
  await turn();
  garbage.rest([], true);
  await turn();
  await turn();
  t.is(gone.deref(), undefined);
});

/** A program that keeps much of what it makes; writes how much room there is for what is young. */
const KEEPER = `
  const { getHeapSpaceStatistics } = await import('node:v8');
  const [, youngHeap] = process.argv;
  if (youngHeap !== undefined) (await import(youngHeap)).keepYoungSmall();
  globalThis.kept = Array.from({ length: 200_000 }, (_, i) => [{ i }]);
  console.log(getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size);
`;

test('what is young gets no more room while much is taken in that stays', async (t) => {
  const room = async (...words: readonly string[]): Promise<number> => {
    const args = ['--input-type=module', '--eval', KEEPER, ...words];
    return Number((await promisify(execFile)(process.execPath, args)).stdout);
  };
  const held = await room(import.meta.resolve('@zonewright/common/service/young-heap'));
  t.true(held <= 4 * MEBIBYTE, `${held} octets`);
  t.true(held < (await room()) / 2);
});

/** Adds a change of one record; the change. */
function change(history: History): WeakRef<Delta> {
  const origin = nameOf('example.');
  const [from, to] = [1, 2];
  const soa = (serial: number): ResourceRecord => recordOf(`@ 60 SOA ns hostmaster ${serial} 1 1 1 1`, origin);
  const delta = { origin, from, to, removed: [soa(from)], added: [soa(to), recordOf('www 60 A 192.0.2.1', origin)] };
  history.add(delta);
  return new WeakRef(delta);
}

test.serial('what changed is kept as octets, and not as objects', async (t) => {
  const history = new History();
  const added = change(history);
  await turn();
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  t.is(added.deref(), undefined);
  t.deepEqual(
    history.since(1)?.map(({ to, added: [, record] }) => [to, record?.name.toString(), record?.rdata]),
    [[2, 'www.example.', Uint8Array.of(192, 0, 2, 1)]],
  );
});

(platform() === 'linux' ? test : test.skip)('large pieces of memory are given back when they are freed', async (t) => {
  const program = fileURLToPath(new URL('../support/large-pieces.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program]);
  t.log(`${stdout} octets`);
  t.true(Number(stdout) < 4 * LARGE_PIECE);
});

(platform() === 'linux' ? test : test.skip)(
  'small pieces of memory between others are given back on demand',
  async (t) => {
    const program = fileURLToPath(new URL('../support/small-pieces.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', program]);
    t.log(`${stdout} octets`);
    const { octets, left } = JSON.parse(stdout);
    t.true(left < octets / 8);
  },
);
