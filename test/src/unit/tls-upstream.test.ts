/**
 * A primary that is reached over TLS: nothing is sent in plain, whatever is asked and whatever goes wrong (RFC 9103), and what asks
 * shares a connection.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { receive } from '@zonewright/common/authority/receive';
import { Responder } from '@zonewright/common/authority/responder';
import { limitsWith } from '@zonewright/common/net/limits';
import { listenTcp } from '@zonewright/common/net/tcp';
import { TlsClient } from '@zonewright/common/net/tls-client';
import { TlsGate } from '@zonewright/common/net/tls-gate';
import { SILENT_LOG } from '@zonewright/common/service/log';
import { DnsUpstream } from '@zonewright/common/service/upstream';
import anyTest from 'ava';
import { authorityOf } from '../support/answering.ts';
import { newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';

const test = testWith(anyTest, ['openssl']);
const V1 = zoneOf('@ 60 NS ns\nns 60 A 192.0.2.1');
const KEY = given(parseKey(`k._transfer.example:SHA256:${Buffer.from('a secret').toString('base64')}`));

test('over TLS nothing is sent in plain, whatever is asked, and questions share a connection', async (t) => {
  const own = await newAuthority(t);
  const port = await freePort('127.0.0.1');
  const plain: string[] = [];
  const udp = createSocket('udp4');
  udp.on('message', () => void plain.push('a datagram'));
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  t.teardown(() => udp.close());

  const zones = authorityOf(V1);
  const responder = new Responder({ ...zones, keys: new KeyTable([KEY]) });
  const gate = given(TlsGate.open({ cert: readFileSync(own.cert), key: readFileSync(own.key) }));
  const peers = new Set<number>();
  const outcomes: string[] = [];
  const server = given(
    await listenTcp({
      address: '127.0.0.1',
      port,
      limits: limitsWith(),
      gate,
      receive: async (octets, connection) => {
        peers.add(connection.peer.port);
        const outcome = receive(responder, octets, connection.transport, Math.floor(Date.now() / 1000));
        outcomes.push(outcome.kind);
        if (outcome.kind === 'reply') connection.reply(outcome.octets);
        if (outcome.kind !== 'transfer') return;
        const messages = outcome.signer?.signAll(outcome.messages, () => Math.floor(Date.now() / 1000));
        for (const message of messages ?? []) await connection.send(message);
      },
      onFault: ({ what }) => t.fail(what),
    }),
  );
  t.teardown(() => server.close());

  const upstream = new DnsUpstream({ log: SILENT_LOG });
  t.teardown(() => upstream.close());
  const origin = nameOf('example.');
  const tls = given(TlsClient.open({ pins: [own.pin] }));
  const route = { server: server.peer, key: KEY, tls };
  const first = given(await upstream.ask(route, { origin, current: undefined }));
  t.is(first.applied?.zone.serial, V1.serial);
  t.is(peers.size, 2, 'one to ask on, one for the transfer');
  const current = first.applied!.zone;
  for (let asked = 0; asked < 3; asked++)
    t.is(given(await upstream.ask(route, { origin, current })).applied, undefined);
  t.is(peers.size, 2);
  await upstream.ask(route, { origin, current, promised: current.serial + 1 });
  t.is(
    peers.size,
    2,
    'what is promised is transferred, not asked for by datagram, over the connection of the first transfer',
  );
  outcomes.length = 0;
  const again = given(await upstream.ask(route, { origin, current: undefined, promised: V1.serial }));
  t.is(again.applied?.zone.serial, V1.serial);
  t.deepEqual(outcomes, ['transfer'], 'nor is asked about what is promised and of which nothing is there');
  t.deepEqual(plain, []);
});

test('a primary without TLS is asked nothing in plain instead', async (t) => {
  const octets: Buffer[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      octets.push(chunk);
      socket.end('no TLS here');
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const { port } = listener.address() as { port: number };
  const upstream = new DnsUpstream({ log: SILENT_LOG });
  t.teardown(() => upstream.close());
  const tls = given(TlsClient.open({ pins: ['x'] }));
  const route = { server: { address: '127.0.0.1', port }, key: KEY, tls };
  const asked = await upstream.ask(route, { origin: nameOf('example.'), current: undefined });
  t.regex(asked.ok ? '' : asked.fault.what, /over TLS: what it speaks is not TLS$/);
  // A record of TLS with a handshake in it (RFC 8446 5.1).
  t.true(octets.length > 0 && octets.every((chunk) => chunk[0] === 22));
});
