/** NOTIFYs as they leave, and what is known of those who get them: on a clock that stands still, with secondaries that are plain objects. */
import { setImmediate } from 'node:timers/promises';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import type { NotifyTarget } from '@zonewright/common/authority/notify';
import type { Authority } from '@zonewright/common/authority/receive';
import { ZoneTable } from '@zonewright/common/authority/zones';
import type { Connection } from '@zonewright/common/net/connection';
import { fail, ok } from '@zonewright/common/result';
import { readSoa } from '@zonewright/common/rr/soa';
import { type Link, linkByConnection } from '@zonewright/common/service/link';
import type { Log } from '@zonewright/common/service/log';
import { Notifier } from '@zonewright/common/service/notifier';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { decodeMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { given, nameOf, recordsFrom } from '../support/records.ts';
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
  /** Milliseconds until it answers. */
  delay: number;
  isAway: boolean;
  serial: number | undefined;
}

const soaOf = (message: Message): number | undefined =>
  message.answers[0] === undefined ? undefined : readSoa(message.answers[0].rdata).serial;

const key = (name: string) => given(parseKey(`${name}:SHA256:AAAA`));

const setUp = (names: readonly string[], addresses: readonly string[], catalogs: readonly string[] = []) => {
  const clock = new VirtualClock();
  const zones = new ZoneTable();
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
      { told: [], asked: [], delay: 1, isAway: false, serial: undefined } satisfies Fake,
    ]),
  );
  const answer = (fake: Fake, message: Message): Message => {
    const reply = { ...responseTo(message, RCODE.NOERROR), aa: true };
    if (message.opcode === OPCODE.NOTIFY) return reply;
    return fake.serial === undefined ? reply : { ...reply, answers: [version(fake.serial).soaRecord()] };
  };
  const linkTo = ({ address }: NotifyTarget): Link => ({
    id: address,
    peer: address,
    ask: (message, timeout) =>
      new Promise((resolve) => {
        const fake = fakes.get(address)!;
        if (message.opcode === OPCODE.NOTIFY) fake.told.push(soaOf(message) ?? -1);
        else fake.asked.push(clock.now());
        clock.after(fake.isAway ? timeout : fake.delay, () =>
          resolve(fake.isAway ? fail({ kind: 'timeout', what: 'silence' }) : ok(answer(fake, message))),
        );
      }),
  });
  const notifier = new Notifier({
    authority,
    port: 53,
    log: silent,
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

test('a secondary that is away is told again with pauses, and of the newest serial when it is back', async (t) => {
  const { clock, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.isAway = true;
  publish(version(1));
  await clock.advance(10_000);
  t.deepEqual(secondary.told, [1, 1, 1]);
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

test('a secondary that is never current is not asked for ever', async (t) => {
  const { clock, publish, fake } = setUp([named('10.0.0.2')], ['10.0.0.2']);
  const secondary = fake('10.0.0.2');
  secondary.serial = 1;
  publish(version(2));
  await clock.advance(100_000_000);
  t.true(secondary.asked.length <= 21, `${secondary.asked.length}`);
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
  const connection = {
    peer: { address: '10.0.0.7', port: 4000 },
    closed: new Promise<void>((resolve) => {
      close = resolve;
    }),
    keep: () => {},
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
const door = (clock: VirtualClock, port: number, { address = '10.0.0.7', serial = 1, name = HIDDEN } = {}) => {
  const its = key(name);
  const told: string[] = [];
  const state = { serial, isSilent: false };
  let close: () => void = () => {};
  const connection = {
    peer: { address, port },
    closed: new Promise<void>((resolve) => {
      close = resolve;
    }),
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
