/** Threads that answer UDP, by both ways: what they answer themselves, what comes back to control, and what they outlive. */

import { createSocket } from 'node:dgram';
import type { Authority } from '@zonewright/common/authority/authority';
import { ZoneTable } from '@zonewright/common/authority/zones';
import { exchange } from '@zonewright/common/net/exchange';
import { linuxUdpFault } from '@zonewright/common/net/linux-socket';
import { CLASS } from '@zonewright/common/rr/class';
import { TYPE } from '@zonewright/common/rr/type';
import { type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { type NameServer, type NameServerOptions, startNameServer } from '@zonewright/common/service/name-server';
import { MAX_HANDED_OVER, MAX_HANDED_OVER_OCTETS, UdpBoard } from '@zonewright/common/service/udp-board';
import { OPCODE, RCODE } from '@zonewright/common/wire/code';
import { BARE_EDNS, extendedErrorText } from '@zonewright/common/wire/edns';
import { emptyMessage, encodeMessage, type Message } from '@zonewright/common/wire/message';
import type { Zone } from '@zonewright/common/zone/zone';
import test, { type ExecutionContext } from 'ava';
import { authorityOf } from '../support/answering.ts';
import { testUnless } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { given, nameOf, recordOf, zoneOf } from '../support/records.ts';
import { until } from '../support/until.ts';

type Test = ExecutionContext<unknown>;

const ways = [
  ['linux', testUnless(test, linuxUdpFault())],
  ['portable', test],
] as const;

const hooks: NameServerOptions['hooks'] = {
  update: () => Promise.resolve({ rcode: RCODE.NOERROR }),
  notify: () => Promise.resolve({ rcode: RCODE.NOERROR }),
};

/** Versions of a zone: `www` has the last octet of the address, and the zone the serial, that is asked for. */
function version(number: number): Zone {
  return zoneOf(`@ 60 NS ns\nns 60 A 192.0.2.1\nwww 60 A 192.0.2.${number}`, `@ 60 SOA ns h ${number} 1 1 1 1`);
}

async function start(
  t: Test,
  way: 'linux' | 'portable',
  authority: Authority,
  more: Partial<NameServerOptions> = {},
): Promise<NameServer & { ask(name: string, type?: number, change?: Partial<Message>): Promise<Message> }> {
  const udp = way === 'linux' ? 'auto' : 'portable';
  const server = given(
    await startNameServer({
      addresses: ['127.0.0.1'],
      port: await freePort('127.0.0.1'),
      authority,
      hooks,
      log: SILENT_LOG,
      udp,
      ...more,
    }),
  );
  t.teardown(() => server.close());
  t.is(server.udp.way, way);
  const ask = async (name: string, type: number = TYPE.A, change: Partial<Message> = {}): Promise<Message> => {
    const questions = [{ name: nameOf(name), type, class: CLASS.IN }];
    const message = { ...emptyMessage(7, OPCODE.QUERY), questions, ...change };
    return given(await exchange({ server: server.bound[0]!, message, transport: 'udp' }));
  };
  return Object.assign(server, { ask });
}

for (const [way, testHere] of ways) {
  testHere(
    `${way}: plain queries, and what else zones are enough for, are answered by the threads`,
    async (t: Test) => {
      const server = await start(t, way, authorityOf(version(1)), { udpWorkers: 2 });
      t.is((await server.ask('www.example.')).answers.length, 1);
      t.is((await server.ask('nope.example.')).rcode, RCODE.NXDOMAIN);
      t.is((await server.ask('www.test.')).rcode, RCODE.REFUSED);
      t.is((await server.ask('www.example.', TYPE.A, { opcode: 2 })).rcode, RCODE.NOTIMP);
      await until(() => server.udp.counts.answered >= 4, { what: 'the answers are counted' });
      t.is(server.udp.counts.handedOver, 0);
    },
  );

  testHere(
    `${way}: a NOTIFY, an UPDATE, IXFR and the names of class CH are answered by control, to the port they came from`,
    async (t: Test) => {
      // A client that waits too long asks again.
      const notified = new Set<string>();
      const server = await start(
        t,
        way,
        { ...authorityOf(version(1)), isTransferOpen: true },
        {
          hooks: {
            ...hooks,
            notify: async (_request, zone) => {
              notified.add(zone.toString());
              return { rcode: RCODE.NOERROR };
            },
          },
        },
      );
      const notify = await server.ask('example.', TYPE.SOA, { opcode: OPCODE.NOTIFY });
      t.deepEqual([notify.opcode, notify.rcode, ...notified], [OPCODE.NOTIFY, RCODE.NOERROR, 'example.']);
      t.is((await server.ask('example.', TYPE.SOA, { opcode: OPCODE.UPDATE })).rcode, RCODE.REFUSED);
      const soa = { ...recordOf('example. 60 SOA ns.example. h.example. 1 1 1 1 1') };
      t.is((await server.ask('example.', TYPE.IXFR, { authorities: [soa] })).answers.length, 1);
      const chaos = [{ name: nameOf('version.bind.'), type: TYPE.TXT, class: CLASS.CH }];
      t.is((await server.ask('.', TYPE.TXT, { questions: chaos })).answers.length, 1);
      await until(() => server.udp.counts.handedOver >= 4, { what: 'they are counted' });
    },
  );

  testHere(
    `${way}: of requests that come together, one that control fails at costs that one alone`,
    async (t: Test) => {
      const historyOf = (): never => {
        throw new Error('a bug');
      };
      const faults: unknown[] = [];
      const log: Log = {
        ...SILENT_LOG,
        error: (event: string, fields?: object) => void faults.push({ event, ...fields }),
      };
      const server = await start(t, way, { ...authorityOf(version(2)), isTransferOpen: true, historyOf }, { log });
      const questions = [{ name: nameOf('example.'), type: TYPE.SOA, class: CLASS.IN }];
      const transfer = {
        questions: [{ ...questions[0]!, type: TYPE.IXFR }],
        authorities: [recordOf('example. 60 SOA ns.example. h.example. 1 1 1 1 1')],
      };
      const client = createSocket('udp4');
      t.teardown(() => client.close());
      const answered = new Set<number>();
      client.on('message', (reply) => void answered.add(reply.readUInt16BE(0)));
      const { port, address } = server.bound[0]!;
      // Each second one is refused, the others make control throw.
      for (let id = 0; id < 20; id++) {
        const message =
          id % 2 === 0
            ? { ...emptyMessage(id, OPCODE.QUERY), ...transfer }
            : { ...emptyMessage(id, OPCODE.UPDATE), questions };
        client.send(encodeMessage(message), port, address);
      }
      await until(() => [...answered].filter((id) => id % 2 === 1).length === 10, { what: 'the refusals have come' });
      await until(() => faults.length === 10, { what: 'what was thrown is logged' });
      t.like(faults[0], { event: 'process.fault', during: 'udp' });
    },
  );

  testHere(`${way}: what is published is in force for the next query, in every thread`, async (t: Test) => {
    const authority = authorityOf(version(1));
    const server = await start(t, way, authority, { udpWorkers: 2 });
    for (let number = 2; number < 250; number++) {
      // A version of the same image and one of another, in turns.
      const before = authority.zones.get(nameOf('example.'))!;
      const old = recordOf(`www.example. 60 A 192.0.2.${number - 1}`);
      const next = recordOf(`www.example. 60 A 192.0.2.${number}`);
      authority.zones.set(number % 8 === 0 ? version(number) : before.change({ removed: [old], added: [next] })!);
      const { answers } = await server.ask('www.example.');
      t.is(answers[0]!.rdata[3], number);
    }
    authority.zones.await(nameOf('example.'));
    t.is((await server.ask('www.example.')).rcode, RCODE.SERVFAIL);
    authority.zones.await(nameOf('example.'), 'expired');
    const expired = await server.ask('www.example.', TYPE.A, { edns: BARE_EDNS });
    t.regex(extendedErrorText(expired.edns) ?? '', /expired/);
    authority.zones.delete(nameOf('example.'));
    t.is((await server.ask('www.example.')).rcode, RCODE.REFUSED);
    authority.zones.set(version(7));
    t.is((await server.ask('www.example.')).answers[0]!.rdata[3], 7);
  });

  testHere(`${way}: all threads count in one table of rates`, async (t: Test) => {
    const rateLimit = { rate: 5, slip: 0, seed: 1 };
    const server = await start(t, way, authorityOf(version(1)), { udpWorkers: 2, rateLimit });
    const query = encodeMessage({
      ...emptyMessage(1, OPCODE.QUERY),
      questions: [{ name: nameOf('www.example.'), type: TYPE.A, class: CLASS.IN }],
    });
    const sockets = Array.from({ length: 8 }, () => createSocket('udp4'));
    for (const socket of sockets) {
      t.teardown(() => socket.close());
      for (let i = 0; i < 25; i++) socket.send(query, server.bound[0]!.port, '127.0.0.1');
    }
    await until(() => server.udp.counts.received === 200, { what: 'all have come in' });
    t.true(server.limited.dropped > 180, `${server.limited.dropped} of 200 are not answered`);
  });

  testHere(
    `${way}: requests for control beyond a limit are dropped, and queries answered all the same`,
    async (t: Test) => {
      const server = await start(t, way, authorityOf(version(1)));
      const board = new UdpBoard();
      let places = 0;
      while (board.takePlace(500)) places++;
      t.is(places, MAX_HANDED_OVER);
      board.leavePlace(500);
      t.true(board.takePlace(500));
      t.false(new UdpBoard().takePlace(MAX_HANDED_OVER_OCTETS + 1));
      const notify = encodeMessage({
        ...emptyMessage(1, OPCODE.NOTIFY),
        questions: [{ name: nameOf('example.'), type: TYPE.SOA, class: CLASS.IN }],
      });
      const socket = createSocket('udp4');
      t.teardown(() => socket.close());
      for (let i = 0; i < 3000; i++) socket.send(notify, server.bound[0]!.port, '127.0.0.1');
      t.is((await server.ask('www.example.')).answers.length, 1);
    },
  );

  testHere(`${way}: a thread that dies is replaced, told all again, and the fault is logged`, async (t: Test) => {
    const lost: string[] = [];
    const zones = new ZoneTable();
    zones.set(version(1));
    const error: Log['error'] = (event) => {
      lost.push(event);
      // Before there is another thread: it would die of the broken zone as well, and so on, with a longer wait each time.
      zones.set(version(3));
    };
    const server = await start(t, way, { ...authorityOf(), zones }, { log: { ...SILENT_LOG, error } });
    t.is((await server.ask('www.example.')).answers[0]!.rdata[3], 1);
    // No zone has such a name.
    const broken = version(2);
    Object.defineProperty(broken, 'handle', { value: { ...broken.handle, origin: Uint8Array.of(63) } });
    zones.set(broken);
    const socket = createSocket('udp4');
    t.teardown(() => socket.close());
    const lifeSign = encodeMessage({
      ...emptyMessage(9, OPCODE.QUERY),
      questions: [{ name: nameOf('www.example.'), type: TYPE.A, class: CLASS.IN }],
    });
    socket.send(lifeSign, server.bound[0]!.port, '127.0.0.1');
    await until(() => lost.length > 0, { what: 'the thread is lost', timeout: 60_000 });
    const answer = async (): Promise<unknown> => (await server.ask('www.example.')).answers[0]?.rdata[3];
    await until(async () => (await answer()) === 3, { what: 'another answers', timeout: 60_000 });
    t.deepEqual(lost, ['udp.thread-lost']);
  });
}
