/** NOTIFYs as they leave, and what is known of those who get them: on a clock that stands still, with secondaries that are plain objects. */
import { createSocket } from 'node:dgram';
import { getEventListeners, setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { Authority } from '@zonewright/common/authority/authority';
import { type Key, KeyTable, parseKey } from '@zonewright/common/authority/key';
import { type NotifyTarget, notifyMessage } from '@zonewright/common/authority/notify';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Connection } from '@zonewright/common/net/connection';
import { fail, ok } from '@zonewright/common/result';
import { readSoa } from '@zonewright/common/rr/soa';
import { type Link, linkByAddress, linkByConnection } from '@zonewright/common/service/link';
import type { Log } from '@zonewright/common/service/log';
import { Notifier } from '@zonewright/common/service/notifier';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { decodeMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { given, nameOf, recordsFrom } from '../support/records.ts';
import { longestTurn } from '../support/thread-time.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const silent: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {} } as unknown as Log;

const version = (serial: number, name = 'example.'): Zone => {
  const origin = nameOf(name);
  const text = `@ 60 SOA ns hostmaster ${serial} 3600 600 86400 300\n@ 60 NS ns\nns 60 A 127.0.0.1`;
  return Zone.fromRecords(origin, recordsFrom(text, origin))!;
};

/** A secondary as its primary sees it: what it was asked, and what it serves. */
interface Fake {
  readonly told: number[];
  readonly asked: number[];
  /** About which zones. */
  readonly askedOf: string[];
  /** Milliseconds until it answers. */
  delay: number;
  isAway: boolean;
  /** Are all NOTIFYs lost, and only they? */
  isDeaf: boolean;
  serial: number | undefined;
}

const soaOf = (message: Message): number | undefined =>
  message.answers[0] === undefined ? undefined : readSoa(message.answers[0].rdata).serial;

const key = (name: string) => given(parseKey(`${name}:SHA256:AAAA`));

/** Counts how often all zones are looked through. */
class CountingTable extends ZoneTable {
  walks = 0;
  /** Called at the end of each walk. */
  walked = (): void => {};

  override *[Symbol.iterator](): Generator<Zone, void, undefined> {
    this.walks++;
    yield* super[Symbol.iterator]();
    this.walked();
  }
}

const setUp = (
  names: readonly string[],
  addresses: readonly string[],
  catalogs: readonly string[] = [],
  log: Log = silent,
) => {
  const clock = new VirtualClock();
  const zones = new CountingTable();
  const authority: Authority = {
    zones,
    keys: new KeyTable(names.map(key)),
    identity: { version: '', id: '' },
    isTransferOpen: false,
    isPrimary: true,
    historyOf: () => undefined,
    expiryOf: () => undefined,
  };
  const fakes = new Map<string, Fake>(
    addresses.map((address) => [
      address,
      { told: [], asked: [], askedOf: [], delay: 1, isAway: false, isDeaf: false, serial: undefined } satisfies Fake,
    ]),
  );
  const answer = (fake: Fake, message: Message): Message => {
    const reply = { ...responseTo(message, RCODE.NOERROR), aa: true };
    if (message.opcode === OPCODE.NOTIFY) return reply;
    return fake.serial === undefined
      ? reply
      : { ...reply, answers: [version(fake.serial, `${message.questions[0]!.name}`).soaRecord()] };
  };
  const linkTo = ({ address }: NotifyTarget): Link => ({
    id: address,
    peer: address,
    ask: (message, timeout) =>
      new Promise((resolve) => {
        const fake = fakes.get(address)!;
        const isNotify = message.opcode === OPCODE.NOTIFY;
        if (isNotify) fake.told.push(soaOf(message) ?? -1);
        else {
          fake.asked.push(clock.now());
          fake.askedOf.push(`${message.questions[0]!.name}`);
        }
        const isLost = fake.isAway || (fake.isDeaf && isNotify);
        clock.after(isLost ? timeout : fake.delay, () =>
          resolve(isLost ? fail({ kind: 'timeout', what: 'silence' }) : ok(answer(fake, message))),
        );
      }),
  });
  const notifier = new Notifier({
    authority,
    port: 53,
    log,
    clock,
    linkTo,
    catalogs: catalogs.map((name) => nameOf(name)),
  });
  const publish = (zone: Zone): void => {
    zones.set(zone);
    notifier.announce(zone);
  };
  return { clock, zones, notifier, publish, fake: (address: string) => fakes.get(address)! };
};

const named = (address: string): string => `10.0.0.1.${address}._transfer.example`;

test('of many secondaries the first are told at once, and the others after them within milliseconds, also where none acknowledges', async (t) => {
  const addresses = Array.from({ length: 50 }, (_, i) => `10.0.1.${i}`);
  const { clock, publish, fake } = setUp(addresses.map(named), addresses);
  const told = (): number => addresses.filter((address) => fake(address).told.length > 0).length;
  for (const address of addresses) fake(address).isAway = true;
  publish(version(1));
  await setImmediate();
  const first = told();
  t.true(first > 0 && first <= 10, `${first} before anything else has its turn`);
  await clock.advance(1);
  t.is(told(), first, 'they have a moment to acknowledge');
  await clock.advance(19);
  t.is(told(), 50);
});

test('secondaries that are silent hold the places of others for milliseconds, whoever else acknowledges meanwhile', async (t) => {
  const addresses = Array.from({ length: 50 }, (_, i) => `10.0.1.${i}`);
  const { clock, publish, fake } = setUp(addresses.map(named), addresses);
  for (const address of addresses.slice(0, 7)) fake(address).isAway = true;
  publish(version(1));
  await clock.advance(20);
  t.true(addresses.every((address) => fake(address).told.length === 1));
});

test('a secondary that acknowledges makes room for the next one at once', async (t) => {
  const addresses = Array.from({ length: 50 }, (_, i) => `10.0.1.${i}`);
  const { clock, publish, fake } = setUp(addresses.map(named), addresses);
  for (const address of addresses) fake(address).delay = 0;
  publish(version(1));
  await clock.advance(0);
  t.true(addresses.every((address) => fake(address).told.length === 1));
});

test('a thousand changes in a second are a NOTIFY for each answer, with the newest serial, and no more', async (t) => {
  const { clock, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.delay = 100;
  for (let serial = 1; serial <= 1000; serial++) {
    publish(version(serial));
    await clock.advance(1);
  }
  await clock.advance(1000);
  t.true(secondary.told.length <= 12, `${secondary.told.length}`);
  t.is(secondary.told[0], 1, 'at once');
  t.is(secondary.told.at(-1), 1000);
});

test('a zone that goes while a NOTIFY of it is under way is told of as gone', async (t) => {
  const { clock, zones, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  publish(version(1));
  await clock.advance(0);
  zones.delete(nameOf('example.'));
  notifier.announce(version(1));
  await clock.advance(10_000);
  t.deepEqual(fake('10.0.0.2').told, [1, -1]);
});

test('a secondary that is away is told again with pauses, and of the newest serial when it is back', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  publish(version(1));
  await clock.advance(10_000);
  t.deepEqual(secondary.told, [1, 1, 1]);
  t.is(notifier.followers.status(nameOf('example.'))[0]?.failure, 'NOTIFY: silence');
  publish(version(2));
  await clock.advance(1000);
  secondary.isAway = false;
  await clock.advance(20_000);
  t.is(secondary.told.at(-1), 2);
});

test('a secondary that is back and says so is told at once of what it did not hear', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  publish(version(1));
  // Just now it was told in vain once more.
  await clock.advance(4600);
  secondary.isAway = false;
  const { connection, its } = door(clock, 1, { name: named('10.0.0.2'), address: '10.0.0.2', serial: 1 });
  notifier.register(connection, its, nameOf('example.'));
  publish(version(2));
  await clock.advance(10);
  t.is(secondary.told.at(-1), 2, secondary.told.join());
});

test('after an acknowledgement a secondary is asked until it serves the serial, and then no more', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.serial = 1;
  publish(version(2));
  await clock.advance(3000);
  t.true(secondary.asked.length >= 3);
  t.like(notifier.followers.status(nameOf('example.'))[0], { secondary: '10.0.0.2', serial: 1, lag: 3 });
  t.is(notifier.followers.behind.secondaries, 1);
  secondary.serial = 2;
  await clock.advance(10_000);
  const asked = secondary.asked.length;
  t.like(notifier.followers.status(nameOf('example.'))[0], { serial: 2, lag: 0 });
  t.deepEqual(notifier.followers.behind, { secondaries: 0, lag: 0 });
  await clock.advance(10_000_000);
  t.is(secondary.asked.length, asked);
  t.is(clock.alarms, 0);
});

test('a secondary of many zones is asked about one after the other while nobody waits, and at once of what an update waits for', async (t) => {
  const { clock, notifier, publish, fake } = setUp([`10.0.0.1.10.0.0.2._transfer`], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  const from = { address: '10.0.0.2', port: 1 };
  const its = key('10.0.0.1.10.0.0.2._transfer');
  const names = Array.from({ length: 1000 }, (_, i) => `z${i}.`);
  for (const name of names) publish(version(1, name));
  await clock.advance(1000);
  t.is(secondary.told.length, 1000);
  t.true(secondary.asked.length > 100 && secondary.asked.length <= 200, `${secondary.asked.length} in a second`);
  secondary.serial = 1;
  const asked = secondary.asked.length;
  const reached = notifier.followers.served(nameOf('z999.'), 1, 1, 5000);
  await clock.advance(20);
  t.deepEqual(await reached, { serving: 1, wanted: 1 });
  t.true(secondary.asked.length <= asked + 5);
  t.is(notifier.followers.status(nameOf('z998.'))[0]!.serial, undefined, 'of what is not known it is not said');
  for (const name of names) notifier.sent(nameOf(name), its, from, 1);
  await clock.advance(6000);
  t.deepEqual(notifier.followers.behind, { secondaries: 0, lag: 0 });
  t.true(secondary.asked.length <= asked + 1000, 'once for each');
  await clock.advance(1000);
  t.is(clock.alarms, 0);
});

test('a secondary of many zones that acknowledges once more before its turn has come is asked once for both', async (t) => {
  const { clock, publish, fake } = setUp([`10.0.0.1.10.0.0.2._transfer`], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  const names = Array.from({ length: 50 }, (_, i) => `z${i}.`);
  for (const name of names) publish(version(1, name));
  await clock.advance(252);
  for (const name of names) publish(version(2, name));
  await clock.advance(5);
  secondary.delay = 240;
  secondary.askedOf.length = 0;
  await clock.advance(400);
  t.true(secondary.askedOf.length > 40);
  t.is(new Set(secondary.askedOf).size, secondary.askedOf.length);
});

test('a secondary that registers is told of each zone once, on its connection, and of what changed last before all others', async (t) => {
  const root = '10.0.0.1.10.0.0.2._transfer';
  const { clock, notifier, publish, fake } = setUp([root], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  const names = Array.from({ length: 100 }, (_, i) => `z${i}.`);
  for (const name of names) publish(version(1, name));
  await clock.advance(10_000);
  publish(version(2, 'z70.'));
  await clock.advance(10_000);
  secondary.isAway = false;
  secondary.told.length = 0;
  const one = door(clock, 1, { name: root, address: '10.0.0.2', serial: 1 });
  notifier.register(one.connection, one.its, nameOf('.'));
  await clock.advance(10_000);
  t.is(one.told.length, 100);
  t.is(one.told[0], 'z70.');
  t.true(secondary.told.length <= 20, 'and only of those that were under way at its address');
  t.true(secondary.asked.length > 0, 'who has acknowledged on its connection is asked at its address');
  publish(version(3, 'z70.'));
  await clock.advance(10_000);
  t.is(one.told.length, 100, 'what changes later it is told at its address');
  t.is(secondary.told.at(-1), 3);
});

test('what changes while a secondary that registers is told of all zones is told as well, though its address has much to wait for', async (t) => {
  const root = '10.0.0.1.10.0.0.2._transfer';
  const { clock, notifier, publish, zones, fake } = setUp([root], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  for (let i = 0; i < 100; i++) publish(version(1, `z${i}.`));
  await clock.advance(10_000);
  zones.walked = () => {
    secondary.told.length = 0;
    publish(version(2, 'z70.'));
  };
  const one = door(clock, 1, { name: root, address: '10.0.0.2' });
  notifier.register(one.connection, one.its, nameOf('.'));
  secondary.isAway = false;
  await clock.advance(10_000);
  t.true(secondary.told.includes(2));
  t.is(new Set(one.told).size, 99);
});

test('who is known by address and keeps a connection over TLS is told and asked there, and in plain once that is closed or silent', async (t) => {
  const name = named('10.0.0.2');
  const { clock, notifier, publish, fake } = setUp([name], ['10.0.0.2']);
  const plain = fake('10.0.0.2');
  const one = door(clock, 1, { name, address: '10.0.0.2', transport: 'tls' });
  notifier.register(one.connection, one.its, nameOf('example.'));
  await clock.advance(1000);
  one.state.serial = 2;
  publish(version(2));
  await clock.advance(1000);
  t.deepEqual(one.told, ['example.']);
  t.deepEqual([plain.told, plain.asked], [[], []]);
  t.like(notifier.followers.status(nameOf('example.'))[0], { secondary: '10.0.0.2', serial: 2, lag: 0 });
  one.state.isSilent = true;
  publish(version(3));
  await clock.advance(1000);
  t.deepEqual(plain.told, [3]);
  one.state.isSilent = false;
  one.state.isClosed = true;
  one.close();
  await setImmediate();
  publish(version(4));
  await clock.advance(1000);
  t.is(plain.told.at(-1), 4);
  t.is(one.told.length, 2);
});

test('what a secondary was not told on a connection that closes it is told at its address', async (t) => {
  const root = '10.0.0.1.10.0.0.2._transfer';
  const { clock, notifier, publish, fake } = setUp([root], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  for (let i = 0; i < 100; i++) publish(version(1, `z${i}.`));
  await clock.advance(10_000);
  const one = door(clock, 1, { name: root, address: '10.0.0.2' });
  one.state.isSilent = true;
  notifier.register(one.connection, one.its, nameOf('.'));
  await clock.advance(100);
  secondary.isAway = false;
  secondary.told.length = 0;
  one.close();
  await clock.advance(10_000);
  t.true(secondary.told.length >= 100, `${secondary.told.length}`);
});

test('a secondary that serves a newer serial than was published counts as behind, and is waited for in vain', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.serial = 7;
  publish(version(4));
  const reached = notifier.followers.served(nameOf('example.'), 4, 1, 5000);
  await clock.advance(5000);
  t.deepEqual(await reached, { serving: 0, wanted: 1 });
  const [status] = notifier.followers.status(nameOf('example.'));
  t.like(status, { serial: undefined, lag: 5, failure: 'it serves serial 7, and 4 is published' });
  secondary.serial = 4;
  await clock.advance(20_000);
  t.like(notifier.followers.status(nameOf('example.'))[0], { serial: 4, lag: 0 });
  secondary.serial = 9;
  publish(version(5));
  await clock.advance(5000);
  const [later] = notifier.followers.status(nameOf('example.'));
  t.like(
    later,
    { serial: undefined, lag: 5, failure: 'it serves serial 9, and 5 is published' },
    'no more what it said before',
  );
  publish(version(9));
  await clock.advance(5000);
  t.like(notifier.followers.status(nameOf('example.'))[0], { serial: 9, lag: 0 });
});

test('a secondary that is not current for long is asked once a minute, and found to be current without another sign of life', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.serial = 1;
  publish(version(2));
  await clock.advance(6_000_000);
  t.true(secondary.asked.length > 90 && secondary.asked.length < 120, `${secondary.asked.length}`);
  t.is(notifier.followers.behind.lag, 6000);
  // Another primary has fed it.
  secondary.serial = 2;
  await clock.advance(61_000);
  t.like(notifier.followers.status(nameOf('example.'))[0], { serial: 2, lag: 0 });
  t.is(clock.alarms, 0);
});

test('a secondary that acknowledges nothing is asked what it serves all the same, since another primary may feed it', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isDeaf = true;
  secondary.serial = 1;
  publish(version(1));
  const reached = notifier.followers.served(nameOf('example.'), 1, undefined, 120_000);
  await clock.advance(61_000);
  t.deepEqual(await reached, { serving: 1, wanted: 1 });
  t.deepEqual(notifier.followers.behind, { secondaries: 0, lag: 0 });
});

test('thousands of zones of a secondary that is away cost ten questions a second, delay nobody else, and are soon known when it is back', async (t) => {
  const { clock, notifier, publish, fake } = setUp(
    ['10.0.0.1.10.0.0.2._transfer', '10.0.0.1.10.0.0.3._transfer.z0'],
    ['10.0.0.2', '10.0.0.3'],
  );
  const [away, there] = [fake('10.0.0.2'), fake('10.0.0.3')];
  away.isAway = true;
  const names = Array.from({ length: 2000 }, (_, i) => `z${i}.`);
  for (const name of names) publish(version(1, name));
  await clock.advance(400_000);
  t.true(away.asked.length > 2000 && away.asked.length <= 4000, `${away.asked.length}`);
  const status = notifier.followers.status(nameOf('z1999.'));
  t.like(status, [{ serial: undefined, lag: 400, failure: 'silence' }]);
  const before = away.asked.length;
  for (let serial = 2; serial <= 101; serial++) {
    there.serial = serial;
    publish(version(serial, 'z0.'));
    const reached = notifier.followers.served(nameOf('z0.'), serial, 1, 5000);
    await clock.advance(20);
    t.deepEqual(await reached, { serving: 1, wanted: 1 });
  }
  t.true(away.asked.length <= before + 21, `${away.asked.length - before} in two seconds`);
  // It hears no NOTIFY, and has been fed by somebody else.
  away.isAway = false;
  away.isDeaf = true;
  away.serial = 102;
  there.serial = 102;
  for (const name of names) publish(version(102, name));
  const { length } = away.asked;
  await clock.advance(75_000);
  t.deepEqual(notifier.followers.behind, { secondaries: 0, lag: 0 });
  t.is(away.asked.length, length + names.length);
});

test('the lag is counted from the version that is missed, not from the newest', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const origin = nameOf('example.');
  fake('10.0.0.2').isAway = true;
  for (let serial = 1; serial <= 10; serial++) {
    publish(version(serial));
    await clock.advance(1000);
  }
  const lag = (): number => notifier.followers.status(origin)[0]!.lag;
  t.is(lag(), 10);
  const its = key(named('10.0.0.2'));
  const from = { address: '10.0.0.2', port: 1 };
  notifier.asked(origin, its, from, 7);
  t.is(lag(), 3, 'version 8 is three seconds old');
  notifier.asked(origin, undefined, from, 10);
  notifier.asked(origin, key('x._update.example'), from, 10);
  notifier.asked(origin, key(named('10.0.0.9')), from, 10);
  t.is(lag(), 3, 'what a stranger asks says nothing, whatever address it comes from');
  notifier.asked(origin, its, from, 2_000_000);
  t.is(lag(), 3, 'nobody serves what has not been published');
  notifier.asked(origin, its, { address: '10.0.0.77', port: 1 }, 10);
  t.is(lag(), 0, 'a key says who it is');
});

test('an update waits until as many secondaries as are wanted serve it', async (t) => {
  const names = ['10.0.0.2', '10.0.0.3', '10.0.0.4'];
  const { clock, notifier, publish, fake } = setUp(names.map(named), names);
  const origin = nameOf('example.');
  for (const name of names) fake(name).serial = 1;
  publish(version(1));
  await clock.advance(5000);
  publish(version(2));
  const settled: string[] = [];
  for (const wanted of [2, undefined] as const)
    void notifier.followers.served(origin, 2, wanted, 5000).then((reached) => {
      settled.push(`${clock.now()} ${reached.serving}/${reached.wanted}`);
    });
  fake('10.0.0.2').serial = 2;
  await clock.advance(200);
  t.deepEqual(settled, []);
  fake('10.0.0.3').serial = 2;
  await clock.advance(1000);
  t.is(settled.length, 1);
  t.regex(settled[0]!, / 2\/2$/);
  await clock.advance(5000);
  t.deepEqual(settled[1], '10000 2/3', 'in time, and with what is known');
});

test('an update that waits makes who has acknowledged or was sent it be asked within milliseconds', async (t) => {
  const { clock, notifier, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const origin = nameOf('example.');
  const secondary = fake('10.0.0.2');
  secondary.serial = 1;
  publish(version(1));
  await clock.advance(5000);
  publish(version(2));
  let at: number | undefined;
  void notifier.followers.served(origin, 2, undefined, 5000).then(() => {
    at = clock.now();
  });
  await clock.advance(4);
  secondary.serial = 2;
  notifier.sent(origin, undefined, { address: '10.0.0.2', port: 9 }, 2);
  await clock.advance(100);
  t.true(at !== undefined && at <= 5010, `${at}`);
});

test('nobody is waited for where nobody is known, a zone that is gone waits for nothing, and the end answers all', async (t) => {
  const { clock, zones, notifier, publish } = setUp([], []);
  const origin = nameOf('example.');
  publish(version(1));
  const first = notifier.followers.served(origin, 1, undefined, 5000);
  await clock.advance(5000);
  t.deepEqual(await first, { serving: 0, wanted: 1 });
  const second = notifier.followers.served(origin, 1, 2, 5000);
  zones.delete(origin);
  notifier.announce(version(1));
  t.deepEqual(await second, { serving: 0, wanted: 2 });
  publish(version(2));
  const third = notifier.followers.served(origin, 2, 1, 5000);
  notifier.close();
  t.deepEqual(await third, { serving: 0, wanted: 1 });
  t.is(clock.alarms, 0);
});

test('a hidden secondary is told on its connection, also of zones that come later, until that closes', async (t) => {
  const { clock, notifier, publish } = setUp(['x.10.0.0.1._transfer.example'], []);
  const its = key('x.10.0.0.1._transfer.example');
  const told: string[] = [];
  let close: () => void = () => {};
  let isKept = false;
  const connection = {
    peer: { address: '10.0.0.7', port: 4000 },
    closed: new Promise<void>((resolve) => {
      close = resolve;
    }),
    keep: () => {
      isKept = true;
    },
    request: async (octets: Uint8Array) => {
      const message = given(decodeMessage(octets));
      const reply = { ...responseTo(message, RCODE.NOERROR), aa: true };
      const { name } = message.questions[0]!;
      if (message.opcode === OPCODE.NOTIFY) told.push(`${name}`);
      const answers = message.opcode === OPCODE.NOTIFY ? [] : [version(1, `${name}`).soaRecord()];
      const now = Math.floor(clock.wall() / 1000);
      return ok(sign(encodeMessage({ ...reply, answers }), its, { now, priorMac: message.tsig!.mac }).octets);
    },
  } as unknown as Connection;
  publish(version(1));
  publish(version(1, 'other.'));
  notifier.register(connection, its, nameOf('example.'));
  t.true(isKept, 'it may be idle');
  await clock.advance(1000);
  t.deepEqual(told, [], 'it asks for its own zone by itself');
  publish(version(1, 'later.example.'));
  publish(version(1, 'another.'));
  await clock.advance(1000);
  t.deepEqual(told, ['later.example.']);
  t.like(notifier.followers.status(nameOf('later.example.'))[0], { secondary: '10.0.0.7:4000', serial: 1, lag: 0 });
  t.like(notifier.followers.status(nameOf('example.'))[0], { serial: 1, lag: 0 });
  close();
  await setImmediate();
  publish(version(2, 'later.example.'));
  await clock.advance(10_000);
  t.is(told.length, 1);
  t.deepEqual(notifier.followers.status(nameOf('later.example.')), []);
});

const HIDDEN = 'x.10.0.0.1._transfer.example';

/** A connection of a hidden secondary that serves what `serial` says, and the names it was told of. */
const door = (
  clock: VirtualClock,
  port: number,
  { address = '10.0.0.7', serial = 1, name = HIDDEN, transport = 'tcp' } = {},
) => {
  const its = key(name);
  const told: string[] = [];
  const state = { serial, isSilent: false, isClosed: false };
  let close: () => void = () => {};
  const connection = {
    transport,
    peer: { address, port },
    closed: new Promise<void>((resolve) => {
      close = resolve;
    }),
    get isClosed() {
      return state.isClosed;
    },
    keep: () => {},
    request: async (octets: Uint8Array) => {
      const message = given(decodeMessage(octets));
      const asked = message.questions[0]!.name.toString();
      const isNotify = message.opcode === OPCODE.NOTIFY;
      if (isNotify) told.push(asked);
      if (state.isSilent) return fail({ kind: 'timeout', what: 'silence' });
      const reply = { ...responseTo(message, RCODE.NOERROR), aa: true };
      const answers = isNotify ? [] : [version(state.serial, asked).soaRecord()];
      const now = Math.floor(clock.wall() / 1000);
      return ok(sign(encodeMessage({ ...reply, answers }), its, { now, priorMac: message.tsig!.mac }).octets);
    },
  } as unknown as Connection;
  return { connection, its, told, state, close: () => close() };
};

test('one address with one key is one secondary: told once, counted once, shown once, on however many connections', async (t) => {
  const { clock, notifier, publish } = setUp([HIDDEN], []);
  const origin = nameOf('example.');
  const doors = [1, 2, 3].map((port) => door(clock, port, { serial: 2 }));
  publish(version(1));
  publish(version(1, 'a.example.'));
  for (const { connection, its } of doors) {
    notifier.register(connection, its, origin);
    notifier.register(connection, its, nameOf('a.example.'));
  }
  await clock.advance(1000);
  for (const { told } of doors) told.length = 0;
  publish(version(2));
  const reached = notifier.followers.served(origin, 2, 3, 5000);
  await clock.advance(5000);
  t.deepEqual(await reached, { serving: 1, wanted: 3 });
  t.deepEqual(
    notifier.followers.status(origin).map(({ secondary }) => secondary),
    ['10.0.0.7:3'],
  );
  t.deepEqual(
    doors.flatMap(({ told }) => told),
    ['example.'],
  );
  const other = door(clock, 4, { address: '10.0.0.8', serial: 2 });
  notifier.register(other.connection, other.its, origin);
  await clock.advance(1000);
  t.is(notifier.followers.status(origin).length, 2, 'another address is another one');
});

test('who may update and waits on a connection is told of changes, and is no secondary that others wait for', async (t) => {
  const UPDATE = 'x._update.example';
  const { clock, notifier, publish } = setUp([UPDATE], []);
  const origin = nameOf('example.');
  const { connection, its, told } = door(clock, 1, { name: UPDATE, serial: 9 });
  publish(version(1));
  notifier.register(connection, its, origin);
  publish(version(2));
  const reached = notifier.followers.served(origin, 2, undefined, 5000);
  await clock.advance(5000);
  t.deepEqual(told, ['example.']);
  t.deepEqual(await reached, { serving: 0, wanted: 1 });
  t.deepEqual(notifier.followers.status(origin), []);
});

test('another connection takes over when one closes or is silent, and what only that one asked for is told no more', async (t) => {
  const { clock, notifier, publish } = setUp([HIDDEN], []);
  const [wide, narrow] = [door(clock, 1), door(clock, 2)];
  publish(version(1));
  publish(version(1, 'a.example.'));
  notifier.register(wide.connection, wide.its, nameOf('example.'));
  notifier.register(narrow.connection, narrow.its, nameOf('a.example.'));
  await clock.advance(1000);
  wide.told.length = 0;
  narrow.told.length = 0;
  publish(version(2));
  await clock.advance(10);
  t.deepEqual([wide.told, narrow.told], [['example.'], []], 'a connection is asked about its zones');
  narrow.state.isSilent = true;
  publish(version(2, 'a.example.'));
  await clock.advance(5000);
  t.deepEqual([wide.told, narrow.told], [['example.', 'a.example.'], ['a.example.']]);
  narrow.state.isSilent = false;
  wide.close();
  await setImmediate();
  publish(version(3, 'a.example.'));
  publish(version(3));
  await clock.advance(5000);
  t.deepEqual(narrow.told, ['a.example.', 'a.example.']);
  t.deepEqual(notifier.followers.status(nameOf('example.')), []);
  t.is(notifier.followers.status(nameOf('a.example.')).length, 1);
  narrow.close();
  await setImmediate();
  t.deepEqual(notifier.followers.status(nameOf('a.example.')), []);
});

test('a hidden secondary whose connections all close at once costs nothing for each of them and each zone', async (t) => {
  const { clock, notifier, publish } = setUp([HIDDEN], []);
  const zones = Array.from({ length: 200 }, (_, i) => version(1, `z${i}.example.`));
  for (const zone of zones) publish(zone);
  const doors = Array.from({ length: 90 }, (_, port) => door(clock, port));
  for (const { connection, its } of doors) notifier.register(connection, its, nameOf('example.'));
  await clock.advance(1000);
  for (const { state, told } of doors) {
    state.isClosed = true;
    told.length = 0;
  }
  // That they are gone is told later.
  for (const { origin } of zones) publish(version(2, `${origin}`));
  await clock.advance(100 * 1000);
  t.deepEqual(
    doors.flatMap(({ told }) => told),
    [],
  );
});

test('who registers over and over is told of all zones once in half a second, and what changed meanwhile is not lost', async (t) => {
  const { clock, notifier, publish, zones } = setUp([HIDDEN], []);
  for (let i = 0; i < 100; i++) publish(version(1, `z${i}.example.`));
  const doors = Array.from({ length: 20 }, (_, port) => door(clock, port));
  zones.walks = 0;
  for (const { connection, its } of doors) {
    notifier.register(connection, its, nameOf('example.'));
    await clock.advance(10);
  }
  t.is(zones.walks, 1);
  await clock.advance(1000);
  t.is(zones.walks, 2, 'the last of them may be another process');
  t.is(doors.at(-1)!.told.length, 100);
});

test.serial(
  'who registers thousands of names is told of them together, and is a hundred lines of the log',
  async (t) => {
    const lines: Readonly<Record<string, unknown>>[] = [];
    const info: Log['info'] = (_, fields) => void lines.push(fields ?? {});
    const { clock, notifier, publish, zones } = setUp([HIDDEN], [], [], { ...silent, info });
    for (let i = 0; i < 100; i++) publish(version(1, `z${i}.example.`));
    const doors = Array.from({ length: 20 }, (_, port) => door(clock, port));
    zones.walks = 0;
    for (const [i, { connection, its }] of doors.entries())
      for (let n = 0; n < 100; n++) notifier.register(connection, its, nameOf(`n${n}.z${(i + n) % 100}.example.`));
    notifier.register(doors[0]!.connection, doors[0]!.its, nameOf('z7.example.'));
    const walks = async (): Promise<number> => {
      await clock.advance(100);
      return zones.walks;
    };
    await until(walks, { what: 'it is told for the first name, and for all others', holds: (count) => count === 2 });
    t.is(lines.length, 100);
    await clock.advance(60_000);
    t.is(zones.walks, 2);
    t.deepEqual(lines.at(-1), { key: `${HIDDEN}.`, zones: 1900 });
  },
);
test.serial('a secondary of many zones registers, and goes, in slices', async (t) => {
  const { clock, notifier, publish, zones } = setUp([HIDDEN], []);
  for (let i = 0; i < 20_000; i++) publish(version(1, `z${i}.example.`));
  await setImmediate();
  const one = door(clock, 1);
  const longest = await longestTurn(async () => {
    notifier.register(one.connection, one.its, nameOf('example.'));
    await until(() => notifier.followers.behind.secondaries === 1 && one.told.length > 0, { what: 'it is told' });
  });
  t.true(longest < 250, `${longest} ms`);
  one.state.isClosed = true;
  one.close();
  await until(() => [...zones].every(({ origin }) => notifier.followers.status(origin).length === 0), {
    what: 'the end',
  });
});

test('many who cannot be asked keep nothing else waiting', async (t) => {
  let failed = 0;
  const counting = {
    ...silent,
    debug: (event: string) => {
      if (event === 'notify.failed') failed++;
    },
  } as unknown as Log;
  const { clock, notifier, publish } = setUp([HIDDEN], [], [], counting);
  const one = door(clock, 1);
  publish(version(1, 'z0.example.'));
  notifier.register(one.connection, one.its, nameOf('example.'));
  await clock.advance(1000);
  one.state.isClosed = true;
  for (let i = 0; i < 500; i++) publish(version(2, `z${i}.example.`));
  await setImmediate();
  t.true(failed > 0 && failed < 100, `${failed}`);
  await clock.advance(500);
  t.true(failed >= 500, 'all the same each is tried');
});

test('a hidden secondary whose address is told anyhow is not counted twice', async (t) => {
  const { clock, notifier, publish } = setUp([HIDDEN], ['127.0.0.1']);
  const origin = nameOf('example.');
  const named = Zone.fromRecords(
    origin,
    recordsFrom('@ 60 SOA m h 1 3600 600 86400 300\n@ 60 NS ns\nns 60 A 127.0.0.1', origin),
  )!;
  const { connection, its } = door(clock, 1, { address: '127.0.0.1' });
  publish(named);
  notifier.register(connection, its, origin);
  await clock.advance(1000);
  publish(named);
  await clock.advance(1000);
  t.deepEqual(
    notifier.followers.status(origin).map(({ secondary }) => secondary),
    ['127.0.0.1'],
  );
});

for (const [whom, name, address] of [
  ['its key', named('10.0.0.2'), '10.0.0.2'],
  ['a name server', HIDDEN, '127.0.0.1'],
] as const) {
  test(`a secondary at the address of ${whom} that asks for a zone itself is soon asked what it serves`, async (t) => {
    const { clock, notifier, publish, fake } = setUp([name], [address]);
    const secondary = fake(address);
    secondary.isAway = true;
    const origin = nameOf('example.');
    const text = `@ 60 SOA m h 1 3600 600 86400 300\n@ 60 NS ns\nns 60 A ${address}`;
    publish(Zone.fromRecords(origin, recordsFrom(text, origin))!);
    // Until all is tried again at leisure.
    await clock.advance(10_000_000);
    secondary.isAway = false;
    secondary.serial = 1;
    secondary.asked.length = 0;
    const { connection, its } = door(clock, 1, { name, address });
    notifier.register(connection, its, origin);
    await clock.advance(1000);
    t.is(secondary.asked.length, 1);
    t.like(notifier.followers.status(origin), [{ secondary: address, serial: 1, lag: 0 }]);
  });
}

test('a link on a connection believes no reply that is not signed', async (t) => {
  const its = key('x.10.0.0.1._transfer.example');
  const connection = {
    peer: { address: '10.0.0.7', port: 4000 },
    request: async (octets: Uint8Array) => ok(encodeMessage(responseTo(given(decodeMessage(octets)), RCODE.NOERROR))),
  } as unknown as Connection;
  const link = linkByConnection(connection, its, 'connection 1', {
    port: 53,
    signal: new AbortController().signal,
    clock: new VirtualClock(),
    keys: () => new KeyTable([its]),
  });
  const reply = await link.ask({ ...responseTo(given(decodeMessage(new Uint8Array(12))), 0), qr: false }, 100);
  t.like(reply, { ok: false, fault: { kind: 'tsig' } });
});

test('a secondary that takes one key for one zone and another for another is told of both at once, whichever was used last', async (t) => {
  const [first, second] = [named('127.0.0.1'), `other.${named('127.0.0.1')}`].map(key) as [Key, Key];
  const clock = new VirtualClock();
  const secondary = createSocket('udp4');
  secondary.on('message', (octets, { port, address }) => {
    const message = given(decodeMessage(octets));
    const by = message.tsig!.keyName.equals(first.name) ? first : second;
    const isIts = message.questions[0]!.name.equals(nameOf('a.example.')) === (by === first);
    const reply = encodeMessage(responseTo(message, isIts ? RCODE.NOERROR : RCODE.REFUSED));
    const now = Math.floor(Date.now() / 1000);
    secondary.send(sign(reply, by, { now, priorMac: message.tsig!.mac }).octets, port, address);
  });
  await new Promise<void>((resolve) => secondary.bind(0, '127.0.0.1', resolve));
  t.teardown(() => secondary.close());
  const keys = [first, second];
  const { signal } = new AbortController();
  const options = { port: secondary.address().port, signal, clock, keys: () => new KeyTable(keys) };
  const link = linkByAddress({ address: '127.0.0.1', keys }, options);
  for (const zone of ['a.example.', 'b.example.', 'a.example.', 'b.example.']) {
    const reply = await link.ask(notifyMessage(nameOf(zone)), 10_000);
    t.like(reply, { ok: true, value: { rcode: RCODE.NOERROR } }, zone);
  }
  const nobodys = [second];
  const denied = await linkByAddress({ address: '127.0.0.1', keys: nobodys }, options).ask(
    notifyMessage(nameOf('a.example.')),
    10_000,
  );
  t.like(denied, { ok: true, value: { rcode: RCODE.REFUSED } });
});

test('a secondary of the other address family is reached though the server has one address alone to send from', async (t) => {
  const secondary = createSocket('udp4');
  await new Promise<void>((resolve) => secondary.bind(0, '127.0.0.1', resolve));
  t.teardown(() => secondary.close());
  let requests = 0;
  secondary.on('message', (octets, { address, port }) => {
    requests++;
    secondary.send(encodeMessage(responseTo(given(decodeMessage(octets)), RCODE.NOERROR)), port, address);
  });
  const keys = [key(named('127.0.0.1'))];
  const { signal } = new AbortController();
  const { port } = secondary.address();
  const options = { port, source: '::1', signal, clock: new VirtualClock(), keys: () => new KeyTable(keys) };
  const unsigned = linkByAddress({ address: '127.0.0.1', keys: [] }, options);
  t.like(await unsigned.ask(notifyMessage(nameOf('example.')), 10_000), { ok: true, value: { rcode: RCODE.NOERROR } });
  await linkByAddress({ address: '127.0.0.1', keys }, options).ask(notifyMessage(nameOf('example.')), 1000);
  t.is(requests, 2, 'with a key it is asked as well');
});

test('links that nobody asks anything listen for nothing, and the end answers who has asked', async (t) => {
  const silence = createSocket('udp4');
  await new Promise<void>((resolve) => silence.bind(0, '127.0.0.1', resolve));
  t.teardown(() => silence.close());
  const end = new AbortController();
  const { signal } = end;
  setMaxListeners(0, signal);
  const keys = [named('127.0.0.1'), 'x.10.0.0.1._transfer.example'].map(key);
  const options = { port: silence.address().port, signal, clock: new VirtualClock(), keys: () => new KeyTable(keys) };
  const links = Array.from({ length: 100 }, () => linkByAddress({ address: '127.0.0.1', keys }, options));
  t.is(getEventListeners(signal, 'abort').length, 0);
  const inVain = await links[0]!.ask(notifyMessage(nameOf('example.')), 1);
  t.like(inVain, { ok: false, fault: { kind: 'timeout' } });
  await until(() => getEventListeners(signal, 'abort').length === 0, { what: 'nothing is under way' });
  const replies = links.map((link) => link.ask(notifyMessage(nameOf('example.')), 600_000));
  t.is(getEventListeners(signal, 'abort').length, links.length);
  end.abort();
  for (const reply of await Promise.all(replies)) t.like(reply, { ok: false, fault: { kind: 'aborted' } });
  await until(() => getEventListeners(signal, 'abort').length === 0, { what: 'nothing is under way' });
});

test('who follows a catalog is told of it, and never asked for its serial', async (t) => {
  const { clock, publish, fake, notifier } = setUp([named('10.0.0.2')], ['10.0.0.2'], ['Example.']);
  publish(version(1));
  await clock.advance(100_000);
  publish(version(2));
  await clock.advance(100_000);
  t.deepEqual(fake('10.0.0.2').told, [1, 2]);
  t.deepEqual(fake('10.0.0.2').asked, []);
  t.deepEqual(notifier.followers.behind, { secondaries: 0, lag: 0 });
  const origin = nameOf('example.');
  const from = { address: '10.0.0.2', port: 9 };
  t.like(notifier.followers.status(origin), [{ secondary: '10.0.0.2', serial: undefined, lag: 0 }]);
  notifier.asked(origin, undefined, from, 1);
  t.like(notifier.followers.status(origin), [{ serial: 1 }]);
  t.is(notifier.followers.behind.secondaries, 1);
  notifier.sent(origin, undefined, from, 2);
  t.like(notifier.followers.status(origin), [{ serial: 2, lag: 0 }]);
  t.is(notifier.followers.behind.secondaries, 0);
  await clock.advance(100_000);
  t.deepEqual(fake('10.0.0.2').asked, []);
});
