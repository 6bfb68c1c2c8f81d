/**
 * A primary and a secondary beside each other: following, new zones, restarts of either, expiry, a hidden secondary, and what
 * strangers send to both.
 */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import anyTest, { type ExecutionContext } from 'ava';
import { dig, type KeyText } from '../support/dig.ts';
import { startGitDaemon } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { type Files, makeRepository, type Repository } from '../support/repository.ts';
import { lagOf, PRIMARY, pull, type Scene, SECONDARY, startScene, timeOf, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);

const admin = secrecy.newKey('admin._update');
const mirage = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.mirage`);
const root = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer`, 'SHA512');
const hidden = secrecy.newKey(`x.${PRIMARY}._transfer.mirage`);

const keys = [admin, mirage, root, hidden].map(keyLine).join('');

interface Pair {
  readonly repository: Repository;
  readonly port: number;
  readonly primary: Scene;
  readonly secondary: Scene;
}

const startPrimary = (t: ExecutionContext<unknown>, repository: Repository, port: number): Promise<Scene> =>
  startScene(t, secrecy, 'primary', ['--remote', repository.path], { port });

const startSecondary = (t: ExecutionContext<unknown>, port: number, ...given: readonly KeyText[]): Promise<Scene> =>
  startScene(
    t,
    secrecy,
    'secondary',
    given.flatMap((key) => ['--keys', key]),
    { port },
  );

/** A repository, a primary on it, and a secondary with one key. */
const setUp = async (t: ExecutionContext<unknown>, key: KeyText, files: Files): Promise<Pair> => {
  const repository = await makeRepository(t, { _keys: keys, ...files });
  const port = await freePort(PRIMARY, SECONDARY);
  const primary = await startPrimary(t, repository, port);
  const secondary = await startSecondary(t, port, key);
  return { repository, port, primary, secondary };
};

test.serial('a secondary follows an update within a second, and by differences', async (t) => {
  const { primary, secondary } = await setUp(t, mirage, { mirage: zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  t.true((await secondary.ask('mirage', 'SOA')).flags.includes('aa'));
  for (let n = 1; n <= 5; n++) {
    t.is((await primary.update(admin, 'zone mirage', `add u${n}.mirage 60 A 192.0.2.${n}`)).code, 0);
    t.true((await lagOf(secondary, primary, 'mirage', `NOERROR 192.0.2.${n}`, `u${n}.mirage`)) <= 1000);
  }
  t.is(await secondary.serial('mirage'), await primary.serial('mirage'));
  const forms = secondary.service.lines
    .filter(({ text }) => text.includes('"transfer.in"'))
    .map(({ text }) => JSON.parse(text).form);
  t.deepEqual(forms, ['AXFR', 'IXFR', 'IXFR', 'IXFR', 'IXFR', 'IXFR']);
});

test.serial('a new zone below the key is taken up by both, and dropped by both when its file is removed', async (t) => {
  const { repository, primary, secondary } = await setUp(t, mirage, { mirage: zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  await pull(
    primary,
    await repository.push({ 'sub.mirage': zoneText(4, 'www A 192.0.2.1\n'), 'other.example': zoneText(1) }),
  );
  t.is(await primary.look('www.sub.mirage'), 'NOERROR 192.0.2.1');
  t.true((await lagOf(secondary, primary, 'sub.mirage', 'NOERROR 192.0.2.1', 'www.sub.mirage')) <= 2000);
  t.is(await secondary.look('ns.other.example'), 'REFUSED', 'the key does not cover it');

  await pull(primary, await repository.push({ 'sub.mirage': undefined }));
  t.is(await primary.look('www.sub.mirage'), 'NXDOMAIN', 'it is a name of the zone above now');
  await secondary.shows('NXDOMAIN', 'www.sub.mirage', 'A', 5000);
});

test.serial('a root key brings every zone, also those that come later, and a removed one is REFUSED', async (t) => {
  const { repository, primary, secondary } = await setUp(t, root, { mirage: zoneText(1), 'a.example': zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  await secondary.shows('NOERROR 127.0.0.1', 'ns.a.example');
  await pull(primary, await repository.push({ 'b.example': zoneText(1), '2.0.192.in-addr.arpa': zoneText(1) }));
  t.true((await lagOf(secondary, primary, 'b.example', 'NOERROR 127.0.0.1', 'ns.b.example')) <= 2000);
  t.true(
    (await lagOf(secondary, primary, '2.0.192.in-addr.arpa', 'NOERROR 127.0.0.1', 'ns.2.0.192.in-addr.arpa')) <= 2000,
  );
  await pull(primary, await repository.push({ 'a.example': undefined }));
  t.is(await primary.look('ns.a.example'), 'REFUSED');
  await secondary.shows('REFUSED', 'ns.a.example', 'A', 5000);
  t.is((await primary.update(admin, 'zone b.example', 'add x.b.example 60 A 192.0.2.1')).code, 0);
  t.true((await lagOf(secondary, primary, 'b.example', 'NOERROR 192.0.2.1', 'x.b.example')) <= 1000);
});

test.serial('until the primary of a key for all zones is there, nothing is refused', async (t) => {
  const repository = await makeRepository(t, { _keys: keys, mirage: zoneText(1) });
  const port = await freePort(PRIMARY, SECONDARY);
  const secondary = await startSecondary(t, port, root);
  t.is(await secondary.look('ns.mirage'), 'SERVFAIL');
  await startPrimary(t, repository, port);
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  await secondary.shows('REFUSED', 'www.other');
});

test.serial('a secondary that has only one of the keys that name it is told of all it may have', async (t) => {
  for (const key of [mirage, root]) {
    const { primary, secondary } = await setUp(t, key, {
      'a.mirage': zoneText(1),
      mirage: zoneText(1),
      'z.example': zoneText(1),
    });
    await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
    await secondary.shows('NOERROR 127.0.0.1', 'ns.a.mirage');
    for (const zone of ['mirage', 'a.mirage']) {
      t.is((await primary.update(admin, `zone ${zone}`, `add x.${zone} 60 A 192.0.2.1`)).code, 0);
      t.true((await lagOf(secondary, primary, zone, 'NOERROR 192.0.2.1', `x.${zone}`)) <= 1000);
    }
  }
});

test.serial(
  'a secondary that is restarted has everything again, also zones it was never told the name of',
  async (t) => {
    for (const key of [mirage, root]) {
      const { port, secondary } = await setUp(t, key, {
        mirage: zoneText(1),
        'sub.mirage': zoneText(1, 'www A 192.0.2.1\n'),
      });
      await secondary.shows('NOERROR 192.0.2.1', 'www.sub.mirage');
      t.is((await secondary.service.stop()).code, 0);
      const again = await startSecondary(t, port, key);
      await again.shows('NOERROR 127.0.0.1', 'ns.mirage');
      await again.shows('NOERROR 192.0.2.1', 'www.sub.mirage');
      for (const zone of ['mirage.', 'sub.mirage.']) {
        const taken = await again.service.waitForEvent('transfer.in', { zone });
        t.true(timeOf(taken) - timeOf(again.service.ready) <= 3000);
      }
    }
  },
);

test.serial('a primary that is restarted is followed on, with what changed meanwhile', async (t) => {
  const { repository, port, primary, secondary } = await setUp(t, mirage, { mirage: zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  t.is((await primary.service.stop()).code, 0);
  await repository.push({ mirage: zoneText(2, 'meanwhile A 192.0.2.1\n'), 'new.mirage': zoneText(1) });
  t.is(await secondary.look('ns.mirage'), 'NOERROR 127.0.0.1', 'it goes on serving');
  const again = await startPrimary(t, repository, port);
  t.true((await lagOf(secondary, again, 'mirage', 'NOERROR 192.0.2.1', 'meanwhile.mirage')) <= 2000);
  t.true((await lagOf(secondary, again, 'new.mirage', 'NOERROR 127.0.0.1', 'ns.new.mirage')) <= 2000);
  t.is((await again.update(admin, 'zone mirage', 'add after.mirage 60 A 192.0.2.2')).code, 0);
  t.true((await lagOf(secondary, again, 'mirage', 'NOERROR 192.0.2.2', 'after.mirage')) <= 1000);
});

test.serial(
  'a secondary that starts before its primary is SERVFAIL until it can transfer, and heals by itself',
  async (t) => {
    const repository = await makeRepository(t, { _keys: keys, mirage: zoneText(1) });
    const port = await freePort(PRIMARY, SECONDARY);
    const secondary = await startSecondary(t, port, mirage);
    t.is(await secondary.look('ns.mirage'), 'SERVFAIL');
    await secondary.service.waitForEvent('refresh.failed', { zone: 'mirage.' });
    await startPrimary(t, repository, port);
    await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  },
);

test.serial('a primary that is restarted while its remote is away takes nothing from its secondaries', async (t) => {
  const repository = await makeRepository(t, { _keys: keys, 'a.example': zoneText(1, '', '1 1 3600 60') });
  const port = await freePort(PRIMARY, SECONDARY);
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const start = () =>
    startScene(t, secrecy, 'primary', ['--remote', `git://127.0.0.1:${peer.port}/zones.git`], { port });
  const primary = await start();
  const secondary = await startSecondary(t, port, root);
  await secondary.shows('NOERROR 127.0.0.1', 'ns.a.example');
  await primary.service.stop();
  await peer.stop();
  const again = await start();
  t.is(await again.look('ns.a.example'), 'SERVFAIL');
  t.is(await secondary.look('ns.a.example'), 'NOERROR 127.0.0.1');
  const back = await startGitDaemon(repository.folder, peer.port);
  t.teardown(() => back.stop());
  again.service.signal('SIGHUP');
  await again.shows('NOERROR 127.0.0.1', 'ns.a.example');
  t.is((await again.update(admin, 'zone a.example', 'add x.a.example 60 A 192.0.2.1')).code, 0);
  // Longer than a NOTIFY takes: what the secondary asked while the primary knew no keys is first waited for in vain (RFC 8945 5.3).
  await secondary.shows('NOERROR 192.0.2.1', 'x.a.example');
});

// When exactly, and when not: unit/expiry.test.ts.
test.serial('a zone that has expired is SERVFAIL with the reason, and comes back by itself', async (t) => {
  const { repository, port, primary, secondary } = await setUp(t, mirage, { mirage: zoneText(1, '', '1 1 2 60') });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  t.is((await primary.service.stop()).code, 0);
  await secondary.shows('SERVFAIL', 'ns.mirage');
  await secondary.service.waitForEvent('zone.expired', { zone: 'mirage.' });
  const { edns } = await secondary.ask('ns.mirage');
  t.true(
    edns.some((line) => /^EDE: 24 .*has expired/.test(line)),
    edns.join('; '),
  );
  await startPrimary(t, repository, port);
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
});

test.serial("a secondary takes no update, no stranger's NOTIFY, and transfers only to who has a key", async (t) => {
  const { primary, secondary, port } = await setUp(t, mirage, { mirage: zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  for (const key of [undefined, mirage]) {
    t.regex((await secondary.update(key, 'zone mirage', 'add x.mirage 60 A 192.0.2.1')).text, /REFUSED/);
  }
  const notify = (...more: readonly string[]): ReturnType<Scene['ask']> =>
    secondary.ask('mirage', 'SOA', '+opcode=notify', ...more);
  t.is((await notify('-b', '127.0.0.3')).status, 'REFUSED');
  t.is((await notify('-b', '127.0.0.3', '+tcp')).status, 'REFUSED');
  t.is((await notify('-b', PRIMARY)).status, 'NOERROR', 'the primary need not sign');
  t.is((await secondary.ask('other.example', 'SOA', '+opcode=notify', '-b', PRIMARY)).status, 'REFUSED');
  t.is((await primary.ask('mirage', 'SOA', '+opcode=notify')).status, 'REFUSED', 'unsigned, it makes no primary pull');
  t.is((await secondary.ask('mirage', 'AXFR')).status, 'TRANSFER FAILED');
  const signed = await dig({ server: SECONDARY, port, args: ['mirage', 'AXFR'], key: mirage, owner: t });
  t.is(signed.answer.length, 4);
});

test.serial('a hidden secondary is notified on its own connection, also by a restarted primary', async (t) => {
  const { repository, port, primary, secondary } = await setUp(t, hidden, {
    mirage: zoneText(1),
    'sub.mirage': zoneText(1),
  });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  await secondary.shows('NOERROR 127.0.0.1', 'ns.sub.mirage');
  await primary.service.waitForEvent('secondary.registered', { zone: 'mirage.' });
  t.is((await primary.update(admin, 'zone mirage', 'add a.mirage 60 A 192.0.2.1')).code, 0);
  t.true((await lagOf(secondary, primary, 'mirage', 'NOERROR 192.0.2.1', 'a.mirage')) <= 1000);
  t.is((await primary.update(admin, 'zone sub.mirage', 'add a.sub.mirage 60 A 192.0.2.1')).code, 0);
  t.true((await lagOf(secondary, primary, 'sub.mirage', 'NOERROR 192.0.2.1', 'a.sub.mirage')) <= 1000);
  await pull(primary, await repository.push({ 'new.mirage': zoneText(1) }));
  t.true((await lagOf(secondary, primary, 'new.mirage', 'NOERROR 127.0.0.1', 'ns.new.mirage')) <= 2000);

  t.is((await primary.service.stop()).code, 0);
  const again = await startPrimary(t, repository, port);
  await again.service.waitForEvent('secondary.registered', { zone: 'mirage.' });
  t.is((await again.update(admin, 'zone mirage', 'add b.mirage 60 A 192.0.2.2')).code, 0);
  t.true((await lagOf(secondary, again, 'mirage', 'NOERROR 192.0.2.2', 'b.mirage')) <= 1000);
});

/** mulberry32: numbers below 2^32 from a seed. */
const dice = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
};

/** `ns.mirage A`, ID 0x4142. */
const query = Buffer.from('41420000000100000000000002' + '6e73' + '066d6972616765' + '0000010001', 'hex');

/** Octets that are noise, a query that something happened to, or the head of one that promises more. */
const garbage = (roll: () => number): Buffer => {
  const octets = Buffer.from(roll() % 3 === 0 ? Array.from({ length: roll() % 600 }, () => roll() & 255) : query);
  for (let hits = roll() % 6; hits > 0 && octets.length > 0; hits--) octets[roll() % octets.length] = roll() & 255;
  if (roll() % 4 === 0) return octets.subarray(0, roll() % (octets.length + 1));
  return roll() % 4 === 0
    ? Buffer.concat([octets, Buffer.from(Array.from({ length: roll() % 40 }, () => roll() & 255))])
    : octets;
};

/** Sends datagrams, and returns what came back. */
const shower = async (address: string, port: number, datagrams: readonly Buffer[]): Promise<readonly Buffer[]> => {
  const socket = createSocket('udp4');
  const replies: Buffer[] = [];
  socket.on('message', (octets) => replies.push(octets));
  socket.bind(0, '127.0.0.3');
  await once(socket, 'listening');
  for (let at = 0; at < datagrams.length; at += 50) {
    const some = datagrams.slice(at, at + 50);
    await Promise.all(
      some.map((octets) => new Promise<void>((done) => socket.send(octets, port, address, () => done()))),
    );
    // The server is as far as this before the next lot: nothing is lost in a full buffer.
    const id = Buffer.from([0xfe, (at / 50) & 255]);
    const probe = Buffer.concat([id, query.subarray(2)]);
    await until(
      async () => {
        socket.send(probe, port, address);
        await Promise.race([once(socket, 'message'), new Promise((done) => setTimeout(done, 100))]);
        return replies.some((reply) => reply.subarray(0, 2).equals(id) && reply.length > query.length);
      },
      { what: `${address} answers after garbage` },
    );
  }
  socket.close();
  return replies;
};

/** Opens a connection, sends octets, and waits for it to end or, where it stays open, for a reply to a good query. */
const pour = async (address: string, port: number, octets: Buffer): Promise<void> => {
  const socket = connect({ port, host: address, localAddress: '127.0.0.3' });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  socket.end(octets);
  // What promises more than it sends is let go by the server when we are.
  await Promise.race([closed, new Promise((done) => setTimeout(done, 500))]);
  socket.destroy();
};

test.serial('noise and broken messages from strangers get FORMERR or silence, and both servers go on', async (t) => {
  const seed = randomInt(2 ** 31);
  t.log(`seed ${seed}`);
  const { primary, secondary, port } = await setUp(t, mirage, { mirage: zoneText(1) });
  await secondary.shows('NOERROR 127.0.0.1', 'ns.mirage');
  const roll = dice(seed);
  for (const { address, service } of [primary, secondary]) {
    const replies = await shower(
      address,
      port,
      Array.from({ length: 3000 }, () => garbage(roll)),
    );
    t.true(replies.length > 0);
    for (const reply of replies) t.true(reply.length >= 12 && (reply[2]! & 0x80) !== 0, 'a reply is a response');
    for (let lot = 0; lot < 15; lot++) {
      await Promise.all(
        Array.from({ length: 20 }, () => {
          const octets = Buffer.concat(
            Array.from({ length: 1 + (roll() % 4) }, () => {
              const message = garbage(roll);
              const length = Buffer.alloc(2);
              length.writeUInt16BE(roll() % 5 === 0 ? roll() & 0xffff : message.length);
              return Buffer.concat([length, message]);
            }),
          );
          return pour(address, port, octets);
        }),
      );
    }
    t.is(service.exit, undefined);
    t.false(
      service.text().includes('process.fault'),
      service
        .text()
        .split('\n')
        .find((line) => line.includes('process.fault')) ?? '',
    );
  }
  t.is((await primary.update(admin, 'zone mirage', 'add x.mirage 60 A 192.0.2.1')).code, 0);
  t.true((await lagOf(secondary, primary, 'mirage', 'NOERROR 192.0.2.1', 'x.mirage')) <= 1000);
  t.is((await secondary.ask('ns.mirage', 'A', '+tcp')).status, 'NOERROR');
  t.is(await primary.look('ns.mirage'), 'NOERROR 127.0.0.1');
});
