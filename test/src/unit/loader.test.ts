/**
 * The loader in a thread of its own, on a real repository: zones that are handed over, what becomes of updates and pulls when the
 * thread dies, and how long the thread that serves is busy meanwhile. What the primary decides is in unit/primary.test.ts.
 */
import type { Worker } from 'node:worker_threads';
import { parseKey } from '@zonewright/common/authority/key';
import { limitKey } from '@zonewright/common/authority/key-limits';
import type { Update } from '@zonewright/common/authority/update';
import { TYPE } from '@zonewright/common/rr/type';
import type { Log } from '@zonewright/common/service/log';
import { startThread } from '@zonewright/common/service/thread';
import { diffZones } from '@zonewright/common/zone/delta';
import { memoryJournal } from '@zonewright/primary/journal/journal';
import { Primary } from '@zonewright/primary/primary';
import { LoaderClient } from '@zonewright/primary/repository/loader-client';
import type { LoaderRequest } from '@zonewright/primary/repository/loader-thread';
import { deltaOfPlain, keyOfPlain, plainDelta, plainKey } from '@zonewright/primary/repository/plain';
import { LOADER_THREAD } from '@zonewright/primary/threads';
import anyTest, { type ExecutionContext } from 'ava';
import { testWith } from '../support/needs.ts';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';
import { type Files, makeRepository, type Repository } from '../support/repository.ts';
import { leastStall, longestStall } from '../support/stall.ts';
import { until } from '../support/until.ts';

const test = testWith(anyTest, ['git']);

const origin = nameOf('example.');
const KEY = given(parseKey(`personal._update.example:SHA256:${Buffer.from('a secret of its own').toString('base64')}`));
const PEER = { address: '192.0.2.77', port: 4242 };
/** What the thread that serves may be busy at a stretch. Milliseconds. */
const BUSY = 50;

const fileText = (serial: number, ...more: readonly string[]): string =>
  ['$TTL 60', `@ SOA ns hostmaster ${serial} 3600 600 86400 300`, '@ NS ns.other.', ...more, ''].join('\n');
const update = (adds: string): Update => ({
  origin,
  scope: origin,
  key: KEY,
  prerequisites: [],
  operations: recordsFrom(adds, origin),
});
const hosts = (count: number, address = '192.0.2.1'): string[] =>
  Array.from({ length: count }, (_, i) => `host${i} A ${address}`);

interface World {
  readonly repository: Repository;
  readonly primary: Primary;
  readonly events: string[];
  /** Zone and serial, of each version that was published. */
  readonly changes: string[];
  /** The threads, the newest last. */
  readonly workers: Worker[];
  /** What becomes of each request on its way to the thread; of `undefined` nothing. */
  onRequest: (request: LoaderRequest, worker: Worker) => LoaderRequest | undefined;
  serial(): number | undefined;
  has(name: string): boolean;
}

const start = async (t: ExecutionContext<unknown>, files: Files): Promise<World> => {
  const repository = await makeRepository(t, files);
  const events: string[] = [];
  const write = (event: string): void => void events.push(event);
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  const changes: string[] = [];
  const workers: Worker[] = [];
  const loader = new LoaderClient({
    remote: { kind: 'local', path: repository.path, branch: 'main' },
    store: {},
    log,
    start: (data) => {
      const worker = startThread(LOADER_THREAD, data);
      const post = worker.postMessage.bind(worker);
      worker.postMessage = (request: LoaderRequest) => {
        const passed = world.onRequest(request, worker);
        if (passed !== undefined) post(passed);
      };
      workers.push(worker);
      return worker;
    },
  });
  t.teardown(() => loader.close());
  const primary = new Primary({
    repository: loader,
    journal: memoryJournal(),
    ack: 'push',
    unpushed: { updates: 10_000, age: 86_400 },
    log,
    serialPolicy: 'auto',
    isTransferOpen: false,
    version: '1',
    id: 'test',
    onChange: (zone) => void changes.push(`${zone.origin} ${zone.serial}`),
  });
  const world: World = {
    repository,
    primary,
    events,
    changes,
    workers,
    onRequest: (request) => request,
    serial: () => primary.zones.get(origin)?.serial,
    has: (name) => primary.zones.get(origin)?.find(nameOf(name, origin)) !== undefined,
  };
  given(await loader.open());
  given(await primary.pull());
  return world;
};

test('an update goes through the thread into the repository, and its zone file is not read back', async (t) => {
  const { primary, repository, changes, serial, has } = await start(t, { example: fileText(1) });
  t.deepEqual(await primary.update(update('new 60 A 192.0.2.9'), PEER), { rcode: 0 });
  t.is(serial(), 2);
  t.true(has('new'));
  t.regex(await repository.read('example'), /hostmaster 2 .*\n(.*\n)*new\b.*192\.0\.2\.9$/);
  t.is(primary.authority.identity.commit, await repository.head());
  given(await primary.pull());
  t.deepEqual(changes, ['example. 1', 'example. 2']);
});

test('many zones are handed over, and what changed of one is known by its records', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 450 }, (_, i) => [`z${i}.test`, fileText(1)]));
  const { primary, repository } = await start(t, { ...files, example: fileText(1, 'a A 192.0.2.1') });
  t.is(primary.zones.size, 451);
  await repository.push({ example: fileText(2, 'b A 192.0.2.1'), 'z7.test': undefined });
  given(await primary.pull());
  t.is(primary.zones.size, 450);
  const [delta] = primary.authority.historyOf(origin)?.since(1) ?? [];
  const names = (records: readonly { readonly name: unknown }[] = []): string =>
    records.map(({ name }) => name).join(' ');
  t.deepEqual([names(delta?.removed), names(delta?.added)], ['example. a.example.', 'example. b.example.']);
});

test('a pull and updates that are asked for at the same time take turns in this order', async (t) => {
  const { primary, repository, changes, has } = await start(t, { example: fileText(1) });
  await repository.push({ example: fileText(5, 'theirs A 192.0.2.1') });
  const pulled = primary.pull();
  const first = primary.update(update('first 60 A 192.0.2.2'), PEER);
  const second = primary.update(update('second 60 A 192.0.2.3'), PEER);
  given(await pulled);
  t.deepEqual(await Promise.all([first, second]), [{ rcode: 0 }, { rcode: 0 }]);
  t.deepEqual(changes, ['example. 1', 'example. 5', 'example. 7'], 'updates that came together are visible together');
  t.true(has('theirs') && has('first') && has('second'));
});

test('a loader that dies is replaced, updates go on, and what did not change is not published again', async (t) => {
  const world = await start(t, { example: fileText(1), third: fileText(1), broken: fileText(1, 'x A 1.2.3') });
  await world.workers[0]!.terminate();
  t.true(world.events.includes('loader.died'));
  t.deepEqual(await world.primary.update(update('new 60 A 192.0.2.9'), PEER), { rcode: 0 });
  t.is(world.workers.length, 2);
  t.regex(await world.repository.read('example'), /^new\b/m);
  t.deepEqual(world.changes, ['example. 1', 'third. 1', 'example. 2']);
  t.deepEqual(world.primary.refusedFiles, ['broken']);
  await world.workers[1]!.terminate();
  await world.repository.push({ third: undefined, example: 'no zone any more\n' });
  given(await world.primary.pull());
  t.deepEqual([...world.primary.zones].map(String).length, 1);
  t.deepEqual([...world.primary.refusedFiles].sort(), ['broken', 'example']);
  t.is(world.serial(), 2, 'a zone does not vanish by a mistake, nor by a death');
});

test('a loader that dies before or after it has pushed leaves the update in the repository once', async (t) => {
  for (const end of ['before', 'after']) {
    const world = await start(t, { example: fileText(1) });
    const { repository } = world;
    const old = await repository.head();
    let pushes = 0;
    world.onRequest = (request, worker) => {
      if (request.method !== 'push' || ++pushes > 1) return request;
      if (end === 'before') {
        void worker.terminate();
        return undefined;
      }
      const hasMoved = async (): Promise<boolean> => (await repository.head()) !== old;
      void until(hasMoved, { what: 'the branch has moved' }).then(() => worker.terminate());
      // Its answer goes to nobody.
      return { ...request, id: -1 };
    };
    t.deepEqual(await world.primary.update(update('new 60 A 192.0.2.9'), PEER), { rcode: 0 });
    t.is(world.workers.length, 2);
    t.is(pushes, end === 'before' ? 2 : 1);
    t.is(world.serial(), 2);
    t.true(world.has('new'));
    t.is(Number(await repository.git('rev-list', '--count', 'main')), 2);
  }
});

test('a loader that dies of what it is asked fails the request, and not the next ones', async (t) => {
  const world = await start(t, { example: fileText(1) });
  world.onRequest = (request, worker) => {
    if (request.method === 'commit') void worker.terminate();
    return request;
  };
  const verdict = await world.primary.update(update('new 60 A 192.0.2.9'), PEER);
  t.is(verdict.rcode, 2);
  t.regex(verdict.ede?.text ?? '', /the loader thread has died/);
  t.is(world.serial(), 1);
  world.onRequest = (request) => request;
  t.deepEqual(await world.primary.update(update('new 60 A 192.0.2.9'), PEER), { rcode: 0 });
  t.deepEqual(world.changes, ['example. 1', 'example. 2']);
});

test.serial('whoever serves is not held up while a large zone is loaded, changed and updated', async (t) => {
  const world = await start(t, { example: fileText(1) });
  const { primary, repository } = world;
  let serial = 1;
  for (const [count, net] of [
    [100_000, 1],
    [100_100, 1],
    [20_000, 2],
  ] as const) {
    const stall = await leastStall(BUSY, async (attempt) => {
      await repository.push({ example: fileText(++serial, ...hosts(count, `192.0.${net}.${attempt}`)) });
      return longestStall(async () => given(await primary.pull()));
    });
    t.is(world.serial(), serial);
    t.true(stall < BUSY, `${count} records held up for ${Math.round(stall)} ms`);
  }
  const stall = await leastStall(BUSY, (attempt) =>
    longestStall(() => primary.update(update(`new${attempt} 60 A 192.0.2.9`), PEER)),
  );
  t.true(world.serial()! > serial);
  t.true(stall < BUSY, `an update held up for ${Math.round(stall)} ms`);
});

test.serial('whoever serves is not held up while many zones are loaded', async (t) => {
  const { primary, repository } = await start(t, { example: fileText(1) });
  const files = (serial: number): Files =>
    Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`z${i}.test`, fileText(1, `a A 192.0.2.${serial}`)]));
  for (const serial of [1, 2]) {
    await repository.push(files(serial));
    const stall = await longestStall(async () => given(await primary.pull()));
    t.is(primary.zones.size, 1001);
    t.is(primary.zones.get(nameOf('z999.test.'))?.serial, serial);
    t.true(stall < BUSY, `held up for ${Math.round(stall)} ms`);
  }
});

test('a change larger than what is kept of changes is published without one', async (t) => {
  const { primary, repository, serial } = await start(t, { example: fileText(1, ...hosts(60_000)) });
  await repository.push({ example: fileText(2, ...hosts(60_000, '192.0.2.2')) });
  given(await primary.pull());
  t.is(serial(), 2);
  t.is(primary.authority.historyOf(origin)?.since(1), undefined);
});

test('deltas and keys are the same on the other side', (t) => {
  const old = zoneOf('@ 60 NS ns.other.\na 2147483647 A 192.0.2.1\nb 60 TXT ""');
  const next = old.change({
    removed: recordsFrom('a 0 A 192.0.2.1', origin),
    added: recordsFrom('c 5 A 192.0.2.2', origin),
  })!;
  const delta = diffZones(old, next);
  t.deepEqual(deltaOfPlain(origin, structuredClone(plainDelta(delta))), delta);
  const limited = given(
    limitKey(KEY, `types=A,AAAA names=${Array.from({ length: 100 }, (_, i) => `host${i}`).join()}`),
  );
  for (const key of [KEY, limited]) {
    const again = keyOfPlain(structuredClone(plainKey(key)));
    t.true(again.secret.equals(key.secret));
    t.deepEqual(
      [again.name.key, again.zone.key, again.limits, again.minMac],
      [key.name.key, key.zone.key, key.limits, key.minMac],
    );
  }
  t.true(limited.limits?.types?.has(TYPE.A));
});
