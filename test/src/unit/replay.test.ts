/** Requests that come more than once: as the table sees them, and on the sockets of a server. */
import { createSocket } from 'node:dgram';
import type { Authority } from '@zonewright/common/authority/authority';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { type Refusal, ReplayTable } from '@zonewright/common/authority/replay';
import type { Request } from '@zonewright/common/authority/request';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer, type Verdict } from '@zonewright/common/service/name-server';
import { OPCODE, printRcode, RCODE } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { sign, verify } from '@zonewright/common/wire/tsig';
import test from 'ava';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf, zoneOf } from '../support/records.ts';
import { udpOfRun } from '../support/udp-way.ts';

const origin = nameOf('example.');
const NOW = 1_800_000_000;
const keyNamed = (name: string) =>
  given(parseKey(`${name}:SHA256:${Buffer.from('a secret of thirty-two octets!!!').toString('base64')}`));
const key = keyNamed('k._update.example');

const update = (id: number, address = '192.0.2.9'): Uint8Array =>
  encodeMessage({
    ...emptyMessage(id, OPCODE.UPDATE),
    questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }],
    authorities: [recordOf(`x 60 A ${address}`, origin)],
  });

interface Sending {
  readonly id?: number;
  readonly address?: string;
  readonly time?: number;
  readonly fudge?: number;
  readonly signer?: typeof key;
}

/** A request as it comes out of its verification. */
const requestOf = ({ id = 1, address, time = NOW, fudge = 300, signer = key }: Sending = {}): Request => {
  const { octets } = sign(update(id, address), signer, { now: time, fudge });
  return { message: given(decodeMessage(octets)), key: signer, transport: 'udp' };
};

/** A table, what was run, and the ends of what is under way. */
const tableOf = (
  most?: number,
): {
  table: ReplayTable<string>;
  ask: (request: Request, now?: number, steady?: number) => Promise<string> | Refusal;
  begun: () => number;
  end: (outcome: string) => Promise<void>;
} => {
  const table = new ReplayTable<string>(most);
  const waiting: ((outcome: string) => void)[] = [];
  let begun = 0;
  return {
    table,
    begun: () => begun,
    ask: (request, now = NOW, steady = now - NOW) =>
      table.once(request, now, steady, () => {
        begun++;
        return new Promise<string>((resolve) => waiting.push(resolve));
      }),
    end: async (outcome) => {
      waiting.shift()!(outcome);
      await Promise.resolve();
    },
  };
};

test('the same request waits for the outcome of the first, and gets it again afterwards', async (t) => {
  const { ask, begun, end } = tableOf();
  const first = ask(requestOf());
  const second = ask(requestOf());
  t.is(begun(), 1);
  await end('done');
  t.deepEqual(await Promise.all([first, second, ask(requestOf()), ask(requestOf(), NOW + 300)]), Array(4).fill('done'));
  t.is(begun(), 1);
});

test('a request is the same under another ID and with its MAC truncated, and no other way', async (t) => {
  const { ask, begun, end } = tableOf();
  const request = requestOf();
  const outcome = ask(request);
  await end('done');
  await outcome;
  const { tsig } = request.message;
  for (const length of [16, 17, 31])
    t.is(
      await ask({
        ...request,
        message: { ...request.message, tsig: { ...tsig!, mac: tsig!.mac.subarray(0, length) } },
      }),
      'done',
    );
  t.is(await ask({ ...request, message: { ...request.message, id: 77 } }), 'done');
  t.is(begun(), 1);
  const others: readonly Sending[] = [
    { id: 2 },
    { address: '192.0.2.8' },
    { time: NOW + 1 },
    { fudge: 299 },
    { signer: keyNamed('other._update.example') },
  ];
  for (const [i, other] of others.entries()) {
    void ask(requestOf(other));
    t.is(begun(), 2 + i, JSON.stringify(other));
  }
});

test('an unsigned request is like no other, and is not remembered', (t) => {
  const { table, ask, begun } = tableOf();
  const request: Request = { message: given(decodeMessage(update(1))), transport: 'udp' };
  for (let i = 0; i < 3; i++) void ask(request);
  t.is(begun(), 3);
  t.is(table.size, 0);
});

test('what throws is carried out again', async (t) => {
  const table = new ReplayTable<string>();
  const broken = (): Promise<string> => {
    throw new Error('a bug');
  };
  await t.throwsAsync(async () => table.once(requestOf(), NOW, 0, broken));
  await t.throwsAsync(async () => table.once(requestOf(), NOW, 0, () => Promise.reject(new Error('a bug'))));
  t.is(await table.once(requestOf(), NOW, 0, () => Promise.resolve('done')), 'done');
});

const SIGNED = requestOf();

/** A request with a MAC made of a number, which nobody verifies: signing tens of thousands takes long. */
const numbered = (number: number, { time = NOW, fudge = 300, signer = key }: Sending = {}): Request => {
  const { message } = SIGNED;
  const mac = new Uint8Array(32);
  new DataView(mac.buffer).setFloat64(0, number);
  return {
    message: { ...message, tsig: { ...message.tsig!, mac, timeSigned: time, fudge } },
    key: signer,
    transport: 'udp',
  };
};

test('outcomes go when their signatures are too old, whatever came before them', async (t) => {
  const { table, ask, end } = tableOf();
  const all = [
    ask(numbered(0, { fudge: 9000 })),
    ...Array.from({ length: 50 }, (_, i) => ask(numbered(1 + i))),
    ask(numbered(99, { time: NOW + 200 })),
  ];
  for (const _ of all) await end('done');
  await Promise.all(all);
  void ask(numbered(100), NOW + 300);
  t.is(table.size, 53, 'they are good to the last second');
  void ask(numbered(101, { time: NOW + 301 }), NOW + 301);
  t.is(table.size, 3, 'the long one, the late one, the new one');
  void ask(numbered(102, { time: NOW + 9001 }), NOW + 9001);
  t.is(table.size, 1);
});

test('an outcome is known as long as its signature is good, also where the time of day is set forward and back, or back', async (t) => {
  const { table, ask, begun, end } = tableOf();
  const first = ask(requestOf());
  await end('done');
  void ask(numbered(1, { time: NOW + 7200 }), NOW + 7200, 60);
  t.is(await ask(requestOf(), NOW + 120, 120), 'done', 'an hour forward, for a minute');
  void ask(numbered(2, { time: NOW - 3000 }), NOW - 3000, 600);
  t.is(await ask(requestOf(), NOW, 3600), 'done', 'and back for an hour');
  t.is(await first, 'done');
  t.is(begun(), 3);
  void ask(numbered(3, { time: NOW + 9000 }), NOW + 9000, 12_600);
  t.is(table.size, 1, 'too old by both');
});

test('no key has what another did, or what itself did, forgotten: one that has done too much is refused', async (t) => {
  const { table, ask, begun, end } = tableOf(100);
  const other = keyNamed('other._update.example');
  const run = async (request: Request, now = NOW): Promise<unknown> => {
    const before = begun();
    const outcome = ask(request, now);
    if (begun() > before) await end(`outcome ${begun()}`);
    return outcome;
  };
  t.is(await run(numbered(0, { signer: other })), 'outcome 1');
  t.is(await run(numbered(0)), 'outcome 2');
  for (let i = 1; i < 100; i++) await run(numbered(i));
  for (let i = 100; i < 200; i++) t.is(await run(numbered(i)), 'remembered');
  t.is(begun(), 101);
  t.is(await run(numbered(0, { signer: other })), 'outcome 1', 'what the other did');
  t.is(await run(numbered(0)), 'outcome 2', 'and what it did first itself');
  t.is(await run(numbered(1, { signer: other })), 'outcome 102', 'the other is not held up');
  t.is(table.size, 102);
  t.is(await run(numbered(100, { time: NOW + 301 }), NOW + 301), 'outcome 103', 'when they are too old');
  t.is(table.size, 1);
});

test('no more than a thousand are under way, and those that wait for one of them cost nothing', async (t) => {
  const { ask, begun, end } = tableOf();
  const all = Array.from({ length: 1000 }, (_, id) => ask(requestOf({ id })));
  t.true(all.every((each) => typeof each !== 'string'));
  t.is(ask(requestOf({ id: 1000 })), 'under-way');
  t.is(ask(requestOf({ id: 7 })), all[7]!);
  t.is(begun(), 1000);
  await end('done');
  await all[0];
  t.true(ask(requestOf({ id: 1000 })) instanceof Promise);
});

test('an update over UDP that is sent again while the first waits is run once, and each gets its answer, freshly signed', async (t) => {
  const zones = new ZoneTable();
  zones.set(zoneOf('@ 60 NS ns.other.'));
  const authority: Authority = {
    zones,
    keys: new KeyTable([key]),
    identity: { version: 'test', id: 'test' },
    isTransferOpen: false,
    isPrimary: true,
    historyOf: () => undefined,
    expiryOf: () => 0,
  };
  const port = await freePort('127.0.0.1');
  const pending: ((verdict: Verdict) => void)[] = [];
  const hooks = {
    update: () => new Promise<Verdict>((resolve) => pending.push(resolve)),
    notify: () => Promise.resolve({ rcode: RCODE.REFUSED }),
  };
  const server = given(
    await startNameServer({ addresses: ['127.0.0.1'], port, authority, hooks, log: SILENT_LOG, udp: udpOfRun }),
  );
  t.teardown(() => server.close());
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  const replies: Uint8Array[] = [];
  const waiting: (() => void)[] = [];
  socket.on('message', (octets) => {
    replies.push(octets);
    waiting.shift()?.();
  });
  const send = (octets: Uint8Array): void => socket.send(octets, port, '127.0.0.1');
  const received = async (count: number): Promise<void> => {
    while (replies.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const { octets, mac } = sign(update(7), key, { now: Math.floor(Date.now() / 1000) });
  send(octets);
  send(octets);
  const forwarded = Uint8Array.from(octets);
  forwarded.set([0, 8], 0);
  send(forwarded);
  // A query after them on the same socket: once it is answered, they have been read.
  send(
    encodeMessage({ ...emptyMessage(9, OPCODE.QUERY), questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }] }),
  );
  await received(1);
  t.is(pending.length, 1);
  pending[0]!({ rcode: RCODE.YXRRSET });
  await received(4);
  send(octets);
  await received(5);
  t.is(pending.length, 1);
  const answers = replies.slice(1).map((reply) => ({ reply, message: given(decodeMessage(reply)) }));
  t.deepEqual(answers.map(({ message }) => message.id).sort(), [7, 7, 7, 8]);
  for (const { reply, message } of answers) {
    t.is(printRcode(message.rcode), 'YXRRSET');
    t.true(verify(reply, message.tsig!, key, { now: message.tsig!.timeSigned, priorMac: mac }).ok);
  }
});
