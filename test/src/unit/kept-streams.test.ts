/** Connections of transfers that are kept for the next one (RFC 7766 6.2.1, RFC 7828), over real sockets. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { parseKey } from '@zonewright/common/authority/key';
import type { Peer } from '@zonewright/common/net/address';
import { Framer, frame } from '@zonewright/common/net/framing';
import { KeptStreams } from '@zonewright/common/net/kept-streams';
import { TYPE } from '@zonewright/common/rr/type';
import { transferNewer } from '@zonewright/common/service/transfer-in';
import { BARE_EDNS, type Edns, OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordsFrom, zoneOf } from '../support/records.ts';
import { until } from '../support/until.ts';

const SECRET = Buffer.from('a secret of thirty-two octets!!!').toString('base64');
const key = given(parseKey(`x.127.0.0.1._transfer.example:SHA256:${SECRET}`));
const origin = nameOf('example.');
const soa = '@ 3600 SOA ns hostmaster 2 3600 600 86400 300';
const answers = recordsFrom(`${soa}\n@ 60 NS ns.other.\n${soa}`, origin);

/** Answers each request with a whole zone, on whichever connection it comes. */
class Primary {
  readonly requests: Message[] = [];
  readonly sockets: Socket[] = [];
  edns: Edns | undefined;
  /** Octets that follow each reply in the same segment. */
  behind: Uint8Array = new Uint8Array(0);
  /** Connections by number on which nothing is said any more. */
  readonly silent = new Set<number>();
  at: Peer = { address: '127.0.0.1', port: 0 };

  static async start(t: ExecutionContext): Promise<Primary> {
    const primary = new Primary();
    const server = createServer((socket) => primary.#accept(socket));
    t.teardown(() => {
      for (const socket of primary.sockets) socket.destroy();
      server.close();
    });
    primary.at = { address: '127.0.0.1', port: await freePort() };
    server.listen(primary.at.port, primary.at.address);
    await once(server, 'listening');
    return primary;
  }

  #accept(socket: Socket): void {
    this.sockets.push(socket);
    socket.on('error', () => undefined);
    const framer = new Framer();
    socket.on('data', (octets) => {
      framer.push(octets);
      for (let next = framer.next(); next !== undefined; next = framer.next()) this.#answer(socket, next);
    });
  }

  #answer(socket: Socket, octets: Uint8Array): void {
    const request = given(decodeMessage(octets));
    this.requests.push(request);
    if (this.silent.has(this.sockets.indexOf(socket))) return;
    const { edns } = this;
    const reply = { ...responseTo(request, 0), aa: true, answers, ...(edns === undefined ? {} : { edns }) };
    const now = Math.floor(Date.now() / 1000);
    const signed = sign(encodeMessage(reply), key, { now, priorMac: request.tsig!.mac });
    socket.write(Buffer.concat([frame(signed.octets), this.behind]));
  }
}

const start = async (t: ExecutionContext, options: { readonly maxAge?: number } = {}) => {
  const primary = await Primary.start(t);
  const streams = new KeptStreams(options);
  const route = { server: primary.at, key };
  const transfer = async (): Promise<void> => {
    t.is(given(await transferNewer(route, origin, undefined, { streams })).applied?.zone.serial, 2);
  };
  return { primary, streams, route, transfer };
};

const keepalive = (...data: number[]): Edns => ({
  ...BARE_EDNS,
  options: [{ code: OPTION.KEEPALIVE, data: Uint8Array.from(data) }],
});

test('transfers one after the other come over one connection, and ask how long it is kept (RFC 7828 3.2.1)', async (t) => {
  const { primary, transfer } = await start(t);
  for (let i = 0; i < 3; i++) await transfer();
  t.is(primary.sockets.length, 1);
  t.is(primary.requests.length, 3);
  t.true(primary.requests.every(({ edns }) => edns?.options.some(({ code }) => code === OPTION.KEEPALIVE)));
});

test('transfers at the same time have a connection each, and those are used again', async (t) => {
  const { primary, transfer } = await start(t);
  await Promise.all([transfer(), transfer(), transfer()]);
  t.is(primary.sockets.length, 3);
  await Promise.all([transfer(), transfer()]);
  t.is(primary.sockets.length, 3);
});

test('a connection that the primary has closed meanwhile is replaced by another, and nothing is lost', async (t) => {
  const { primary, transfer } = await start(t);
  await transfer();
  primary.sockets[0]!.end();
  await transfer();
  t.is(primary.sockets.length, 2);
  primary.sockets[1]!.resetAndDestroy();
  await transfer();
  t.is(primary.sockets.length, 3);
});

test('a primary that keeps no idle connection is left, and one that keeps it shortly, after that time (RFC 7828 3.2.2)', async (t) => {
  const { primary, transfer } = await start(t);
  const isClosed = (i: number) => until(() => primary.sockets[i]!.closed, { what: 'the connection is closed' });
  primary.edns = keepalive(0, 0);
  await transfer();
  await isClosed(0);
  primary.edns = keepalive(0, 1);
  await transfer();
  await isClosed(1);
  await transfer();
  t.is(primary.sockets.length, 3);
});

test('a connection on which something came that nobody asked for is not used again', async (t) => {
  const { primary, streams, route, transfer } = await start(t);
  await transfer();
  const stream = streams.take(route)!;
  streams.keep(route, stream);
  const before = stream.received;
  primary.sockets[0]!.write(frame(Uint8Array.of(0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0)));
  await until(() => stream.received > before, { what: 'it has come in' });
  await transfer();
  t.is(primary.sockets.length, 2);
  await until(() => primary.sockets[0]!.closed, { what: 'it is closed' });
});

test('a connection is only used for the way in which it was made', async (t) => {
  const { streams, route, transfer } = await start(t);
  await transfer();
  t.is(streams.take({ ...route, source: '127.0.0.1' }), undefined);
  t.is(streams.take({ ...route, server: { ...route.server, port: 1 } }), undefined);
  const stream = streams.take(route);
  t.not(stream, undefined);
  t.is(streams.take(route), undefined, 'one at a time');
  stream?.close();
});

test('a connection that was kept and is silent is replaced by another soon, and the same is asked there', async (t) => {
  const { primary, streams, route, transfer } = await start(t);
  await transfer();
  primary.silent.add(0);
  const current = zoneOf('@ 60 NS ns.other.', soa.replace(' 2 ', ' 1 '));
  const pace = { timeout: 30_000, limit: 60_000, period: 60_000, keptReply: 50 };
  const onVain = () => t.fail('the IXFR was good');
  const news = given(await transferNewer(route, origin, current, { streams, pace, onVain }));
  t.is(news.applied?.zone.serial, 2);
  t.deepEqual(
    primary.requests.map(({ questions }) => questions[0]!.type),
    [TYPE.AXFR, TYPE.IXFR, TYPE.IXFR],
  );
  t.is(primary.sockets.length, 2);
  await until(() => primary.sockets[0]!.closed, { what: 'the silent one is closed' });
});

test('a connection on which something came behind the end of a transfer, in the same segment, is not kept', async (t) => {
  const { primary, transfer } = await start(t);
  const whole = frame(Uint8Array.of(0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  const query = frame(Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  const parts = [Uint8Array.of(0xff, 0xff, 0), Uint8Array.of(0), whole, query];
  for (const [i, behind] of parts.entries()) {
    primary.behind = behind;
    await transfer();
    t.is(primary.sockets.length, i + 1);
    await until(() => primary.sockets[i]!.closed, { what: 'it is closed' });
  }
});

test('a connection does not keep the process alive while it is kept, and does while it is used', async (t) => {
  const { streams, route, transfer } = await start(t);
  const held = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  await transfer();
  const before = held();
  const stream = streams.take(route)!;
  t.is(held(), before + 1);
  streams.keep(route, stream);
  t.is(held(), before);
});

test('a connection that is used again and again ends at some age', async (t) => {
  const { primary, transfer } = await start(t, { maxAge: 1000 });
  const isAnother = async () => {
    await transfer();
    return primary.sockets.length > 1;
  };
  await until(isAnother, { what: 'there is another connection' });
  t.true(primary.requests.length > 2);
  await until(() => primary.sockets[0]!.closed, { what: 'the first is closed' });
});
