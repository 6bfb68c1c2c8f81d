/** The name server on its sockets: what the core does not see - transfers that nobody reads, and those that wait for them. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Authority } from '@zonewright/common/authority/authority';
import { KeyTable, parseKey } from '@zonewright/common/authority/key';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { exchange } from '@zonewright/common/net/exchange';
import { openStream } from '@zonewright/common/net/stream';
import { TlsClient } from '@zonewright/common/net/tls-client';
import { TlsGate } from '@zonewright/common/net/tls-gate';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { startNameServer } from '@zonewright/common/service/name-server';
import { Rejections } from '@zonewright/common/service/rejections';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS } from '@zonewright/common/wire/edns';
import { decodeMessage, emptyMessage, encodeMessage } from '@zonewright/common/wire/message';
import { sign } from '@zonewright/common/wire/tsig';
import test, { type ExecutionContext } from 'ava';
import { authorityOf } from '../support/answering.ts';
import { Asker } from '../support/asking.ts';
import { type Certificate, newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, zoneOf } from '../support/records.ts';
import { udpOfRun } from '../support/udp-way.ts';

const origin = nameOf('example.');
const axfr = { ...emptyMessage(7, OPCODE.QUERY), questions: [{ name: origin, type: TYPE.AXFR, class: CLASS.IN }] };

/** A zone of some megabytes. */
const large = zoneOf(
  ['@ 60 NS ns.other.', ...Array.from({ length: 20_000 }, (_, i) => `n${i} 60 TXT "${'x'.repeat(200)}"`)].join('\n'),
);

/** The whole zone comes: it ends with the SOA that it began with (RFC 5936 2.2). */
const transfersAll = async (t: ExecutionContext, port: number): Promise<void> => {
  const stream = given(await openStream({ server: { address: '127.0.0.1', port } }));
  t.teardown(() => stream.close());
  let soas = 0;
  for await (const message of stream.conversation(axfr)) {
    soas += given(message).answers.filter(({ type }) => type === TYPE.SOA).length;
    if (soas === 2) break;
  }
  t.is(soas, 2);
};

test.serial(
  'a client that resets its connections in the middle of transfers gives back their places, and leaves nothing behind',
  async (t) => {
    const authority = authorityOf(large);
    const port = await freePort('127.0.0.1');
    const hooks = {
      update: () => Promise.resolve({ rcode: RCODE.REFUSED }),
      notify: () => Promise.resolve({ rcode: RCODE.REFUSED }),
    };
    const open = { ...authority, isTransferOpen: true };
    const server = given(
      await startNameServer({ addresses: ['127.0.0.1'], port, authority: open, hooks, log: SILENT_LOG, udp: udpOfRun }),
    );
    t.teardown(() => server.close());
    const request = encodeMessage(axfr);
    const framed = Buffer.concat([Buffer.of(request.length >> 8, request.length & 255), request]);
    const cutShort = async (): Promise<void> => {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write(framed);
      await once(socket, 'data');
      socket.resetAndDestroy();
    };
    // More of them than there are places for transfers, so that one that kept its place would be missed.
    for (let wave = 0; wave < 6; wave++) await Promise.all(Array.from({ length: 20 }, cutShort));
    await transfersAll(t, port);
  },
);

test('transfers that a client asks for and does not read cost it its own connection, and nobody else anything', async (t) => {
  const zones = new ZoneTable();
  zones.set(large);
  let begun = 0;
  const authority: Authority = {
    zones,
    keys: new KeyTable(),
    identity: { version: 'test', id: 'test' },
    isTransferOpen: true,
    isPrimary: true,
    historyOf: () => undefined,
    expiryOf: () => 0,
  };
  const walk = large.walk.bind(large);
  Object.defineProperty(large, 'walk', {
    value: () => {
      begun++;
      return walk();
    },
  });
  const port = await freePort('127.0.0.1');
  const hooks = {
    update: () => Promise.resolve({ rcode: RCODE.REFUSED }),
    notify: () => Promise.resolve({ rcode: RCODE.REFUSED }),
  };
  const server = given(
    await startNameServer({ addresses: ['127.0.0.1'], port, authority, hooks, log: SILENT_LOG, udp: udpOfRun }),
  );
  t.teardown(() => server.close());

  const lazy = connect(port, '127.0.0.1');
  t.teardown(() => lazy.destroy());
  lazy.pause();
  const request = encodeMessage(axfr);
  for (let i = 0; i < 50; i++)
    lazy.write(Buffer.concat([Buffer.of(request.length >> 8, request.length & 255), request]));

  await transfersAll(t, port);
  t.is(begun, 2, 'of the fifty transfers of the client that does not read one has begun');
});

test('who may not is told in the log once a minute for each reason, with how many there were, and counted', (t) => {
  let now = 0;
  const lines: unknown[] = [];
  const log: Log = { ...SILENT_LOG, warn: (event, fields, what) => void lines.push([event, fields, what]) };
  const rejections = new Rejections(log, () => now);
  const key = nameOf('admin._update.');
  const add = (): void => rejections.add({ reason: 'badsig', key }, 'the MAC does not match', () => '192.0.2.1:53');
  for (let i = 0; i < 5; i++) add();
  rejections.add({ reason: 'unsigned' }, 'the update is not signed', () => '192.0.2.2:53');
  now = 60_000;
  add();
  const badsig = { reason: 'badsig', peer: '192.0.2.1:53', key: 'admin._update.' };
  t.deepEqual(lines, [
    ['request.refused', { ...badsig, count: 1 }, 'the MAC does not match'],
    ['request.refused', { reason: 'unsigned', count: 1, peer: '192.0.2.2:53' }, 'the update is not signed'],
    ['request.refused', { ...badsig, count: 5 }, 'the MAC does not match'],
  ]);
  t.deepEqual(
    rejections.counts.filter(([, count]) => count > 0),
    [
      ['badsig', 6],
      ['unsigned', 1],
    ],
  );
});

test("an update without a signature is one of somebody who may not; a question for a transfer is anybody's", async (t) => {
  const lines: unknown[] = [];
  const log: Log = { ...SILENT_LOG, warn: (_, fields) => void lines.push(fields?.reason) };
  const port = await freePort('127.0.0.1');
  const refuse = () => Promise.resolve({ rcode: RCODE.REFUSED });
  const server = given(
    await startNameServer({
      addresses: ['127.0.0.1'],
      port,
      authority: authorityOf(large),
      hooks: { update: refuse, notify: refuse },
      log,
      udp: udpOfRun,
    }),
  );
  t.teardown(() => server.close());
  const zone = { name: origin, type: TYPE.SOA, class: CLASS.IN };
  for (const message of [axfr, { ...emptyMessage(8, OPCODE.UPDATE), questions: [zone] }]) {
    const stream = given(await openStream({ server: { address: '127.0.0.1', port } }));
    t.teardown(() => stream.close());
    for await (const reply of stream.conversation(message)) {
      t.is(given(reply).rcode, RCODE.REFUSED);
      break;
    }
  }
  t.deepEqual(lines, ['unsigned']);
  t.deepEqual(
    server.rejections.filter(([, count]) => count > 0),
    [['unsigned', 1]],
  );
});

test('of an update that was passed on a reply that is longer than the client takes over UDP is cut, and over TCP it is whole', async (t) => {
  const port = await freePort('127.0.0.1');
  const refuse = () => Promise.resolve({ rcode: RCODE.REFUSED });
  /** An update, and what the primary says of it, which is so long. */
  const [key, now] = [given(parseKey(`x._update:SHA256:${Buffer.alloc(32, 1).toString('base64')}`)), 0];
  const zone = { name: origin, type: TYPE.SOA, class: CLASS.IN };
  let length = 0;
  const said = (update: Uint8Array): Uint8Array => {
    const reply = Buffer.concat([update, Buffer.alloc(length - update.length)]);
    reply[2]! |= 0x80;
    reply[3] = RCODE.YXRRSET;
    return reply;
  };
  const server = given(
    await startNameServer({
      addresses: ['127.0.0.1'],
      port,
      authority: { ...authorityOf(large), isPrimary: false, forwardsOver: 'plain' },
      hooks: { update: refuse, notify: refuse, forward: async (octets) => said(octets) },
      log: SILENT_LOG,
      udp: udpOfRun,
    }),
  );
  t.teardown(() => server.close());
  const asker = await Asker.to({ address: '127.0.0.1', port });
  t.teardown(() => asker.close());
  for (const [edns, limit] of [
    [undefined, 512],
    [{ ...BARE_EDNS, udpSize: 700 }, 700],
    [{ ...BARE_EDNS, udpSize: 65_535 }, 1232],
  ] as const) {
    const message = { ...emptyMessage(7, OPCODE.UPDATE), questions: [zone], ...(edns === undefined ? {} : { edns }) };
    const { octets } = sign(encodeMessage(message), key, { now });
    for (length of [limit, limit + 1, 61_000]) {
      const whole = (await asker.ask(octets, 'tcp'))!;
      t.is(whole.length, length);
      const reply = (await asker.ask(octets, 'udp'))!;
      if (length <= limit) t.is(reply.length, length);
      else {
        t.true(reply.length <= limit);
        const { tc, rcode, questions } = given(decodeMessage(reply));
        t.deepEqual([tc, rcode, questions.length], [true, RCODE.YXRRSET, 1]);
      }
    }
  }
});

testWith(test, ['openssl'])('a client certificate that is not good is counted, and told once a minute', async (t) => {
  const [ca, other] = await Promise.all([newAuthority(t), newAuthority(t, 'other')]);
  const pem = ({ cert, key }: Certificate) => ({ cert: readFileSync(cert), key: readFileSync(key) });
  const gate = given(TlsGate.open({ ...pem(ca), clientCa: readFileSync(ca.cert) }));
  const lines: unknown[] = [];
  const server = given(
    await startNameServer({
      addresses: ['127.0.0.1'],
      port: await freePort('127.0.0.1'),
      tls: { port: 0, gate },
      authority: authorityOf(zoneOf('@ 60 NS ns.other.')),
      hooks: { update: async () => ({ rcode: RCODE.REFUSED }), notify: async () => ({ rcode: RCODE.REFUSED }) },
      log: { ...SILENT_LOG, warn: (event, fields, what) => void lines.push([event, fields?.reason, what]) },
      udp: udpOfRun,
    }),
  );
  t.teardown(() => server.close());
  const message = { ...axfr, questions: [{ name: origin, type: TYPE.SOA, class: CLASS.IN }] };
  const tls = given(TlsClient.open({ pins: [ca.pin], identity: pem(await other.sign(['client.example'])) }));
  for (let asked = 0; asked < 3; asked++) given(await exchange({ server: server.boundTls[0]!, message, tls }));
  t.is(new Map(server.rejections).get('badcert'), 3);
  const [[event, reason, what] = [], ...more] = lines as string[][];
  t.deepEqual([event, reason, more], ['request.refused', 'badcert', []]);
  t.regex(what!, /without a certificate: its certificate is of no authority that is trusted here$/);
});
