/** Searches for what changed since an old version: answered as IXFR where something is found, and bounded whoever asks. */
import type { Authority } from '@zonewright/common/authority/authority';
import { openStream } from '@zonewright/common/net/stream';
import { CLASS } from '@zonewright/common/rr/class';
import type { ResourceRecord } from '@zonewright/common/rr/record';
import { readSoa } from '@zonewright/common/rr/soa';
import { TYPE } from '@zonewright/common/rr/type';
import { ChangeSearch } from '@zonewright/common/service/change-search';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { type NameServerHooks, startNameServer } from '@zonewright/common/service/name-server';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage } from '@zonewright/common/wire/message';
import { type Delta, diffZones } from '@zonewright/common/zone/delta';
import type { Zone } from '@zonewright/common/zone/zone';
import test, { type ExecutionContext } from 'ava';
import { authorityOf } from '../support/answering.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf, zoneOf } from '../support/records.ts';
import { udpOfRun } from '../support/udp-way.ts';

const origin = nameOf('example.');
const V1 = zoneOf(['@ 60 NS ns.other.', ...Array.from({ length: 40 }, (_, i) => `n${i} 60 A 192.0.2.1`)].join('\n'));

const soaOf = (serial: number): ResourceRecord =>
  recordOf(`@ 3600 SOA ns hostmaster ${serial} 3600 600 86400 300`, origin);

const V9 = V1.change({ removed: [V1.soaRecord()], added: [soaOf(9), recordOf('new 60 A 192.0.2.9', origin)] })!;
const DELTA = diffZones(V1, V9);

/** The serials of the SOAs of an IXFR reply, and how many records there were. */
const ixfr = async (
  t: ExecutionContext,
  port: number,
  serial: number,
): Promise<{ soas: number[]; records: number }> => {
  const stream = given(await openStream({ server: { address: '127.0.0.1', port } }));
  t.teardown(() => stream.close());
  const request = {
    ...emptyMessage(7, OPCODE.QUERY),
    questions: [{ name: origin, type: TYPE.IXFR, class: CLASS.IN }],
    authorities: [soaOf(serial)],
  };
  for await (const message of stream.conversation(request)) {
    const { answers } = given(message);
    const soas = answers.filter(({ type }) => type === TYPE.SOA).map(({ rdata }) => readSoa(rdata).serial);
    return { soas, records: answers.length };
  }
  throw new Error('no reply');
};

const serve = async (t: ExecutionContext, changesSince?: NameServerHooks['changesSince']): Promise<number> => {
  const authority: Authority = { ...authorityOf(V9), isTransferOpen: true };
  const port = await freePort('127.0.0.1');
  const refuse = () => Promise.resolve({ rcode: RCODE.REFUSED });
  const hooks = { update: refuse, notify: refuse, ...(changesSince && { changesSince }) };
  const server = given(
    await startNameServer({ addresses: ['127.0.0.1'], port, authority, hooks, log: SILENT_LOG, udp: udpOfRun }),
  );
  t.teardown(() => server.close());
  return port;
};

test('an IXFR from a serial that the history does not know is answered with what is found elsewhere', async (t) => {
  const asked: [number, number][] = [];
  const port = await serve(t, async (zone, serial) => {
    asked.push([zone.serial, serial]);
    return serial === 1 ? DELTA : undefined;
  });
  t.deepEqual(await ixfr(t, port, 1), { soas: [9, 1, 9, 9], records: 5 });
  t.deepEqual(await ixfr(t, port, 2), { soas: [9, 9], records: V9.size + 1 });
  t.deepEqual(await ixfr(t, port, 9), { soas: [9], records: 1 });
  t.deepEqual(asked, [
    [9, 1],
    [9, 2],
  ]);
});

test('a search that fails costs nothing but the whole zone', async (t) => {
  const whole = { soas: [9, 9], records: V9.size + 1 };
  t.deepEqual(await ixfr(t, await serve(t), 1), whole);
  t.deepEqual(await ixfr(t, await serve(t, () => Promise.reject(new Error('a bug'))), 1), whole);
});

/** A search whose outcomes the test decides, and a clock that it turns. */
const controlled = (timeout = 60_000) => {
  let now = 1000;
  const asked: { readonly serial: number; settle(delta: Delta | undefined): void }[] = [];
  const search = new ChangeSearch((_, serial) => new Promise((settle) => asked.push({ serial, settle })), {
    now: () => now,
    timeout,
  });
  return {
    asked,
    since: (serial: number, zone: Zone = V9) => search.since(zone, serial),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
};

test('who asks for the same waits for the same search, and whoever is one too many gets none', async (t) => {
  const { asked, since } = controlled();
  const first = [since(1), since(1), since(2)];
  t.is(await since(3), undefined);
  t.deepEqual(
    asked.map(({ serial }) => serial),
    [1, 2],
  );
  for (const { settle } of asked) settle(DELTA);
  t.deepEqual(await Promise.all(first), [DELTA, DELTA, DELTA]);
  t.is(await since(2), DELTA, 'what was found last is remembered');
  t.is(asked.length, 2);
});

test('a serial that is not found is not searched for again within an hour', async (t) => {
  const { asked, since, pass } = controlled();
  const first = since(1);
  asked[0]!.settle(undefined);
  t.is(await first, undefined);
  t.is(await since(1), undefined);
  pass(3_599_000);
  t.is(await since(1), undefined);
  t.is(asked.length, 1);
  pass(2000);
  void since(1);
  t.is(asked.length, 2);
});

test('nobody waits for a search for ever', async (t) => {
  const { asked, since } = controlled(10);
  t.is(await since(1), undefined);
  t.is(asked.length, 1);
});

test('whoever asks for one serial after the other has no more than a tenth of the time searched for them', async (t) => {
  const { asked, since, pass } = controlled();
  let searched = 0;
  for (let serial = 1; serial <= 1000; serial++) {
    const answer = since(serial);
    if (asked.length > searched) {
      searched = asked.length;
      pass(1000);
      asked.at(-1)!.settle(undefined);
    } else pass(1000);
    t.is(await answer, undefined);
  }
  // 30 s at one go, and a tenth of some 1000 s.
  t.true(asked.length >= 120 && asked.length <= 140, `${asked.length} searches of a second in 1000 s`);
});
