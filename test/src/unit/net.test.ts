/**
 * Sockets over loopback: servers, connections, exchanges, and what hostile or broken peers do to them.
 *
 * Tests that would break if a small time-out ended too early are serial: the others do not keep the event loop from them.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Name } from '@zonewright/common/name';
import { clientOf, type Peer, parsePeer, peerOf, printPeer } from '@zonewright/common/net/address';
import type { Connection } from '@zonewright/common/net/connection';
import { exchange } from '@zonewright/common/net/exchange';
import { listenFault, type ServeFault } from '@zonewright/common/net/fault';
import { Framer, frame } from '@zonewright/common/net/framing';
import { LIMITS, type Limits, limitsWith } from '@zonewright/common/net/limits';
import { type BindUdp, type Listening, type ListenOptions, listen } from '@zonewright/common/net/listen';
import { isReflector } from '@zonewright/common/net/reflector';
import { openStream, type Stream, type StreamOptions } from '@zonewright/common/net/stream';
import { listenTcp } from '@zonewright/common/net/tcp';
import { fail, type Result } from '@zonewright/common/result';
import { OPCODE, RCODE, TSIG_ERROR } from '@zonewright/common/wire/code';
import { decodeMessage, emptyMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import { refuse, sign, TSIG_ALGORITHMS, type TsigKey, tsigKey } from '@zonewright/common/wire/tsig';
import { StreamSigner } from '@zonewright/common/wire/tsig-stream';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { dig } from '../support/dig.ts';
import { testUnless, testWith } from '../support/needs.ts';
import { plainUdp, type ReceiveUdp } from '../support/plain-udp.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

const hasSix = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const testSix = testUnless(test, hasSix ? undefined : 'needs ::1');

const good = <T>(result: Result<T, unknown>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
};
const faultOf = <F>(result: Result<unknown, F>): F => {
  if (result.ok) throw new Error('no fault');
  return result.fault;
};

const name = (text: string): Name => good(Name.parse(text));
const key = (text = 'k.example', secret = 'a secret of the tests'): TsigKey =>
  tsigKey(name(text), TSIG_ALGORITHMS[2]!, Buffer.from(secret));
const seconds = (): number => Math.floor(Date.now() / 1000);

const query = (text = 'www.example', type = 1): Message => ({
  ...emptyMessage(0, OPCODE.QUERY),
  questions: [{ name: name(text), type, class: 1 }],
});
const wire = (message: Message, id = 7): Uint8Array => encodeMessage({ ...message, id });
const decoded = (octets: Uint8Array): Message => good(decodeMessage(octets));
/** A response to a request, of `size` octets of TXT. */
const reply = (octets: Uint8Array, size = 0, rcode: number = RCODE.NOERROR): Uint8Array => {
  const request = decoded(octets);
  const asked = request.questions[0]!;
  const strings = Math.ceil(size / 255);
  const rdata = Buffer.concat(Array.from({ length: strings }, () => Buffer.from([254, ...Buffer.alloc(254, 'x')])));
  const answers = size === 0 ? [] : [{ name: asked.name, type: 16, class: 1, ttl: 60, rdata }];
  return encodeMessage({ ...responseTo(request, rcode), answers });
};

type Test = ExecutionContext<unknown>;

type Listens = Omit<ListenOptions, 'bindUdp'> & { readonly receiveUdp?: ReceiveUdp; readonly bindUdp?: BindUdp };

const listenTo = ({ receiveUdp = () => undefined, ...options }: Listens): ReturnType<typeof listen> =>
  listen({ bindUdp: plainUdp(receiveUdp), ...options });

/** A server on 127.0.0.1 that echoes unless told otherwise. */
const start = async (
  t: Test,
  options: Partial<Listens> = {},
): Promise<Listening & { readonly peer: Peer; readonly faults: ServeFault[] }> => {
  const faults: ServeFault[] = [];
  const server = good(
    await listenTo({
      addresses: ['127.0.0.1'],
      port: 0,
      receiveUdp: (octets, _from, respond) => respond(reply(octets)),
      receiveTcp: (octets, connection) => void connection.send(reply(octets)),
      onFault: (fault) => void faults.push(fault),
      ...options,
    }),
  );
  t.teardown(() => server.close());
  return Object.assign(server, { peer: server.peers[0]!, faults });
};

/** A TCP client of plain octets that notes what comes and when it ends. */
const dial = async (
  t: Test,
  port: number,
  address = '127.0.0.1',
): Promise<{ socket: Socket; messages: Uint8Array[]; readonly closed: Promise<unknown> }> => {
  const socket = connect({ port, host: address, noDelay: true });
  t.teardown(() => socket.destroy());
  const framer = new Framer();
  const messages: Uint8Array[] = [];
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('data', (chunk: Buffer) => {
    framer.push(chunk);
    for (let next = framer.next(); next !== undefined; next = framer.next()) messages.push(next);
  });
  await once(socket, 'connect');
  return { socket, messages, closed };
};

/** A UDP server that is no Zonewright: it does to each request what it is told. */
const fakeUdp = async (
  t: Test,
  act: (octets: Uint8Array, send: (octets: Uint8Array) => void, from: Peer, socket: DatagramSocket) => void,
): Promise<Peer> => {
  const socket = createSocket('udp4');
  t.teardown(() => socket.close());
  socket.on('message', (octets, from) => {
    act(octets, (out) => socket.send(out, from.port, from.address), peerOf(from.address, from.port), socket);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return peerOf('127.0.0.1', socket.address().port);
};

/** A TCP server that does to each connection what it is told. */
const fakeTcp = async (t: Test, act: (socket: Socket) => void): Promise<Peer> => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    act(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return peerOf('127.0.0.1', (server.address() as { port: number }).port);
};

const open = async (t: Test, server: Peer, options: Partial<StreamOptions> = {}): Promise<Stream> => {
  const stream = good(await openStream({ server, ...options }));
  t.teardown(() => stream.close());
  return stream;
};

// Addresses and limits

test('peers are read and printed, and host names are not peers', (t) => {
  const read = (text: string): string => printPeer(good(parsePeer(text, 53)));
  t.is(read('192.0.2.1'), '192.0.2.1:53');
  t.is(read('192.0.2.1:5353'), '192.0.2.1:5353');
  t.is(read('2001:DB8:0:0:0::1'), '[2001:db8::1]:53');
  t.is(read('[::1]:54'), '[::1]:54');
  t.is(read('[::1]'), '[::1]:53');
  t.is(read('::ffff:192.0.2.1'), '192.0.2.1:53');
  t.is(read('::ffff:c000:201'), '192.0.2.1:53');
  for (const text of [
    '',
    'localhost',
    'localhost:53',
    '192.0.2.1:0',
    '192.0.2.1:65536',
    '[192.0.2.1]:53',
    '[::1]:',
    '::1%lo',
    '1.2.3',
  ]) {
    t.is(faultOf(parsePeer(text, 53)).kind, 'usage', text);
  }
});

test('an address of a socket loses its zone id and its mapping', (t) => {
  t.deepEqual(peerOf('fe80::1%eth0', 1), { address: 'fe80::1', port: 1 });
  t.deepEqual(peerOf('::ffff:192.0.2.7', 1), { address: '192.0.2.7', port: 1 });
});

test('an IPv6 client is counted by its /64', (t) => {
  t.is(clientOf('2001:db8:1:2:3:4:5:6'), clientOf('2001:db8:1:2::9'));
  t.not(clientOf('2001:db8:1:2::9'), clientOf('2001:db8:1:3::9'));
  t.is(clientOf('2001:db8::9'), clientOf('2001:db8:0:0:7::'));
  t.is(clientOf('::1'), clientOf('::2'));
  t.not(clientOf('192.0.2.1'), clientOf('192.0.2.2'));
});

test('the ports 0, 7, 13, 17, 19 and 37 are never answered, and 53 is', (t) => {
  const silent = Array.from({ length: 65_536 }, (_, port) => port).filter(isReflector);
  t.deepEqual(silent, [0, 7, 13, 17, 19, 37]);
});

test('every limit has a default, a unit and a reason', (t) => {
  for (const [limit, row] of Object.entries(LIMITS)) {
    t.true(row.default > 0, limit);
    t.true(row.reason.length > 10, limit);
  }
  t.is(limitsWith({ tcpIdle: 5 }).tcpIdle, 5);
  t.is(limitsWith().tcpConnections, 1000);
});

test('messages come out of a stream as they went in, however it is cut', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }),
      (messages, cuts) => {
        const octets = Buffer.concat(messages.map(frame));
        const framer = new Framer();
        const seen: Uint8Array[] = [];
        for (let at = 0, i = 0; at < octets.length; i++) {
          const end = at + cuts[i % cuts.length]!;
          framer.push(octets.subarray(at, end));
          at = end;
          for (let next = framer.next(); next !== undefined; next = framer.next()) seen.push(next);
        }
        t.false(framer.isPartial);
        t.deepEqual(seen.map(Buffer.from), messages.map(Buffer.from));
      },
    ),
  );
});

// Listening

test('UDP and TCP are bound on the same free port', async (t) => {
  const server = await start(t);
  t.is(server.udp[0]!.peer.port, server.tcp[0]!.peer.port);
  for (const transport of ['udp', 'tcp'] as const) {
    const got = good(await exchange({ server: server.peer, message: query(), transport }));
    t.true(got.qr);
  }
});

testSix('both wildcards are bound side by side, and serve both families', async (t) => {
  const seen: string[] = [];
  const server = await start(t, {
    addresses: ['0.0.0.0', '::'],
    receiveUdp: (octets, from, respond) => {
      seen.push(from.address);
      respond(reply(octets));
    },
    receiveTcp: (octets, connection) => {
      seen.push(`${connection.peer.address} to ${connection.local.address}`);
      void connection.send(reply(octets));
    },
  });
  t.deepEqual(server.peers.map(printPeer), [`0.0.0.0:${server.port}`, `[::]:${server.port}`]);
  for (const address of ['127.0.0.1', '::1']) {
    for (const transport of ['udp', 'tcp'] as const) {
      good(await exchange({ server: peerOf(address, server.port), message: query(), transport, source: address }));
    }
  }
  t.deepEqual(seen, ['127.0.0.1', '127.0.0.1 to 127.0.0.1', '::1', '::1 to ::1']);
});

test('by default all addresses are bound, and a second server is told who is in the way', async (t) => {
  const options = { receiveUdp: () => undefined, receiveTcp: () => undefined, onFault: () => undefined };
  const server = good(await listenTo({ ...options, port: 0 }));
  t.teardown(() => server.close());
  t.true(server.peers.length >= 1);
  const fault = faultOf(await listenTo({ ...options, port: server.port }));
  t.is(fault.code, 'EADDRINUSE');
  t.is(fault.port, server.port);
});

testSix('a machine without IPv6 is no fault by default, and is one where IPv6 is asked for', async (t) => {
  const without: BindUdp = (at) =>
    at.address === '::'
      ? Promise.resolve(fail(listenFault('EAFNOSUPPORT', { address: '::', port: at.port }, 'udp')))
      : plainUdp(() => undefined)(at);
  const options = { receiveUdp: () => undefined, receiveTcp: () => undefined, onFault: () => undefined, port: 0 };
  const server = good(await listenTo({ ...options, bindUdp: without }));
  t.deepEqual(
    server.peers.map(({ address }) => address),
    ['0.0.0.0'],
  );
  await server.close();
  const fault = faultOf(await listenTo({ ...options, bindUdp: without, addresses: ['0.0.0.0', '::'] }));
  t.deepEqual([fault.code, fault.address], ['EAFNOSUPPORT', '::']);
});

test('either all addresses are bound or none', async (t) => {
  const taken = createSocket('udp4');
  t.teardown(() => taken.close());
  // Not one that the kernel may give to others meanwhile.
  const port = await freePort('127.0.0.1', '127.0.0.2');
  taken.bind(port, '127.0.0.1');
  await once(taken, 'listening');
  const options = { receiveUdp: () => undefined, receiveTcp: () => undefined, onFault: () => undefined, port };
  const fault = faultOf(await listenTo({ ...options, addresses: ['127.0.0.2', '127.0.0.1'] }));
  t.deepEqual([fault.code, fault.transport, fault.address], ['EADDRINUSE', 'udp', '127.0.0.1']);
  const server = good(await listenTo({ ...options, addresses: ['127.0.0.2'] }));
  await server.close();
  t.is(faultOf(await listenTo({ ...options, addresses: ['192.0.2.1'] })).code, 'EADDRNOTAVAIL');
});

// Connections

test('a message that comes octet by octet is read', async (t) => {
  const server = await start(t);
  const { socket, messages } = await dial(t, server.port);
  for (const octet of frame(wire(query()))) {
    await new Promise((resolve) => socket.write(Uint8Array.of(octet), resolve));
  }
  await until(() => messages.length === 1, { what: 'the reply came' });
  t.is(decoded(messages[0]!).id, 7);
});

test('a thousand pipelined queries are all answered, no more than the limit at a time', async (t) => {
  let inFlight = 0;
  let most = 0;
  const server = await start(t, {
    limits: { tcpInFlight: 10 },
    receiveTcp: async (octets, connection) => {
      most = Math.max(most, ++inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      await connection.send(reply(octets));
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.write(Buffer.concat(Array.from({ length: 1000 }, (_, id) => frame(wire(query(), id)))));
  await until(() => messages.length === 1000, { what: 'all replies came' });
  t.is(most, 10);
  t.is(new Set(messages.map((octets) => decoded(octets).id)).size, 1000);
});

test('a client that asks thousands of questions at once leaves others their turn', async (t) => {
  let inTurn = 0;
  let most = 0;
  let isWatching = true;
  t.teardown(() => {
    isWatching = false;
  });
  const watch = (): void => {
    inTurn = 0;
    if (isWatching) setImmediate(watch);
  };
  watch();
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      most = Math.max(most, ++inTurn);
      await connection.send(reply(octets));
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.write(Buffer.concat(Array.from({ length: 5000 }, () => frame(wire(query(), 0)))));
  await until(() => messages.length === 5000, { what: 'all replies came' });
  // What the kernel hands over at a time holds two thousand of them.
  t.true(most <= 64, `${most} in one turn`);
});

test('the answer that is ready first is sent first (RFC 7766 6.2.1.1)', async (t) => {
  const held: (() => void)[] = [];
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      if (decoded(octets).id === 1) await new Promise<void>((resolve) => held.push(resolve));
      await connection.send(reply(octets));
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.write(Buffer.concat([1, 2, 3].map((id) => frame(wire(query(), id)))));
  await until(() => messages.length === 2, { what: 'the others have overtaken the first' });
  held[0]!();
  await until(() => messages.length === 3, { what: 'all replies came' });
  t.deepEqual(
    messages.map((octets) => decoded(octets).id),
    [2, 3, 1],
  );
});

test('messages cut anywhere and glued together are all answered', async (t) => {
  const server = await start(t);
  const { socket, messages } = await dial(t, server.port);
  const all = Buffer.concat(Array.from({ length: 30 }, (_, id) => frame(wire(query(), id))));
  // Pieces of every size from 1 on, so that lengths, headers and names are cut.
  for (let at = 0, size = 1; at < all.length; at += size++) {
    await new Promise((resolve) => socket.write(all.subarray(at, at + size), resolve));
  }
  await until(() => messages.length === 30, { what: 'all replies came' });
  t.is(new Set(messages.map((octets) => decoded(octets).id)).size, 30);
});

test('what was asked before the client has sent its end is answered', async (t) => {
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      await new Promise((resolve) => setImmediate(resolve));
      await connection.send(reply(octets, 20_000));
    },
  });
  const { socket, messages, closed } = await dial(t, server.port);
  socket.end(Buffer.concat([1, 2, 3].map((id) => frame(wire(query(), id)))));
  await closed;
  t.is(messages.length, 3);
  await until(() => server.connectionCount === 0, { what: 'the server has closed it' });
});

test('a message of 65535 octets goes both ways', async (t) => {
  const lengths: number[] = [];
  const server = await start(t, {
    receiveTcp: (octets, connection) => {
      lengths.push(octets.length);
      void connection.send(new Uint8Array(65_535));
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.write(frame(new Uint8Array(65_535)));
  await until(() => messages.length === 1, { what: 'the reply came' });
  t.deepEqual([lengths[0], messages[0]!.length], [65_535, 65_535]);
});

const short = { tcpFirstMessage: 60, tcpMessage: 60, tcpIdle: 60 };

for (const [title, octets, limits] of [
  ['a client that says nothing', [], short],
  ['half a length and then silence', [0], short],
  ['a length of 65535 and then silence', [255, 255, 1, 2, 3], short],
  ['a length of 0', [0, 0], {}],
] as const satisfies readonly (readonly [string, readonly number[], Partial<Limits>])[]) {
  test(`${title}: the connection is closed`, async (t) => {
    const server = await start(t, { limits });
    const { socket, closed } = await dial(t, server.port);
    socket.write(Uint8Array.from(octets));
    await closed;
    await until(() => server.connectionCount === 0, { what: 'the server has forgotten it' });
    t.deepEqual(server.faults, []);
  });
}

test('a message that is sent an octet at a time must still be whole in time', async (t) => {
  const server = await start(t, { limits: { tcpMessage: 100, tcpFirstMessage: 100 } });
  const { socket, closed } = await dial(t, server.port);
  const drip = setInterval(() => socket.write(Uint8Array.of(200)), 20);
  t.teardown(() => clearInterval(drip));
  await closed;
  t.pass();
});

test('a connection is kept while a response is owed, and closed when it is idle after that', async (t) => {
  let respond: (() => void) | undefined;
  const server = await start(t, {
    limits: { tcpIdle: 50 },
    receiveTcp: async (octets, connection) => {
      await new Promise<void>((resolve) => {
        respond = resolve;
      });
      await connection.send(reply(octets));
    },
  });
  const { socket, messages, closed } = await dial(t, server.port);
  const startTime = performance.now();
  socket.write(frame(wire(query())));
  await until(() => performance.now() - startTime > 200, { what: 'four idle times are over' });
  t.is(server.connectionCount, 1);
  respond?.();
  await closed;
  t.is(messages.length, 1);
});

test('a kept connection is not closed for being idle, and carries our requests', async (t) => {
  let kept: Connection | undefined;
  const server = await start(t, {
    limits: { tcpIdle: 50 },
    receiveTcp: (octets, connection) => {
      kept = connection;
      connection.keep();
      void connection.send(reply(octets));
    },
  });
  const asked: Message[] = [];
  const stream = await open(t, server.peer, {
    receive: (octets, own) => {
      asked.push(decoded(octets));
      void own.send(reply(octets));
    },
  });
  good(await stream.request(query()));
  const startTime = performance.now();
  await until(() => performance.now() - startTime > 200, { what: 'four idle times are over' });
  t.is(server.connectionCount, 1);
  const notify = encodeMessage({ ...query('example', 6), opcode: OPCODE.NOTIFY, id: 4711 });
  const response = decoded(good(await kept!.request(notify, 5_000)));
  t.deepEqual([response.id, response.qr, response.opcode], [4711, true, OPCODE.NOTIFY]);
  t.is(asked.length, 1);
});

test.serial('a request of ours ends with the response, in time, or with the connection', async (t) => {
  const connections: Connection[] = [];
  const seen: number[] = [];
  const server = await start(t, {
    receiveTcp: (octets, connection) => {
      seen.push(decoded(octets).id);
      connections.push(connection);
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.write(frame(wire(query())));
  await until(() => connections.length === 1, { what: 'the query came' });
  const connection = connections[0]!;
  t.is(faultOf(await connection.request(wire(query(), 1), 30)).kind, 'timeout');
  const waiting = connection.request(wire(query(), 2), 5_000);
  t.is(faultOf(await connection.request(wire(query(), 2), 5_000)).kind, 'busy');
  await until(() => messages.length === 2, { what: 'both requests came' });
  // The late response, one that nobody waits for, and then the one waited for: only requests reach the receiver.
  socket.write(Buffer.concat([messages[0]!, wire(query(), 99), messages[1]!].map((octets) => frame(reply(octets)))));
  t.is(decoded(good(await waiting)).id, 2);
  const cut = connection.request(wire(query(), 3), 5_000);
  socket.destroy();
  t.is(faultOf(await cut).kind, 'closed');
  t.is(faultOf(await connection.request(wire(query(), 4), 5_000)).kind, 'closed');
  await connection.closed;
  t.false(await connection.send(Uint8Array.of(1)));
  t.deepEqual(seen, [7]);
});

test('a client that never reads is dropped when it owes too much for too long', async (t) => {
  let unfinished = 0;
  const server = await start(t, {
    limits: { tcpOwed: 200_000, tcpOwedTime: 100 },
    receiveTcp: async (octets, connection) => {
      unfinished++;
      await connection.send(reply(octets, 60_000));
      unfinished--;
    },
  });
  const { socket, closed } = await dial(t, server.port);
  socket.pause();
  for (let id = 0; id < 500; id++) socket.write(frame(wire(query(), id)));
  await until(() => server.faults.length > 0, { what: 'the server has dropped it' });
  t.regex(server.faults[0]!.what, /which left more than 200000 octets waiting/);
  await until(() => server.connectionCount === 0 && unfinished === 0, { what: 'nothing is left of it' });
  socket.resume();
  await closed;
});

test('a client that takes nothing of what it is owed is dropped, however little it is', async (t) => {
  const server = await start(t, {
    limits: { tcpStalled: 100 },
    receiveTcp: async (octets, connection) => {
      const message = reply(octets, 60_000);
      let hasRoom = true;
      while (hasRoom) hasRoom = await connection.send(message);
    },
  });
  const { socket } = await dial(t, server.port);
  socket.pause();
  socket.write(frame(wire(query())));
  await until(() => server.faults.length > 0, { what: 'the server has dropped it' });
  t.regex(server.faults[0]!.what, /which took nothing for 100 ms/);
  await until(() => server.connectionCount === 0, { what: 'nothing is left of it' });
});

test('a slow reader gets everything, and the sender waits for it', async (t) => {
  let sent = 0;
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      const message = reply(octets, 60_000);
      for (; sent < 300; sent++) await connection.send(message);
    },
  });
  const { socket, messages } = await dial(t, server.port);
  socket.pause();
  socket.write(frame(wire(query())));
  let before = -1;
  // The same count twice in 20 ms: the sender has come to a stop.
  const hasStopped = (): boolean => {
    const isSame = sent > 0 && sent === before;
    before = sent;
    return isSame;
  };
  await until(hasStopped, { what: 'the sender waits' });
  t.true(sent < 300);
  socket.resume();
  await until(() => messages.length === 300, { what: 'everything came' });
});

test('a reset in the middle of a reply ends the connection and nothing else', async (t) => {
  let outcome: boolean | undefined;
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      const message = reply(octets, 60_000);
      let isOpen = true;
      while (isOpen) isOpen = await connection.send(message);
      outcome = isOpen;
    },
  });
  const { socket } = await dial(t, server.port);
  socket.write(frame(wire(query())));
  await once(socket, 'data');
  socket.resetAndDestroy();
  await until(() => outcome === false && server.connectionCount === 0, { what: 'the server has noticed' });
  t.deepEqual(server.faults, []);
  const { socket: next, messages } = await dial(t, server.port);
  next.write(frame(wire(query())));
  await until(() => messages.length > 0, { what: 'the next client is served' });
  next.resetAndDestroy();
});

test('a message of ours that is too large costs its connection only', async (t) => {
  const server = await start(t, { receiveTcp: (_octets, connection) => void connection.send(new Uint8Array(65_536)) });
  const { socket, closed } = await dial(t, server.port);
  socket.write(frame(wire(query())));
  await closed;
  t.is(server.faults[0]!.what, 'a message of 65536 octets is too large to be sent');
});

test('a receiver that throws or rejects costs its connection only', async (t) => {
  const server = await start(t, {
    receiveTcp: (octets) => {
      if (decoded(octets).id === 1) throw new Error('thrown');
      return Promise.reject(new Error('rejected'));
    },
  });
  for (const id of [1, 2]) {
    const { socket, closed } = await dial(t, server.port);
    socket.write(frame(wire(query(), id)));
    await closed;
  }
  t.deepEqual(
    server.faults.map(({ kind, what }) => [kind, what]),
    [
      ['receiver', 'thrown'],
      ['receiver', 'rejected'],
    ],
  );
});

for (const limits of [{ tcpConnections: 2 }, { tcpConnectionsPerClient: 2 }]) {
  test(`a connection too many is turned away until there is a place again (${Object.keys(limits)[0]})`, async (t) => {
    const server = await start(t, { limits });
    const first = await dial(t, server.port);
    await dial(t, server.port);
    const third = await dial(t, server.port);
    await third.closed;
    t.is(server.connectionCount, 2);
    t.is(server.faults[0]!.kind, 'limit');
    first.socket.destroy();
    await until(() => server.connectionCount === 1, { what: 'the place is free' });
    good(await exchange({ server: server.peer, message: query(), transport: 'tcp' }));
  });
}

const loopbacks = testUnless(test, process.platform === 'linux' ? undefined : 'needs all of 127.0.0.0/8');

loopbacks.serial(
  'three hundred connections of one client take the places of one client, and others are served',
  async (t) => {
    const server = await start(t, { limits: { tcpFirstMessage: Number.POSITIVE_INFINITY } });
    const most = LIMITS.tcpConnectionsPerClient.default;
    const flood: Socket[] = [];
    t.teardown(() => {
      for (const socket of flood) socket.destroy();
    });
    const { port } = server;
    const intruder = async (): Promise<void> => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }).on('error', () => undefined);
      flood.push(socket);
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
    };
    // No more at a time than the kernel keeps waiting, so that none is delayed by its own retries.
    for (let wave = 0; wave < 3; wave++) await Promise.all(Array.from({ length: 100 }, intruder));
    await until(() => server.faults.length === 300 - most, { what: 'all but its share are turned away' });
    t.is(server.connectionCount, most);
    good(await exchange({ server: server.peer, message: query(), transport: 'tcp' }));
    for (const socket of flood) socket.destroy();
    await until(() => server.connectionCount === 0, { what: 'the places are free again' });
  },
);

test('a stopping server closes its connections and frees its port', async (t) => {
  const server = await start(t, { limits: { tcpClose: 50 } });
  const idle = await dial(t, server.port);
  await until(() => server.connectionCount === 1, { what: 'the server has accepted' });
  await Promise.all([server.close(), server.close()]);
  await idle.closed;
  t.is(server.connectionCount, 0);
  const again = good(
    await listenTcp({
      address: '127.0.0.1',
      port: server.port,
      limits: limitsWith(),
      receive: () => undefined,
      onFault: () => undefined,
    }),
  );
  await again.close();
});

// Exchanges

test('a reply is taken only with the right ID, opcode, question and sender', async (t) => {
  const stranger = createSocket('udp4');
  t.teardown(() => stranger.close());
  const server = await fakeUdp(t, (octets, send, from) => {
    const request = decoded(octets);
    const right = responseTo(request, RCODE.NXDOMAIN);
    stranger.send(encodeMessage(responseTo(request, RCODE.REFUSED)), from.port, from.address, () => {
      send(encodeMessage({ ...right, id: request.id ^ 1, rcode: RCODE.REFUSED }));
      send(encodeMessage({ ...right, opcode: OPCODE.NOTIFY, rcode: RCODE.REFUSED }));
      send(encodeMessage({ ...right, questions: query('other.example').questions }));
      send(encodeMessage({ ...right, questions: [{ ...request.questions[0]!, type: 28 }] }));
      send(encodeMessage({ ...right, questions: [] }));
      send(octets);
      send(octets.subarray(0, 2));
      send(new Uint8Array(0));
      send(encodeMessage({ ...right, questions: query('WWW.Example').questions }));
    });
  });
  const got = good(await exchange({ server, message: query(), timeout: 5_000 }));
  t.is(got.rcode, RCODE.NXDOMAIN);
});

test.serial('a reply that is no message is waited out, and is the fault when nothing better comes', async (t) => {
  const server = await fakeUdp(t, (octets, send) => {
    const garbled = reply(octets);
    garbled[5] = 200;
    send(garbled);
  });
  t.is(faultOf(await exchange({ server, message: query(), timeout: 500, tries: 1 })).kind, 'malformed');
});

test.serial('each exchange has an ID and a port of its own, and a repeated request is the same', async (t) => {
  const seen: { octets: Buffer; port: number }[] = [];
  const server = await fakeUdp(t, (octets, send, from) => {
    seen.push({ octets: Buffer.from(octets), port: from.port });
    if (seen.length % 3 === 0) send(reply(octets));
  });
  for (let i = 0; i < 3; i++) good(await exchange({ server, message: query(), timeout: 50, tries: 50 }));
  t.true(seen[0]!.octets.equals(seen[2]!.octets) && seen[0]!.port === seen[2]!.port);
  t.true(new Set(seen.map(({ octets, port }) => `${octets.readUInt16BE(0)} ${port}`)).size === 3);
});

test('a truncated reply is asked for again over TCP, unless only UDP is wanted', async (t) => {
  const server = await start(t, {
    receiveUdp: (octets, _from, respond) => respond(encodeMessage({ ...responseTo(decoded(octets), 0), tc: true })),
    receiveTcp: (octets, connection) => void connection.send(reply(octets, 4_000)),
  });
  t.is(good(await exchange({ server: server.peer, message: query() })).answers.length, 1);
  t.true(good(await exchange({ server: server.peer, message: query(), transport: 'udp' })).tc);
  t.is(server.connectionCount, 0);
});

test('a request that is too large for UDP goes over TCP at once', async (t) => {
  const server = await start(t, { receiveUdp: () => t.fail() });
  const rdata = Buffer.from([250, ...Buffer.alloc(250, 'x')]);
  const record = { name: name('www.example'), type: 16, class: 1, ttl: 1, rdata };
  const message = {
    ...query('example', 6),
    opcode: OPCODE.UPDATE,
    authorities: Array.from({ length: 8 }, () => record),
  };
  t.true(good(await exchange({ server: server.peer, message })).qr);
});

test('silence, a closed port, a closed connection and an abort are told apart', async (t) => {
  const silent = await fakeUdp(t, () => undefined);
  const silence = faultOf(await exchange({ server: silent, message: query(), timeout: 20, tries: 2 }));
  t.is(silence.what, `no reply from ${printPeer(silent)} over UDP within 20 ms`);
  t.is(silence.kind, 'timeout');

  const gone = good(
    await listenTo({
      addresses: ['127.0.0.1'],
      port: 0,
      receiveUdp: () => undefined,
      receiveTcp: () => undefined,
      onFault: () => undefined,
    }),
  );
  await gone.close();
  for (const transport of ['udp', 'tcp'] as const) {
    const refused = faultOf(await exchange({ server: gone.peers[0]!, message: query(), transport, timeout: 5_000 }));
    t.is(refused.what, `cannot reach ${printPeer(gone.peers[0]!)}: connection refused`);
    t.is(refused.kind, 'unreachable');
  }

  const closing = await fakeTcp(t, (socket) => void socket.once('data', () => socket.end()));
  t.is(faultOf(await exchange({ server: closing, message: query(), transport: 'tcp' })).kind, 'closed');
  const mute = await fakeTcp(t, () => undefined);
  t.is(faultOf(await exchange({ server: mute, message: query(), transport: 'tcp', timeout: 30 })).kind, 'timeout');

  for (const [transport, server] of [
    ['udp', silent],
    ['tcp', mute],
  ] as const) {
    const abort = new AbortController();
    const waiting = exchange({ server, message: query(), transport, signal: abort.signal });
    setImmediate(() => abort.abort());
    t.is(faultOf(await waiting).kind, 'aborted');
    t.is(faultOf(await exchange({ server, message: query(), transport, signal: abort.signal })).kind, 'aborted');
  }
});

test('what cannot be reached at all is a fault over both transports', async (t) => {
  const server = peerOf('127.0.0.1', 53);
  for (const transport of ['udp', 'tcp'] as const) {
    for (const impossible of [
      { server, source: '192.0.2.1' },
      { server, source: '::1' },
      { server, source: 'localhost' },
      { server: peerOf('127.0.0.1', 0) },
      { server: peerOf('127.0.0.1', 65_536) },
      { server: peerOf('255.255.255.255', 53) },
    ]) {
      const fault = faultOf(await exchange({ message: query(), transport, timeout: 5_000, ...impossible }));
      t.is(fault.kind, 'unreachable', `${transport} ${JSON.stringify(impossible)}`);
    }
  }
});

test('an RCODE is no fault, and an error without its question is a reply', async (t) => {
  const server = await fakeUdp(t, (octets, send) =>
    send(encodeMessage({ ...responseTo(decoded(octets), RCODE.FORMERR), questions: [] })),
  );
  t.is(good(await exchange({ server, message: query() })).rcode, RCODE.FORMERR);
});

// TSIG

/** Signs the response to a signed request as a server does. */
const signed = (octets: Uint8Array, by: TsigKey, changes: { error?: number; ahead?: number } = {}): Uint8Array => {
  const { tsig } = decoded(octets);
  const now = seconds() + (changes.ahead ?? 0);
  const isBadTime = changes.error === TSIG_ERROR.BADTIME;
  const other = Buffer.alloc(6);
  other.writeUIntBE(now, 0, 6);
  return sign(reply(octets), by, {
    now,
    priorMac: tsig!.mac,
    ...(changes.error === undefined ? {} : { error: changes.error }),
    ...(isBadTime ? { other, timeSigned: tsig!.timeSigned } : {}),
  }).octets;
};

test('a signed request is believed only with a signed reply, forged ones before it are ignored', async (t) => {
  const server = await fakeUdp(t, (octets, send) => {
    send(reply(octets, 0, RCODE.REFUSED));
    send(signed(octets, key('k.example', 'another secret')));
    send(signed(octets, key('other.example')));
    send(sign(reply(octets), key(), { now: seconds() }).octets);
    send(refuse(reply(octets), decoded(octets).tsig!, TSIG_ERROR.BADKEY));
    send(signed(octets, key()));
  });
  const got = good(await exchange({ server, message: query(), key: key(), timeout: 5_000 }));
  t.deepEqual([got.rcode, got.tsig?.error], [RCODE.NOERROR, 0]);
});

test.serial('an unsigned or badly signed reply is a TSIG fault with its name', async (t) => {
  for (const [error, respond] of [
    ['BADSIG', (octets: Uint8Array) => reply(octets)],
    ['BADSIG', (octets: Uint8Array) => signed(octets, key('k.example', 'another secret'))],
    ['BADKEY', (octets: Uint8Array) => signed(octets, key('other.example'))],
    ['BADKEY', (octets: Uint8Array) => refuse(reply(octets), decoded(octets).tsig!, TSIG_ERROR.BADKEY)],
    ['BADSIG', (octets: Uint8Array) => refuse(reply(octets), decoded(octets).tsig!, TSIG_ERROR.BADSIG)],
    ['BADTRUNC', (octets: Uint8Array) => signed(octets, key(), { error: TSIG_ERROR.BADTRUNC })],
    ['BADTIME', (octets: Uint8Array) => signed(octets, key(), { ahead: 1000 })],
  ] as const) {
    const server = await start(t, {
      receiveUdp: (octets, _from, send) => send(respond(octets)),
      receiveTcp: (octets, connection) => void connection.send(respond(octets)),
    });
    for (const transport of ['udp', 'tcp'] as const) {
      const options = {
        server: server.peer,
        message: query(),
        key: key(),
        transport,
        timeout: transport === 'udp' ? 200 : 5_000,
      };
      const fault = faultOf(await exchange(options));
      t.is(fault.kind === 'tsig' && fault.error, error);
      t.false(JSON.stringify(fault).includes('a secret'));
    }
  }
});

test.serial('a server whose clock differs gets a request signed by its time, once', async (t) => {
  for (const ahead of [5_000, -5_000]) {
    let count = 0;
    const respond = (octets: Uint8Array): Uint8Array => {
      count++;
      const isOff = Math.abs(decoded(octets).tsig!.timeSigned - seconds() - ahead) > 300;
      return signed(octets, key(), { ahead, ...(isOff ? { error: TSIG_ERROR.BADTIME } : {}) });
    };
    const server = await start(t, {
      receiveUdp: (octets, _from, send) => send(respond(octets)),
      receiveTcp: (octets, connection) => void connection.send(respond(octets)),
    });
    for (const transport of ['udp', 'tcp'] as const) {
      count = 0;
      const got = good(
        await exchange({ server: server.peer, message: query(), key: key(), transport, timeout: 5_000 }),
      );
      t.is(got.tsig?.error, TSIG_ERROR.NOERROR);
      t.is(count, 2);
    }
  }
  let asked = 0;
  const stubborn = await fakeUdp(t, (octets, send) => {
    asked++;
    send(signed(octets, key(), { error: TSIG_ERROR.BADTIME, ahead: 5_000 * asked }));
  });
  const fault = faultOf(await exchange({ server: stubborn, message: query(), key: key(), timeout: 500, tries: 1 }));
  t.is(fault.kind === 'tsig' && fault.error, 'BADTIME');
  t.is(asked, 2);
});

// Streams

test('requests over one stream are answered in any order', async (t) => {
  const waiting: (() => void)[] = [];
  const server = await start(t, {
    receiveTcp: (octets, connection) => {
      waiting.push(() => void connection.send(reply(octets)));
      if (waiting.length === 3) for (const respond of waiting.reverse()) respond();
    },
  });
  const stream = await open(t, server.peer);
  const texts = ['a.example', 'b.example', 'c.example'];
  const replies = await Promise.all(texts.map((text) => stream.request(query(text))));
  t.deepEqual(
    replies.map((got) => good(got).questions[0]!.name.toString()),
    ['a.example.', 'b.example.', 'c.example.'],
  );
  t.is(server.connectionCount, 1);
  stream.close();
  await stream.closed;
  t.is(faultOf(await stream.request(query())).kind, 'closed');
  t.false(await stream.send(Uint8Array.of(1)));
});

/** Answers with `count` messages of about `size` octets, each of them signed where the request is. */
const transfer = async (octets: Uint8Array, connection: Connection, count: number, size: number): Promise<void> => {
  const { tsig } = decoded(octets);
  const signer = tsig === undefined ? undefined : new StreamSigner(key(), tsig.mac);
  const message = reply(octets, size);
  for (let i = 0; i < count; i++) {
    if (!(await connection.send(signer?.sign(message, seconds()) ?? message))) return;
  }
};

test('a conversation gives every message of a transfer, signed or not, however slowly it is read', async (t) => {
  const server = await start(t, { receiveTcp: (octets, connection) => transfer(octets, connection, 200, 20_000) });
  for (const by of [undefined, key()]) {
    const stream = await open(t, server.peer);
    let count = 0;
    for await (const message of stream.conversation(query('example', 252), by)) {
      good(message);
      count++;
      await new Promise((resolve) => setImmediate(resolve));
      if (count === 200) break;
    }
    t.is(count, 200);
    t.true(good(await stream.request(query(), by)).qr);
  }
});

test('a reader that takes its time slows the sender down, and loses nothing', async (t) => {
  let isDone = false;
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      await transfer(octets, connection, 400, 60_000);
      isDone = true;
    },
  });
  const stream = await open(t, server.peer, { timeout: 5_000 });
  const reader = stream.conversation(query('example', 252))[Symbol.asyncIterator]();
  let count = 1;
  good((await reader.next()).value as Result<Message, unknown>);
  const startTime = performance.now();
  await until(() => performance.now() - startTime > 200, { what: 'there was time for all to be sent' });
  t.false(isDone);
  for (; count < 400; count++) good((await reader.next()).value as Result<Message, unknown>);
  await reader.return?.();
  await until(() => isDone, { what: 'all is sent' });
});

test('messages of a run without signature are given only when the next signature covers them', async (t) => {
  const server = await fakeTcp(t, (socket) => {
    const framer = new Framer();
    socket.on('data', (chunk: Buffer) => {
      framer.push(chunk);
      const request = framer.next();
      if (request === undefined) return;
      const send = (octets: Uint8Array): void => void socket.write(frame(octets));
      const first = sign(reply(request), key(), { now: seconds(), priorMac: decoded(request).tsig!.mac });
      send(first.octets);
      const plain = reply(request, 300);
      for (let i = 0; i < 99; i++) send(plain);
      // The digest is over all of the run (RFC 8945 5.3.1), as if it were one message.
      const options = { now: seconds(), priorMac: first.mac, timersOnly: true };
      const { mac } = sign(Buffer.concat(Array.from({ length: 100 }, () => plain)), key(), options);
      const last = sign(plain, key(), options).octets;
      last.set(mac, last.length - 6 - mac.length);
      send(last);
      send(plain);
      send(plain);
      socket.end();
    });
  });
  const stream = await open(t, server);
  const seen: string[] = [];
  for await (const message of stream.conversation(query('example', 252), key())) {
    seen.push(message.ok ? 'message' : message.fault.kind);
  }
  t.deepEqual(seen, [...Array.from({ length: 101 }, () => 'message'), 'closed']);
});

test('a forged message in the middle of a signed transfer ends it', async (t) => {
  const server = await start(t, {
    receiveTcp: async (octets, connection) => {
      const signer = new StreamSigner(key(), decoded(octets).tsig!.mac);
      await connection.send(signer.sign(reply(octets), seconds()));
      const forged = signer.sign(reply(octets, 300), seconds());
      forged[30] = forged[30]! ^ 1;
      await connection.send(forged);
    },
  });
  const stream = await open(t, server.peer, { timeout: 5_000 });
  const seen: string[] = [];
  for await (const message of stream.conversation(query('example', 252), key())) {
    seen.push(message.ok ? 'message' : message.fault.kind);
  }
  t.is(seen.length, 2);
  t.is(seen[0], 'message');
  t.true(seen[1] === 'tsig' || seen[1] === 'malformed', seen[1]);
});

test.serial('a transfer that stops in the middle times out, and what came before the end is given', async (t) => {
  const stops = await start(t, { receiveTcp: (octets, connection) => transfer(octets, connection, 3, 100) });
  const ends = await start(t, {
    receiveTcp: async (octets, connection) => {
      await transfer(octets, connection, 3, 100);
      connection.close();
    },
  });
  for (const [server, kind] of [
    [stops, 'timeout'],
    [ends, 'closed'],
  ] as const) {
    const stream = await open(t, server.peer, { timeout: kind === 'timeout' ? 500 : 5_000 });
    const seen: string[] = [];
    for await (const message of stream.conversation(query('example', 252), key())) {
      seen.push(message.ok ? 'message' : message.fault.kind);
    }
    t.deepEqual(seen, ['message', 'message', 'message', kind]);
  }
});

test('the signal ends a stream and all that waits on it', async (t) => {
  const server = await start(t, { receiveTcp: () => undefined });
  const abort = new AbortController();
  const stream = await open(t, server.peer, { signal: abort.signal });
  const waiting = [stream.request(query()), stream.request(query())];
  await until(() => server.connectionCount === 1, { what: 'the server has accepted' });
  abort.abort();
  for (const request of waiting) t.is(faultOf(await request).kind, 'aborted');
  await stream.closed;
});

test('a server that resets, or speaks no DNS, is a fault', async (t) => {
  const resetting = await fakeTcp(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()));
  t.is(faultOf(await (await open(t, resetting)).request(query())).kind, 'closed');
  const web = await fakeTcp(t, (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.is(faultOf(await (await open(t, web)).request(query())).kind, 'closed');
});

// A second opinion

testWith(test, ['dig'])('dig is answered over UDP and TCP, and keeps its connection', async (t) => {
  const peers = new Set<string>();
  const server = await start(t, {
    receiveUdp: (octets, _from, respond) => respond(reply(octets, 200)),
    receiveTcp: (octets, connection) => {
      peers.add(printPeer(connection.peer));
      void connection.send(reply(octets, 30_000));
    },
  });
  const udp = await dig({ server: '127.0.0.1', port: server.port, args: ['www.example', 'TXT'] });
  t.deepEqual([udp.status, udp.answer.length], ['NOERROR', 1]);
  const args = ['+tcp', '+keepopen', 'a.example', 'TXT', '+tcp', '+keepopen', 'b.example', 'TXT'];
  const tcp = await dig({ server: '127.0.0.1', port: server.port, args });
  t.is(tcp.status, 'NOERROR');
  t.is(tcp.text.match(/status: NOERROR/g)?.length, 2);
  t.is(peers.size, 1);
});
