import { createServer, type Socket } from 'node:net';
import type { Peer } from '@zonewright/common/net/address';
import { Forwarder } from '@zonewright/common/service/forwarder';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import test, { type ExecutionContext } from 'ava';
import { recorder } from '../support/fake-primary.ts';
import { nameOf } from '../support/records.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const zone = nameOf('mirage.');
const client: Peer = { address: '192.0.2.1', port: 4242 };

const updateOf = (id: number): Uint8Array => encodeMessage(emptyMessage(id, OPCODE.UPDATE), 512);
const replyTo = (id: number): Uint8Array =>
  encodeMessage({ ...emptyMessage(id, OPCODE.UPDATE), qr: true, rcode: RCODE.YXDOMAIN }, 512);

interface Primary extends Peer {
  /** What came, as hexadecimal octets. */
  readonly came: string[];
  readonly connections: Socket[];
}

/** A primary that gives what `answer` does, or nothing. */
async function primaryOf(t: ExecutionContext, answer: (octets: Buffer) => Uint8Array | undefined): Promise<Primary> {
  const came: string[] = [];
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (octets) => {
      came.push(octets.subarray(2).toString('hex'));
      const reply = answer(octets.subarray(2));
      if (reply !== undefined) socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 255), reply]));
    });
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  t.teardown(() => {
    server.close();
    for (const socket of connections) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { address: '127.0.0.1', port: address.port, came, connections };
}

const forwarderTo = (t: ExecutionContext, ...primaries: readonly Peer[]): Forwarder => {
  const forwarder = new Forwarder({ primariesOf: () => primaries, reach: () => ({}), log: recorder().log });
  t.teardown(() => forwarder.close());
  return forwarder;
};

const rcodeOf = (answer: Uint8Array | { readonly rcode: number }): number =>
  answer instanceof Uint8Array ? answer[3]! & 15 : answer.rcode;

/** Octets of a reply; nothing for a verdict. */
const hexOf = (answer: unknown): string => (answer instanceof Uint8Array ? Buffer.from(answer).toString('hex') : '');

test('a request goes and a reply comes back octet for octet, past primaries that are away', async (t) => {
  const primary = await primaryOf(t, () => replyTo(77));
  const forwarder = forwarderTo(t, { address: '127.0.0.1', port: 1 }, primary);
  const reply = await forwarder.forward(updateOf(77), zone, client, true);
  t.is(hexOf(reply), hexOf(replyTo(77)));
  t.deepEqual(primary.came, [Buffer.from(updateOf(77)).toString('hex')]);
});

test('a request that has gone to a primary goes to no other', async (t) => {
  const first = await primaryOf(t, () => undefined);
  const second = await primaryOf(t, () => replyTo(1));
  const answer = forwarderTo(t, first, second).forward(updateOf(1), zone, client, true);
  await until(() => first.came.length, { what: 'it came', holds: (count) => count === 1 });
  first.connections[0]!.destroy();
  t.is(rcodeOf(await answer), RCODE.SERVFAIL);
  t.is(second.came.length, 0);
});

test('what cannot be passed on is counted, whatever the reason', async (t) => {
  let failed = 0;
  const options = { primariesOf: () => [], reach: () => ({}), log: recorder().log, onFailed: () => failed++ };
  const forwarder = new Forwarder(options);
  t.teardown(() => forwarder.close());
  t.is(rcodeOf(await forwarder.forward(updateOf(1), zone, client, true)), RCODE.SERVFAIL);
  t.is(failed, 1);
});

test('what is no reply to an update is not passed back', async (t) => {
  const query = { ...emptyMessage(1, OPCODE.QUERY), qr: true };
  const primary = await primaryOf(t, () => encodeMessage(query, 512));
  t.is(rcodeOf(await forwarderTo(t, primary).forward(updateOf(1), zone, client, true)), RCODE.SERVFAIL);
  t.is(rcodeOf(await forwarderTo(t).forward(updateOf(1), zone, client, true)), RCODE.SERVFAIL);
});

test('a client that repeats itself is passed on once, and what comes back from elsewhere goes in a circle', async (t) => {
  const primary = await primaryOf(t, () => undefined);
  const forwarder = forwarderTo(t, primary);
  const [first, again] = [1, 2].map(() => forwarder.forward(updateOf(5), zone, client, true));
  await until(() => primary.came.length, { what: 'it came', holds: (count) => count === 1 });
  t.is(rcodeOf(await forwarder.forward(updateOf(5), zone, { address: '192.0.2.2', port: 4242 }, true)), RCODE.SERVFAIL);
  primary.connections[0]!.write(Buffer.concat([Buffer.of(0, replyTo(5).length), replyTo(5)]));
  t.deepEqual([await first, await again].map(hexOf), [replyTo(5), replyTo(5)].map(hexOf));
  t.is(primary.came.length, 1);
});

test('one client, one network and datagrams of unknown origin have so many places, and the others still get theirs', async (t) => {
  const primary = await primaryOf(t, () => undefined);
  const forwarder = forwarderTo(t, primary);
  let id = 0;
  let refused = 0;
  const under: Promise<unknown>[] = [];
  const send = (count: number, addressOf: (i: number) => string, isProven = true): void => {
    for (let i = 0; i < count; i++)
      under.push(
        forwarder.forward(updateOf(id++), zone, { address: addressOf(i), port: 1024 }, isProven).then((answer) => {
          if (rcodeOf(answer) === RCODE.SERVFAIL) refused++;
        }),
      );
  };
  const holds = (went: number): Promise<unknown> =>
    until(() => [primary.came.length, refused], {
      what: 'some went, and the others are refused',
      holds: ([came, not]) => came === went && not === id - went,
    });
  send(100, (i) => `198.51.${i}.1`, false);
  await holds(10);
  send(12, () => '198.51.7.1');
  await holds(20);
  send(3, (i) => `2001:db8:0:1::${i}`);
  send(8, (i) => `2001:db8:0:1:${i}::1`);
  await holds(30);
  send(100, (i) => `2001:db8:0:${(i + 2).toString(16)}::1`);
  await holds(40);
  send(1, () => '192.0.2.1');
  await holds(40);
  forwarder.close();
  await Promise.all(under);
  t.is(refused, id);
});

test('a network has more places than a client of it, and not all', async (t) => {
  const primary = await primaryOf(t, () => undefined);
  const forwarder = forwarderTo(t, primary);
  const from = (address: string) => ({ address, port: 1024 });
  const under = Array.from({ length: 50 }, (_, i) => forwarder.forward(updateOf(i), zone, from(`192.0.2.${i}`), true));
  const other = Array.from({ length: 5 }, (_, i) =>
    forwarder.forward(updateOf(100 + i), zone, from('192.0.3.1'), true),
  );
  await until(() => primary.came.length, { what: 'the others went as well', holds: (came) => came >= 25 });
  forwarder.close();
  await Promise.all([...under, ...other]);
  t.is(primary.came.length, 25);
});

test('what primaries do not take is a hundred lines of the log a minute, of strangers and of others', async (t) => {
  const { log, lines } = recorder();
  const clock = new VirtualClock();
  const away: Peer = { address: '127.0.0.1', port: 1 };
  const refusing = await primaryOf(t, (octets) => replyTo(octets.readUInt16BE(0)));
  for (const [primary, event] of [
    [away, 'update.forward-failed'],
    [refusing, 'update.forwarded'],
  ] as const) {
    const forwarder = new Forwarder({ primariesOf: () => [primary], reach: () => ({}), log, clock });
    t.teardown(() => forwarder.close());
    for (let id = 0; id < 150; id++) await forwarder.forward(updateOf(id), zone, client, false);
    t.is(lines.splice(0).filter((line) => line.event === event).length, 100);
    await forwarder.forward(updateOf(150), zone, client, true);
    t.like(lines.splice(0), [{ event, fields: { peer: '192.0.2.1:4242' } }]);
    await clock.advance(60_000);
    t.like(lines.splice(0), [{ event, fields: { updates: 50 } }]);
  }
});
