/**
 * DNS over TLS on loopback: who is let in and how, what clients demand of a server, and what dawdlers and strangers do to both
 * (RFC 7858, RFC 8310, RFC 9103).
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createServer as createTlsServer,
  type TLSSocket,
} from 'node:tls';
import { Name } from '@zonewright/common/name';
import { type Peer, peerOf } from '@zonewright/common/net/address';
import { exchange } from '@zonewright/common/net/exchange';
import type { ServeFault } from '@zonewright/common/net/fault';
import { Framer, frame } from '@zonewright/common/net/framing';
import { type Limits, limitsWith } from '@zonewright/common/net/limits';
import { openStream } from '@zonewright/common/net/stream';
import { listenTcp, type TcpServer } from '@zonewright/common/net/tcp';
import { TlsClient, type TlsTrust } from '@zonewright/common/net/tls-client';
import { TlsGate, type TlsIdentity } from '@zonewright/common/net/tls-gate';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { OPTION } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage, type Message, responseTo } from '@zonewright/common/wire/message';
import anyTest, { type ExecutionContext } from 'ava';
import { type Authority, type Certificate, newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { forFile } from '../support/owner.ts';
import { run } from '../support/process.ts';
import { given } from '../support/records.ts';
import { until } from '../support/until.ts';

const test = testWith(anyTest, ['openssl']);
const owner = forFile(anyTest);
type Test = ExecutionContext<unknown>;

const made = async (): Promise<{ ca: Authority; other: Authority; own: Certificate; client: Certificate }> => {
  const [ca, other] = await Promise.all([newAuthority(owner), newAuthority(owner, 'other')]);
  return { ca, other, own: await ca.sign(['ns.example', '127.0.0.1']), client: await ca.sign(['client.example']) };
};
let making: ReturnType<typeof made> | undefined;
/** Made once, by the first test that needs them. */
const certificates = (): ReturnType<typeof made> => {
  making ??= made();
  return making;
};

const identityOf = ({ cert, key }: Certificate, clientCa?: string): TlsIdentity => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
  ...(clientCa === undefined ? {} : { clientCa: readFileSync(clientCa) }),
});
const clientOf = (trust: TlsTrust): TlsClient => given(TlsClient.open(trust));
const query = (text = 'www.example'): Message => ({
  ...emptyMessage(7, OPCODE.QUERY),
  questions: [{ name: given(Name.parse(text)), type: 1, class: 1 }],
});

interface Served {
  readonly server: TcpServer;
  readonly peer: Peer;
  readonly gate: TlsGate;
  readonly faults: readonly ServeFault[];
  /** What each request came over. */
  readonly seen: readonly string[];
  /** The octets of each request. */
  readonly octets: readonly Uint8Array[];
}

/** A server that says NOERROR to all. */
const serve = async (t: Test, identity: TlsIdentity, changes: Partial<Limits> = {}): Promise<Served> => {
  const limits = limitsWith(changes);
  const gate = given(TlsGate.open(identity, limits));
  const faults: ServeFault[] = [];
  const seen: string[] = [];
  const octets: Uint8Array[] = [];
  const server = given(
    await listenTcp({
      address: '127.0.0.1',
      port: 0,
      limits,
      gate,
      receive: (message, connection) => {
        seen.push(connection.transport);
        octets.push(message);
        connection.reply(encodeMessage(responseTo(given(decodeMessage(message)), RCODE.NOERROR)));
      },
      onFault: (fault) => void faults.push(fault),
    }),
  );
  t.teardown(() => server.close());
  return { server, peer: server.peer, gate, faults, seen, octets };
};

/** A client of TLS that is not ours. */
const dial = async (t: Test, peer: Peer, options: ConnectionOptions = {}): Promise<TLSSocket> => {
  const socket = connectTls({ port: peer.port, host: peer.address, rejectUnauthorized: false, ...options });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
};
/** Why a client of TLS gets no connection. */
const refusalOf = async (peer: Peer, options: ConnectionOptions): Promise<string> => {
  const socket = connectTls({ port: peer.port, host: peer.address, rejectUnauthorized: false, ...options });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  socket.destroy();
  return error.code ?? error.message;
};
const ask = async (socket: TLSSocket): Promise<Message> => {
  const framer = new Framer();
  socket.write(frame(encodeMessage(query())));
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    framer.push(chunk);
    const reply = framer.next();
    if (reply !== undefined) return given(decodeMessage(reply));
  }
};

test('a server is believed for its pin, or for its authority and its name or address, and for nothing else', async (t) => {
  const { ca, other, own } = await certificates();
  const { peer, seen } = await serve(t, identityOf(own));
  const asked = async (trust: TlsTrust): Promise<string> => {
    const reply = await exchange({ server: peer, message: query(), tls: clientOf(trust), timeout: 5_000 });
    return reply.ok ? 'ok' : reply.fault.what.replace(/^.*: /, '');
  };
  const authority = readFileSync(ca.cert);
  t.is(await asked({ pins: [own.pin] }), 'ok');
  t.is(await asked({ pins: [other.pin, own.pin] }), 'ok');
  t.is(await asked({ pins: [other.pin] }), `the pin of its key is ${own.pin}`);
  t.is(
    await asked({ pins: [ca.pin] }),
    `the pin of its key is ${own.pin}`,
    'a pin is of the server, not of its authority',
  );
  t.is(await asked({ ca: authority }), 'ok', 'its address stands in the certificate');
  t.is(await asked({ ca: authority, name: 'ns.example' }), 'ok');
  t.is(await asked({ ca: authority, name: 'other.example' }), 'its certificate is for another name');
  t.regex(await asked({ ca: readFileSync(other.cert) }), /^its certificate is of no authority that is trusted here/);
  t.regex(await asked({ ca: 'system' }), /^its certificate is of no authority that is trusted here/);
  t.is(await asked({ ca: authority, pins: [own.pin] }), 'ok');
  t.is(await asked({ ca: authority, pins: [other.pin] }), `the pin of its key is ${own.pin}`, 'both have to be right');
  t.is(await asked({}), `the pin of its key is ${own.pin}`, 'nothing to go by is not anything goes');
  t.true(seen.every((transport) => transport === 'tls'));
  t.is(seen.length, 5, 'who is not believed is asked nothing');
});

test('only TLS 1.3 is spoken, and a client that names protocols has to name dot (RFC 9103 7.1)', async (t) => {
  const { own } = await certificates();
  const { peer, server } = await serve(t, identityOf(own));
  t.is((await dial(t, peer, { ALPNProtocols: ['h2', 'dot'] })).alpnProtocol, 'dot');
  const silent = await dial(t, peer);
  t.is((await ask(silent)).rcode, RCODE.NOERROR, 'one that names none is a client of RFC 7858');
  t.is(await refusalOf(peer, { ALPNProtocols: ['h2'] }), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  t.is(await refusalOf(peer, { maxVersion: 'TLSv1.2' }), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  await until(() => server.connections.size, { what: 'the others are gone', holds: (size) => size === 2 });
});

test('a server that has proven who it is and knows of no protocols is asked, and one that knows others is not', async (t) => {
  const { own } = await certificates();
  const asked = async (protocols: object): Promise<string> => {
    const foreign = createTlsServer({ ...identityOf(own), ...protocols }, (socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk: Buffer) => {
        const framer = new Framer();
        framer.push(chunk);
        const request = given(decodeMessage(framer.next()!));
        socket.write(frame(encodeMessage(responseTo(request, RCODE.NOERROR))));
      });
    });
    foreign.listen(0, '127.0.0.1');
    await once(foreign, 'listening');
    t.teardown(() => foreign.close());
    const { port } = foreign.address() as { port: number };
    const server = peerOf('127.0.0.1', port);
    const reply = await exchange({ server, message: query(), tls: clientOf({ pins: [own.pin] }) });
    return reply.ok ? 'ok' : reply.fault.what.replace(/^.*: /, '');
  };
  t.is(await asked({}), 'ok', 'as NSD 4.6 does');
  t.is(await asked({ ALPNProtocols: ['dot'] }), 'ok');
  t.is(await asked({ ALPNProtocols: ['h2'] }), 'it does not speak DNS over TLS (ALPN dot)');
});

test('what speaks no TLS, and what ends the handshake, is told so', async (t) => {
  const talk = async (act: (write: (octets: Uint8Array) => void, end: () => void) => void): Promise<string> => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () =>
        act(
          (octets) => socket.write(octets),
          () => socket.end(),
        ),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const opened = await openStream({
      server: peerOf('127.0.0.1', port),
      tls: clientOf({ pins: ['x'] }),
      timeout: 2_000,
    });
    server.close();
    return opened.ok ? 'opened' : opened.fault.what.replace(/^.*: /, '');
  };
  t.is(await talk((write) => write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))), 'what it speaks is not TLS');
  t.is(await talk((_, end) => end()), 'it ended the handshake');
  t.regex(await talk(() => undefined), /^connected to 127\.0\.0\.1:\d+, but no TLS handshake came within 2000 ms$/);
  const refused = await openStream({ server: peerOf('127.0.0.1', 1), tls: clientOf({ pins: ['x'] }) });
  t.regex(refused.ok ? '' : refused.fault.what, /connection refused$/);
});

test('a client is known by a certificate of the authority that it was asked for, and by nothing else', async (t) => {
  const { ca, other, own, client } = await certificates();
  const { peer, seen, faults } = await serve(t, identityOf(own, ca.cert));
  const as = (it: Certificate): TlsClient =>
    clientOf({ pins: [own.pin], identity: { cert: readFileSync(it.cert), key: readFileSync(it.key) } });
  const over = async (tls: TlsClient): Promise<string | undefined> => {
    given(await exchange({ server: peer, message: query(), tls }));
    return seen.at(-1);
  };
  t.is(await over(as(client)), 'mtls');
  t.is(await over(clientOf({ pins: [own.pin] })), 'tls');
  t.is(await over(as(await other.sign(['client.example']))), 'tls', 'one of another authority');
  t.is(await over(as(other)), 'tls', 'one that signed itself');
  t.is(await over(as(await ca.sign(['client.example'], -1))), 'tls', 'one that has expired');
  const told = faults.map(({ kind, what }) => `${kind} ${what.replace(/^.*: /, '')}`);
  const stranger = 'certificate its certificate is of no authority that is trusted here';
  t.deepEqual(told, [stranger, `${stranger}, but signed by itself`, 'certificate its certificate has expired']);
});

test('no session is resumed where clients may show certificates', async (t) => {
  const { ca, own } = await certificates();
  const isResumed = async (served: Served): Promise<boolean> => {
    const first = await dial(t, served.peer, { ALPNProtocols: ['dot'] });
    let session: Buffer | undefined;
    first.on('session', (it: Buffer) => {
      session = it;
    });
    await ask(first);
    if (session === undefined) return false;
    const second = await dial(t, served.peer, { ALPNProtocols: ['dot'], session });
    await ask(second);
    return second.isSessionReused();
  };
  t.true(await isResumed(await serve(t, identityOf(own))));
  const asking = await serve(t, identityOf(own, ca.cert));
  t.false(await isResumed(asking));
  t.deepEqual(new Set(asking.seen), new Set(['tls']));
});

test('another certificate takes the place of the one before, and a broken one that of none', async (t) => {
  const { ca, own } = await certificates();
  const { peer, gate } = await serve(t, identityOf(own));
  const next = await ca.sign(['ns.example']);
  const kept = await dial(t, peer);
  t.true(gate.renew(identityOf(next)).ok);
  const pinned = (pin: string) => exchange({ server: peer, message: query(), tls: clientOf({ pins: [pin] }) });
  t.true((await pinned(next.pin)).ok);
  t.false((await pinned(own.pin)).ok);
  t.is((await ask(kept)).rcode, RCODE.NOERROR, 'connections from before go on');
  const broken = gate.renew({ cert: readFileSync(own.cert), key: readFileSync(next.key) });
  t.regex(broken.ok ? '' : broken.fault.what, /^the certificate and its key cannot be used: .*key values mismatch/);
  t.true((await pinned(next.pin)).ok);
  const nonsense = TlsGate.open({ cert: Buffer.from('nothing'), key: Buffer.from('of it') });
  t.false(nonsense.ok);
});

test.serial('handshakes are few at a time and short, and what they hold is given back', async (t) => {
  const { own } = await certificates();
  const { peer, gate, faults } = await serve(t, identityOf(own), {
    tlsHandshakes: 2,
    tlsHandshake: 500,
    tcpConnectionsPerClient: 3,
  });
  const open = async () => {
    const socket = connect({ port: peer.port, host: peer.address });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    await once(socket, 'connect');
    return { socket, closed, port: socket.localPort };
  };
  const slow = [await open(), await open()];
  await until(() => gate.handshakes, { what: 'both are being shaken hands with', holds: (count) => count === 2 });
  slow.push(await open());
  await slow[0]!.closed;
  t.is(faults[0]!.what, `ended the TLS handshake of 127.0.0.1:${slow[0]!.port}: too many`);
  await Promise.all(slow.map(({ closed }) => closed));
  await until(() => gate.handshakes, { what: 'both places are given back', holds: (count) => count === 0 });
  const nonsense = await open();
  nonsense.socket.write('GET / HTTP/1.1\r\n\r\n');
  await nonsense.closed;
  const held = [await dial(t, peer), await dial(t, peer), await dial(t, peer)];
  t.is((await ask(held[2]!)).rcode, RCODE.NOERROR, 'all places of this client are there again');
  t.regex(await refusalOf(peer, {}), /ECONNRESET/);
  t.is(faults.length, 2);
});

test.serial(
  'when all handshakes are taken, who has most gives way to who comes, and first where it said nothing',
  async (t) => {
    const { own } = await certificates();
    const { peer, gate, faults } = await serve(t, identityOf(own), { tlsHandshakes: 4, tlsHandshake: 60_000 });
    const sockets = new Set<Socket>();
    const hold = async (host: number, octets = ''): Promise<Socket> => {
      const socket = connect({ port: peer.port, host: peer.address, localAddress: `127.0.0.${host}` });
      t.teardown(() => socket.destroy());
      socket.on('error', () => undefined);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      await once(socket, 'connect');
      socket.write(octets);
      return socket;
    };
    const are = (holds: number) =>
      until(() => gate.handshakes, { what: `${holds} are under way`, holds: (count) => count === holds });
    // The beginning of a record: its sender has said something.
    for (const octets of ['', '\x16'])
      for (const hosts of [
        [2, 2, 2, 2],
        [2, 3, 4, 5],
      ]) {
        const ended = faults.length;
        for (const host of hosts) await hold(host, octets);
        await are(4);
        await hold(2, octets);
        // Of clients that hold as much, also of one, somebody gives way.
        await until(() => sockets.size, { what: 'one gives way', holds: (count) => count === 4 });
        t.is((await ask(await dial(t, peer))).rcode, RCODE.NOERROR);
        t.is(faults.length, ended + 2);
        for (const socket of sockets) socket.resetAndDestroy();
        await are(0);
      }
    await hold(2, '\x16');
    const [oldest] = [await hold(3), await hold(4)];
    await hold(5);
    await are(4);
    const gone = once(oldest, 'close');
    t.is((await ask(await dial(t, peer))).rcode, RCODE.NOERROR);
    await gone;
    t.is(sockets.size, 3);
  },
);

test.serial('forty who connect again and again and say nothing keep nobody from a handshake', async (t) => {
  const { own } = await certificates();
  const { peer, gate } = await serve(t, identityOf(own), { tlsHandshakes: 20, tlsHandshake: 60_000 });
  let isOver = false;
  let begun = 0;
  const insist = (host: number): void => {
    if (isOver) return;
    const socket = connect({ port: peer.port, host: peer.address, localAddress: `127.0.1.${host}` });
    t.teardown(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.once('connect', () => void begun++);
    socket.once('close', () => insist(host));
  };
  for (let host = 1; host <= 40; host++) insist(host);
  await until(() => begun, { what: 'more have begun than there are places', holds: (count) => count > 40 });
  for (let i = 0; i < 10; i++) t.is((await ask(await dial(t, peer))).rcode, RCODE.NOERROR);
  t.is(gate.handshakes, 20);
  isOver = true;
});

test.serial('a connection that asks nothing, or takes nothing, is held no longer than one of TCP', async (t) => {
  const { own } = await certificates();
  // A server for each: who asks, or takes what it is sent, is given the time for that.
  const silencing = await serve(t, identityOf(own), { tcpFirstMessage: 300 });
  const silent = await dial(t, silencing.peer);
  await once(silent, 'close');
  const idling = await serve(t, identityOf(own), { tcpIdle: 300 });
  const idle = await dial(t, idling.peer);
  await ask(idle);
  await once(idle.resume(), 'close');
  const stalling = { tcpStalled: 500, tcpOwed: 1000, tcpOwedTime: 500 };
  const { peer, server, faults } = await serve(t, identityOf(own), stalling);
  const greedy = await dial(t, peer);
  const closed = once(greedy, 'close');
  greedy.pause();
  const connection = await until(() => [...server.connections][0], {
    what: 'it is there',
    holds: (it) => it?.transport === 'tls',
  });
  for (let sent = 0; sent < 200; sent++) void connection!.send(new Uint8Array(65_535));
  await until(() => faults.length, {
    what: 'the greedy one is dropped',
    holds: (count) => count === 1,
  });
  t.regex(faults[0]!.what, /^dropped 127\.0\.0\.1/);
  greedy.resume();
  await closed;
  await until(() => server.connections.size, { what: 'nothing is left', holds: (size) => size === 0 });
});

test('a connection that is closed says so in TLS, after all that it owes', async (t) => {
  const { own } = await certificates();
  const { peer, server } = await serve(t, identityOf(own));
  const socket = await dial(t, peer);
  await ask(socket);
  const [connection] = server.connections;
  const large = new Uint8Array(60_000);
  for (let sent = 0; sent < 20; sent++) connection!.reply(large);
  let octets = 0;
  socket.on('data', (chunk: Buffer) => {
    octets += chunk.length;
  });
  connection!.close();
  await once(socket, 'end');
  t.is(octets, 20 * 60_002);
});

test('requests over TLS are padded to blocks of 128 octets (RFC 8467 4.1)', async (t) => {
  const { own } = await certificates();
  const { peer, octets } = await serve(t, identityOf(own));
  const tls = clientOf({ pins: [own.pin] });
  const names = ['a.example', `${'x'.repeat(60)}.example`, `${'y.'.repeat(100)}example`];
  for (const text of names) given(await exchange({ server: peer, message: query(text), tls }));
  t.deepEqual(
    octets.map(({ length }) => length),
    [128, 128, 256],
  );
  for (const each of octets)
    t.deepEqual(
      given(decodeMessage(each)).edns?.options.map(({ code }) => code),
      [OPTION.PADDING],
    );
});

test('openssl finds TLS 1.3, the chain and the protocol as they should be', async (t) => {
  const { ca, own } = await certificates();
  const { peer } = await serve(t, identityOf(own));
  const at = `${peer.address}:${peer.port}`;
  const { stdout } = await run('openssl', ['s_client', '-connect', at, '-alpn', 'dot', '-CAfile', ca.cert]);
  t.regex(stdout, /ALPN protocol: dot/);
  t.regex(stdout, /Verify return code: 0/);
  t.regex(stdout, /TLSv1\.3/);
});
