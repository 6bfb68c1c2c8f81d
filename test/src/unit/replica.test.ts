/** Copies of zones, kept current by a thread of its own: who serves them is not held up, and what goes wrong there stays there. */

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { Replica } from '@zonewright/common/service/replica';
import { Transfers } from '@zonewright/common/service/transfers';
import { diffZones } from '@zonewright/common/zone/delta';
import { joinDeltas } from '@zonewright/common/zone/delta-octets';
import { History } from '@zonewright/common/zone/history';
import { readRecords } from '@zonewright/common/zone/record-octets';
import test, { type ExecutionContext } from 'ava';
import { copyingAuthority } from '../support/copying.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';
import { leastStall, longestStall } from '../support/stall.ts';
import type { SourceData } from '../support/transfer-source.ts';

/** Milliseconds. */
const BUSY = 50;
const ADDRESS = '127.0.0.1';
const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const origin = nameOf('example.');

/** A replica of a zone of so many addresses, of which each next version changes some. */
const replicate = async (t: ExecutionContext, count: number, changed: number) => {
  const port = await freePort(ADDRESS);
  const text = `x.${ADDRESS}._transfer.example:SHA256:${SECRET}`;
  const workerData: SourceData = { zone: 'example.', key: text, port, count, changed };
  const source = new Worker(new URL('../support/transfer-source.js', import.meta.url), { workerData });
  t.teardown(() => source.terminate());
  await once(source, 'message');
  const key = given(parseKey(text));
  const zones = new ZoneTable();
  let published: () => void = () => undefined;
  const primary = { address: ADDRESS, port };
  const replica: Replica = new Replica({
    sources: [{ key, primary, isHidden: true }],
    authority: copyingAuthority(zones, [key], () => replica),
    log: SILENT_LOG,
    onChange: () => published(),
  });
  t.teardown(() => replica.stop());
  return {
    replica,
    zone: () => zones.get(origin)!,
    start: () => replica.start(),
    notify: () => replica.notified(origin, key, undefined, primary),
    next: async () => {
      source.postMessage('next');
      await once(source, 'message');
    },
    /** Does something, and waits until a version is published. */
    published: (act: () => unknown) =>
      new Promise<void>((done) => {
        published = done;
        act();
      }),
  };
};

test.serial(
  'whoever serves is not held up while a large zone is transferred in, whole and by differences',
  async (t) => {
    let world = await replicate(t, 100_000, 20_000);
    const whole = await leastStall(BUSY, async (attempt) => {
      if (attempt > 1) {
        await world.replica.stop();
        world = await replicate(t, 100_000, 20_000);
      }
      const stall = await longestStall(() => world.published(world.start));
      t.is(world.zone().size, 100_002);
      return stall;
    });
    t.true(whole < BUSY, `a whole zone held up for ${Math.round(whole)} ms`);
    let serial = 1;
    for (const turn of ['the first', 'more']) {
      const stall = await leastStall(BUSY, async () => {
        serial++;
        await world.next();
        const longest = await longestStall(() => world.published(world.notify));
        t.is(world.zone().serial, serial);
        t.is(world.replica.historyOf(origin)?.since(serial - 1)?.[0]?.added.length, 20_001, 'it came as differences');
        return longest;
      });
      t.true(stall < BUSY, `${turn} differences held up for ${Math.round(stall)} ms`);
    }
    await world.replica.stop();
  },
);

test('differences that are too many to be kept are published, and passed on as a whole zone', async (t) => {
  const world = await replicate(t, 60_000, 45_000);
  await world.published(world.start);
  for (const serial of [2, 3]) {
    await world.next();
    await world.published(world.notify);
    t.is(world.zone().serial, serial);
    t.is(world.replica.historyOf(origin)?.since(serial - 2), undefined);
  }
  await world.replica.stop();
});

test('a thread of transfers that dies leaves nothing behind what is served, and the next transfer has another', async (t) => {
  const zone = zoneOf('a 60 A 192.0.2.1');
  const { words, end } = zone.handle.image;
  const lost: unknown[] = [];
  let threads = 0;
  const transfers = new Transfers({
    log: { ...SILENT_LOG, error: (event: string) => void lost.push(event) },
    start: () => {
      threads++;
      const program = `require('node:worker_threads').parentPort.on('message', ({ current: { image } }) => {
        new Int32Array(image.words).fill(7, image.end);
        process.exit(1);
      });`;
      return new Worker(program, { eval: true });
    },
  });
  t.teardown(() => transfers.close());
  const key = given(parseKey(`x.${ADDRESS}._transfer.example:SHA256:${SECRET}`));
  for (const count of [1, 2]) {
    const outcome = await transfers.transfer({ server: { address: ADDRESS, port: 53 }, key }, origin, zone);
    t.like(outcome, { ok: false, fault: { kind: 'lost' } });
    t.is(threads, count);
    t.true(new Int32Array(words).subarray(end).every((word) => word === 0));
  }
  t.deepEqual(lost, ['transfer.thread-lost', 'transfer.thread-lost']);
});

test('a transfer that is under way when the service ends is aborted', async (t) => {
  const transfers = new Transfers({
    log: SILENT_LOG,
    start: () => new Worker('setInterval(() => 0, 1e6)', { eval: true }),
  });
  const key = given(parseKey(`x.${ADDRESS}._transfer.example:SHA256:${SECRET}`));
  const route = { server: { address: ADDRESS, port: 53 }, key };
  const outcome = transfers.transfer(route, origin, undefined);
  await transfers.close();
  t.like(await outcome, { ok: false, fault: { kind: 'aborted' } });
  t.like(await transfers.transfer(route, origin, undefined), { ok: false, fault: { kind: 'aborted' } });
});

test('deltas are the same after they were octets', (t) => {
  const versions = [zoneOf('a 60 A 192.0.2.1\nB 60 TXT ""')];
  for (const [serial, removed, added] of [
    [2, 'a 60 A 192.0.2.1', 'A 4000000 A 192.0.2.2\na 60 TXT "x"'],
    [3, '', ''],
    [4, 'B 60 TXT ""', 'b 2147483647 TXT "y"\nb 60 TYPE65280 \\# 0'],
  ] as const) {
    const last = versions.at(-1)!;
    const [soa] = recordsFrom(`@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`, origin);
    versions.push(
      last.change({
        removed: [last.soaRecord(), ...recordsFrom(removed, origin)],
        added: [soa!, ...recordsFrom(added, origin)],
      })!,
    );
  }
  const deltas = versions.slice(1).map((next, i) => diffZones(versions[i]!, next));
  const plain = (all: typeof deltas) =>
    all.map(({ origin: of, from, to, removed, added }) => ({
      names: [of, ...removed.map(({ name }) => name), ...added.map(({ name }) => name)].map(({ wire }) => [...wire]),
      from,
      to,
      records: [removed, added].map((records) =>
        records.map(({ name, ...rest }) => ({ ...rest, name: name.toString() })),
      ),
    }));
  const history = new History();
  for (const delta of deltas) history.add(delta);
  t.deepEqual(plain([...joinDeltas([...readRecords(history.written)])]), plain(deltas));
  t.deepEqual(plain([...history.all]), plain(deltas));
  t.deepEqual(joinDeltas([]), []);
});
