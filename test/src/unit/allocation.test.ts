/**
 * The way of a query allocates nothing, seen from the heap: while many queries are answered, none of it is used up and no garbage is
 * collected.
 */
import { createSocket } from 'node:dgram';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ClientAddress } from '@zonewright/common/authority/client-address';
import { Responder } from '@zonewright/common/authority/responder';
import { Name } from '@zonewright/common/name';
import type { Datagram } from '@zonewright/common/net/datagram';
import { closeLinuxSocket, linuxUdpFault, openLinuxSockets, sendAlong } from '@zonewright/common/net/linux-socket';
import { LinuxDatagrams } from '@zonewright/common/net/linux-udp';
import { NAME, ROUTE } from '@zonewright/common/net/route';
import { ZoneBuilder } from '@zonewright/common/zone/builder';
import { LookupName } from '@zonewright/common/zone/lookup-name';
import type { Zone } from '@zonewright/common/zone/zone';
import test from 'ava';
import { authorityOf, NOW, queryOf } from '../support/answering.ts';
import { chainZone } from '../support/chained.ts';
import { testUnless } from '../support/needs.ts';
import { given, nameOf, recordOf, zoneOf } from '../support/records.ts';
import { until } from '../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const ROUNDS = 60_000;
/** The smallest object has 16 octets; what the measurement itself costs is spread over all rounds. */
const LESS_THAN_AN_OBJECT = 4;

interface Used {
  readonly octets: number;
  readonly collections: number;
}

/**
 * Octets of heap that one round of `work` uses, and how often garbage was collected in all rounds: the least of three measurements,
 * since code is compiled, and compiled again, beside the work, and what allocates does so each time.
 */
async function heapOf(work: (round: number) => void, rounds = ROUNDS): Promise<Used> {
  // So that it is compiled, and its tables have their size.
  for (let round = 0; round < 2 * rounds; round++) work(round);
  let least = await measured(work, rounds);
  for (let i = 1; i < 3; i++) {
    const used = await measured(work, rounds);
    if (used.collections < least.collections || (used.collections === least.collections && used.octets < least.octets))
      least = used;
  }
  return least;
}

async function measured(work: (round: number) => void, rounds: number): Promise<Used> {
  let collections = 0;
  let [start, end] = [0, 0];
  let isLastSeen = false;
  const observer = new PerformanceObserver((list) => {
    for (const { startTime } of list.getEntries()) {
      if (startTime >= start && startTime <= end) collections++;
      else if (startTime > end) isLastSeen = true;
    }
  });
  collectGarbage();
  [start, end] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().heapUsed;
  start = performance.now();
  for (let round = 0; round < rounds; round++) work(round);
  end = performance.now();
  const after = process.memoryUsage().heapUsed;
  // One more, so that those before it have been told of when it is.
  collectGarbage();
  await until(() => isLastSeen, { what: 'the last collection is told of' });
  observer.disconnect();
  return { octets: (after - before) / rounds, collections };
}

test.serial('the measurement sees an object a round', async (t) => {
  const kept: unknown[] = [undefined];
  const { octets, collections } = await heapOf((round) => {
    kept[0] = { round };
  });
  t.true(octets >= LESS_THAN_AN_OBJECT || collections > 0, `${octets} octets, ${collections} collections`);
});

test.serial('a name is found without an allocation', async (t) => {
  const builder = new ZoneBuilder(nameOf('example.'));
  const soa = recordOf('example. 60 SOA ns. hostmaster. 1 2 3 4 5');
  builder.add(soa.name, soa.type, soa.ttl, soa.rdata);
  const names = Array.from({ length: 10_000 }, (_, n) => given(Name.parse(`host${n}.sub${n % 7}.example.`)));
  for (const name of names) builder.add(name, 1, 60, Uint8Array.of(192, 0, 2, 1));
  const { image, root } = builder.finish()!;
  const lookup = new LookupName();
  let found = 0;
  const { octets, collections } = await heapOf((round) => {
    lookup.read(names[round % names.length]!.wire, 0);
    if (image.findSuffix(root, lookup, 0, 2) !== 0) found++;
  });
  t.is(found, 5 * ROUNDS);
  t.is(collections, 0);
  t.true(octets < LESS_THAN_AN_OBJECT, `${octets} octets`);
});

const hash = { iterations: 1, salt: Uint8Array.of(1, 2), isOptOut: false };

for (const [kind, prepare] of [
  ['', (zone: Zone) => zone],
  [' from a zone with NSEC', (zone: Zone) => chainZone(zone, {})],
  [' from a zone with NSEC3', (zone: Zone) => chainZone(zone, { hash })],
] as const) {
  test.serial(`a plain query is answered without an allocation, whatever the answer is${kind}`, async (t) => {
    const zone = prepare(
      zoneOf(`
    @ 60 NS ns1
    @ 60 NS ns2.sub
    @ 60 MX 10 mail
    ns1 60 A 192.0.2.1
    www 60 A 192.0.2.3
    mail 60 A 192.0.2.5
    mail 60 AAAA 2001:db8::1
    sub 60 NS ns2.sub
    ns2.sub 60 A 192.0.2.9
    *.wild 60 TXT hello
    alias 60 CNAME www
    old 60 DNAME wild`),
    );
    const questions = [
      'www A',
      'www TXT',
      'nothing A',
      '@ MX',
      '@ SOA',
      'a.b.sub A',
      'x.wild TXT',
      'alias A',
      'x.old TXT',
    ];
    const responder = new Responder(authorityOf(zone), {
      cookies: { secrets: [new Uint8Array(16)], isRequired: false },
      rateLimit: { rate: 1_000_000, slip: 2, seed: 1 },
      idleTime: 30_000,
      isRotating: true,
    });
    const all = [
      ...questions.map((each) =>
        each.replace('@ ', 'example. ').replace(' ', each.startsWith('@') ? ' ' : '.example. '),
      ),
      'other. A',
    ];
    const packets = all.flatMap((question) => [
      queryOf(question),
      queryOf(question, { size: 1232, dnssecOk: true }),
      queryOf(question, {
        options: [
          { code: 10, data: new Uint8Array(8) },
          { code: 3, data: new Uint8Array(0) },
        ],
      }),
    ]);
    let answered = 0;
    const clients = [ClientAddress.of('192.0.2.200'), ClientAddress.of('2001:db8::200')];
    const { octets, collections } = await heapOf((round) => {
      responder.from(clients[round % 2]!, round);
      if (responder.respond(packets[round % packets.length]!, 'udp', NOW) > 0) answered++;
    });
    t.is(answered, 5 * ROUNDS);
    t.is(collections, 0);
    t.true(octets < LESS_THAN_AN_OBJECT, `${octets} octets`);
  });
}

const echo = {
  prepare: () => undefined,
  answer: ({ octets, length, reply }: Datagram): number => {
    for (let i = 0; i < length; i++) reply[i] = octets[i]!;
    return length;
  },
};

for (const address of ['127.0.0.1', '0.0.0.0']) {
  testUnless(test, linuxUdpFault()).serial(
    `a datagram is received and answered without an allocation on Linux, at ${address}`,
    async (t) => {
      const sockets = [0, 1].map(() => given(openLinuxSockets({ address, port: 0 }))[0]!);
      t.teardown(() => {
        for (const { fd } of sockets) closeLinuxSocket(fd);
      });
      const routes: Uint8Array[] = [];
      const catcher = { prepare: () => undefined, answer: (datagram: Datagram) => routes.push(datagram.route()) };
      const [one, other] = sockets.map(({ fd }) => new LinuxDatagrams([fd], echo)) as [LinuxDatagrams, LinuxDatagrams];
      const rounds = ROUNDS / 10;
      // Each takes the other's replies for requests, so that what was sent once comes again and again.
      const client = createSocket('udp4');
      const { port } = sockets[0]!.peer;
      await new Promise((resolve) => client.send('a datagram', port, '127.0.0.1', resolve));
      client.close();
      new LinuxDatagrams([sockets[0]!.fd], catcher).turn(1000);
      const route = new DataView(routes[0]!.buffer);
      route.setInt32(ROUTE.socket, sockets[1]!.fd, true);
      route.setUint16(ROUTE.name + NAME.port, port);
      for (let i = 0; i < 4; i++) sendAlong(routes[0]!, Buffer.from(`a datagram ${i}`));
      const { octets, collections } = await heapOf(() => {
        one.turn(0);
        other.turn(0);
      }, rounds);
      t.deepEqual([one.received, other.received], [4 * 5 * rounds, 4 * 5 * rounds]);
      t.is(collections, 0);
      t.true(octets < LESS_THAN_AN_OBJECT, `${octets} octets`);
    },
  );
}
