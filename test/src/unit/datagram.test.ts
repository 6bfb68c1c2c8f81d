/** Datagrams on a thread that answers them: one suite for each way of receiving them. */
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
import { type Peer, peerOf } from '@zonewright/common/net/address';
import { type DatagramHandler, REPLY_OCTETS } from '@zonewright/common/net/datagram';
import type { ServeFault } from '@zonewright/common/net/fault';
import { closeLinuxSocket, openLinuxSockets, sendAlong, wakeLinuxSocket } from '@zonewright/common/net/linux-socket';
import { LinuxDatagrams } from '@zonewright/common/net/linux-udp';
import { canSharePort, PortableDatagrams, reservePort } from '@zonewright/common/net/portable-udp';
import { peerOfRoute } from '@zonewright/common/net/route';
import type { Result } from '@zonewright/common/result';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { ThreadData } from '../support/datagram-thread.ts';
import {
  type Answering,
  type Client,
  type Implementation,
  implementations,
  startClient,
} from '../support/datagrams.ts';
import { testUnless } from '../support/needs.ts';
import { inNamespace, namespaceReason } from '../support/netns.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

type Test = ExecutionContext<unknown>;

const hasSix = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

const good = <T>(result: Result<T, unknown>): T => {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
};
const codeOf = (result: Result<unknown, { readonly code: string }>): string | undefined =>
  result.ok ? undefined : result.fault.code;

const quiet: DatagramHandler = { prepare: () => undefined, answer: () => 0 };

/** Answers with what came, as far as it fits. */
const echo: DatagramHandler = {
  ...quiet,
  answer: ({ octets, length, reply }) => {
    const size = Math.min(length, REPLY_OCTETS);
    reply.set(octets.subarray(0, size));
    return size;
  },
};

const textOf = (octets: Uint8Array, length: number): string =>
  Buffer.from(octets.subarray(0, length)).toString('latin1');

const start = async (
  t: Test,
  { start: begin }: Implementation,
  addresses: readonly string[],
  handler: Partial<DatagramHandler> = {},
): Promise<Answering & { readonly faults: ServeFault[] }> => {
  const faults: ServeFault[] = [];
  const onFault = (fault: ServeFault): void => void faults.push(fault);
  const where = addresses.map((address) => ({ address, port: 0 }));
  const answering = good(await begin(where, { ...echo, onFault, ...handler }));
  t.teardown(() => answering.close());
  return Object.assign(answering, { faults });
};

const client = async (t: Test, address: string, port = 0): Promise<Client> => (await startClient(t, address, port))!;

/** What a scene of datagram-place.ts prints. */
const seenIn = async (scene: string, { name }: Implementation, addresses: readonly string[]): Promise<unknown> => {
  const script = new URL('../support/datagram-place.js', import.meta.url).pathname;
  const { stdout, stderr } = await inNamespace(process.execPath, [script, scene, name], addresses);
  return stdout === '' ? stderr : JSON.parse(stdout);
};

for (const implementation of implementations) {
  const title = (text: string): string => `${implementation.name}: ${text}`;
  const testHere = testUnless(test, implementation.fault);
  const testSix = testUnless(test, implementation.fault ?? (hasSix ? undefined : 'needs ::1'));
  const testInSpace = testUnless(test, implementation.fault ?? namespaceReason());

  testHere(title('a datagram is answered to where it came from, also when it is empty'), async (t) => {
    const seen: { length: number; from: Peer }[] = [];
    const server = await start(t, implementation, ['127.0.0.1'], {
      answer: ({ length, client: { octets }, port, reply }) => {
        seen.push({ length, from: peerOf(octets.subarray(0, 4).join('.'), port) });
        reply[0] = length;
        return 1;
      },
    });
    const [one, other] = [await client(t, '127.0.0.1'), await client(t, '127.0.0.3')];
    await one.send('', server.peers[0]!);
    await other.send('two', server.peers[0]!);
    await until(() => one.received.length === 1 && other.received.length === 1, { what: 'both got a reply' });
    t.deepEqual([...one.received[0]!.octets, ...other.received[0]!.octets], [0, 3]);
    t.deepEqual(one.received[0]!.from, server.peers[0]!);
    t.deepEqual(seen, [
      { length: 0, from: one.peer },
      { length: 3, from: other.peer },
    ]);
    t.deepEqual([server.counts.received, server.counts.sent, server.counts.dropped], [2, 2, 0]);
    t.deepEqual(server.faults, []);
  });

  testSix(title('both families are answered, each from its socket'), async (t) => {
    const server = await start(t, implementation, ['127.0.0.1', '::1']);
    const [four, six] = [await client(t, '127.0.0.1'), await client(t, '::1')];
    for (let i = 0; i < 10; i++) {
      await four.send(`four ${i}`, server.peers[0]!);
      await six.send(`six ${i}`, server.peers[1]!);
    }
    await until(() => four.received.length === 10 && six.received.length === 10, { what: 'all were answered' });
    for (const [i, family] of [four, six].entries()) {
      t.deepEqual(new Set(family.received.map(({ from }) => from.port)), new Set([server.peers[i]!.port]));
      t.is(family.received.at(-1)!.text, i === 0 ? 'four 9' : 'six 9');
    }
  });

  testHere(title('requests of 0 to 65507 octets come in whole, and replies of up to 4096 go out'), async (t) => {
    const seen: number[] = [];
    const server = await start(t, implementation, ['127.0.0.1'], {
      answer: (datagram) => {
        const { octets, length } = datagram;
        const isWhole = octets.subarray(0, length).every((octet, i) => octet === (i * 7) % 256);
        seen.push(isWhole ? length : -1);
        return echo.answer(datagram);
      },
    });
    const lengths = [1, 2, 12, 511, 512, 1232, 1500, 4095, 4096, 4097, 9000, 65_506, 65_507, 0];
    const asker = await client(t, '127.0.0.1');
    for (const length of lengths)
      await asker.send(
        Uint8Array.from({ length }, (_, i) => i * 7),
        server.peers[0]!,
      );
    await until(() => seen.length === lengths.length, { what: 'all have come in' });
    t.deepEqual(seen, lengths);
    const answered = lengths.filter((length) => length > 0);
    await until(() => asker.received.length === answered.length, { what: 'all were answered' });
    t.deepEqual(
      asker.received.map(({ octets }) => octets.length),
      answered.map((length) => Math.min(length, 4096)),
    );
  });

  testSix(title('each gets the replies to its own requests, whichever of them are answered'), async (t) => {
    const isAnswered = (text: string): boolean => !text.includes('silent');
    const server = await start(t, implementation, ['127.0.0.1', '::1'], {
      answer: (datagram) => (isAnswered(textOf(datagram.octets, datagram.length)) ? echo.answer(datagram) : 0),
    });
    const clients = await Promise.all(['127.0.0.1', '127.0.0.3', '::1', '::1'].map((address) => client(t, address)));
    const request = fc.record({
      from: fc.nat({ max: 3 }),
      text: fc.tuple(fc.constantFrom('silent', 'heard'), fc.nat({ max: 900 })),
    });
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 150 }), async (requests) => {
        const before = clients.map(({ received }) => received.length);
        const wanted: string[][] = clients.map(() => []);
        const sent = requests.map(({ from, text: [word, length] }) => {
          const text = `${word} ${number++} ${'x'.repeat(length)}`;
          if (isAnswered(text)) wanted[from]!.push(text);
          return clients[from]!.send(text, server.peers[from < 2 ? 0 : 1]!);
        });
        await Promise.all(sent);
        const news = (): string[][] =>
          clients.map(({ received }, i) => received.slice(before[i]).map(({ text }) => text));
        await until(() => news().flat().length === wanted.flat().length, { what: 'all replies came' });
        t.deepEqual(news(), wanted);
      }),
      { numRuns: 25 },
    );
    await until(() => server.counts.received === number, { what: 'those that are not answered have come in, too' });
    t.is(server.counts.dropped, 0);
  });

  testHere(title('what comes from a port of echo or chargen is met with silence'), async (t) => {
    const seen: number[] = [];
    const server = await start(t, implementation, ['127.0.0.1'], {
      answer: (datagram) => {
        seen.push(datagram.length);
        return echo.answer(datagram);
      },
    });
    // Where such ports are not ours to bind, or in use, others stand for them.
    const reflectors = (await Promise.all([7, 13, 17, 19, 37].map((port) => startClient(t, '127.0.0.1', port)))).filter(
      (each) => each !== undefined,
    );
    for (const reflector of reflectors) await reflector.send('x', server.peers[0]!);
    const honest = await client(t, '127.0.0.1');
    await honest.send('a name server', server.peers[0]!);
    await until(() => honest.received.length === 1, { what: 'what is honest is answered' });
    t.deepEqual(seen, [13]);
    t.is(server.counts.received, reflectors.length + 1);
    for (const { received } of reflectors) t.is(received.length, 0);
  });

  testHere(title('a handler that throws, or answers more than fits, costs one datagram'), async (t) => {
    const server = await start(t, implementation, ['127.0.0.1'], {
      answer: (datagram) => {
        if (datagram.length === 1) throw new Error('a bug');
        return datagram.length === 2 ? REPLY_OCTETS + 1 : echo.answer(datagram);
      },
    });
    const asker = await client(t, '127.0.0.1');
    await Promise.all(['000', '1', '22', '333'].map((text) => asker.send(text, server.peers[0]!)));
    await until(() => asker.received.length === 2, { what: 'the others are answered' });
    t.deepEqual(
      asker.received.map(({ text }) => text),
      ['000', '333'],
    );
    t.deepEqual(
      server.faults.map(({ kind, peer }) => [kind, peer]),
      [
        ['receiver', asker.peer],
        ['receiver', asker.peer],
      ],
    );
  });

  testHere(title('a burst of 5000 datagrams that the receive buffer holds loses none'), async (t) => {
    const asker = await client(t, '127.0.0.1');
    asker.socket.setRecvBufferSize(4_194_304);
    // The kernel counts a small datagram as 768 octets or a little more, and grants twice what was asked for.
    if (asker.socket.getRecvBufferSize() < 5000 * 1000) return t.pass('this machine grants a smaller one');
    let prepared = 0;
    let finished = 0;
    const server = await start(t, implementation, ['127.0.0.1'], {
      prepare: () => void prepared++,
      finish: () => void finished++,
    });
    const sent = Array.from({ length: 5000 }, (_, i) => asker.send(`query ${i}`, server.peers[0]!));
    await Promise.all(sent);
    await until(() => asker.received.length === 5000, { what: 'all were answered' });
    t.is(new Set(asker.received.map(({ text }) => text)).size, 5000);
    t.is(server.counts.sent, 5000);
    t.true(prepared <= 5000);
    t.is(finished, prepared);
    if (implementation.name === 'Linux') t.true(prepared < 1000, `${prepared} batches`);
    t.is(server.counts.dropped, 0);
  });

  testHere(title('a reply that is sent later goes to who has asked, from where it was asked'), async (t) => {
    const routes: Uint8Array[] = [];
    const server = await start(t, implementation, ['127.0.0.1', ...(hasSix ? ['::1'] : [])], {
      answer: (datagram) => {
        routes.push(datagram.route());
        return 0;
      },
    });
    const clients = await Promise.all(server.peers.map(({ address }) => client(t, address)));
    for (const [i, each] of clients.entries()) await each.send('x', server.peers[i]!);
    await until(() => routes.length === clients.length, { what: 'all have come in' });
    const byPort = (a: Peer, b: Peer): number => a.port - b.port;
    t.deepEqual(routes.map(peerOfRoute).sort(byPort), clients.map(({ peer }) => peer).sort(byPort));
    for (const route of routes) server.send(structuredClone(route), Buffer.from(`to ${peerOfRoute(route).port}`));
    for (const [i, { received, peer }] of clients.entries()) {
      await until(() => received.length === 1, { what: 'it came' });
      t.deepEqual([received[0]!.text, received[0]!.from], [`to ${peer.port}`, server.peers[i]!]);
    }
    await server.close();
    await server.close();
    for (const route of routes) server.send(route, Buffer.from('too late'));
    t.is(clients[0]!.received.length, 1);
  });

  testHere(title('a port in use, an address of another machine and a host name are faults'), async (t) => {
    const begin = (address: string, port = 0): ReturnType<Implementation['start']> =>
      implementation.start([{ address, port }], quiet);
    const server = await start(t, implementation, ['127.0.0.1']);
    const taken = await begin('127.0.0.1', server.peers[0]!.port);
    t.is(codeOf(taken), 'EADDRINUSE');
    t.is(
      taken.ok ? '' : taken.fault.what,
      `cannot listen on 127.0.0.1:${server.peers[0]!.port} (UDP): the port is in use`,
    );
    t.is(codeOf(await begin('192.0.2.1')), 'EADDRNOTAVAIL');
    t.is(codeOf(await begin('localhost')), 'EINVAL');
    t.is(codeOf(await begin('')), 'EINVAL');
    await server.close();
    const again = good(await begin('127.0.0.1', server.peers[0]!.port));
    await again.close();
  });

  testInSpace(title('a reply that cannot be sent costs no other'), async (t) => {
    t.deepEqual(await seenIn('unreachable', implementation, ['10.0.42.1', '10.0.42.9']), {
      received: ['first', 'last'],
      counts: { received: 3, sent: 2, dropped: 1 },
      faults: [['send', 'cannot send to 10.0.42.9:4242: the network is unreachable']],
    });
  });
}

// What only Linux promises

const [linux, portable] = implementations as readonly [Implementation, Implementation];
const testLinux = testUnless(test, linux.fault);
const testSpaces = testUnless(test, linux.fault ?? namespaceReason());

testLinux('Linux: a reply leaves a wildcard socket from the address that was asked', async (t) => {
  const routes: Uint8Array[] = [];
  const server = await start(t, linux, ['0.0.0.0'], {
    answer: (datagram) => {
      routes.push(datagram.route());
      return echo.answer(datagram);
    },
  });
  const asker = await client(t, '127.0.0.1');
  const { port } = server.peers[0]!;
  const asked = ['127.0.0.1', '127.0.0.2', '127.0.0.77', '127.0.0.1'];
  for (const address of asked) await asker.send(address, { address, port });
  await until(() => asker.received.length === asked.length, { what: 'all were answered' });
  for (const { text, from } of asker.received) t.deepEqual(from, { address: text, port });
  for (const route of routes) server.send(route, Buffer.from('later'));
  await until(() => asker.received.length === 2 * asked.length, { what: 'all were answered once more' });
  t.deepEqual(
    asker.received.slice(asked.length).map(({ from }) => from.address),
    asked,
  );
});

testSpaces('Linux: that is so for each address of a machine, of either family, also of one link', async (t) => {
  const asked = [
    '10.0.42.1',
    '10.0.42.2',
    '10.0.42.9',
    '127.0.0.7',
    '2001:db8::1',
    '2001:db8::2',
    '::1',
    'fe80::1%lo',
    'fe80::2%lo',
  ];
  const own = asked.filter((address) => !/^127|^::1$|%/.test(address));
  const addresses = [...own, '2001:db8::9', 'fe80::1', 'fe80::2', 'fe80::9'];
  t.deepEqual(await seenIn('addresses', linux, addresses), {
    seen: asked.map((address) => [address, address]),
    faults: [],
  });
});

/** A thread that answers what comes to the sockets, and waits long for it; it ends with the test at the latest. */
const startThread = (t: Test, fds: readonly number[], number = 0) => {
  const ending = new Int32Array(new SharedArrayBuffer(4));
  const workerData: ThreadData = { fds, number, ending, wait: 600_000 };
  const worker = new Worker(new URL('../support/datagram-thread.js', import.meta.url), { workerData });
  const received = once(worker, 'message').then(([count]: unknown[]) => count as number);
  const exit = once(worker, 'exit');
  const end = async (woken: number): Promise<number> => {
    Atomics.store(ending, 0, 1);
    wakeLinuxSocket(woken);
    await exit;
    return received;
  };
  t.teardown(async () => {
    await end(fds[0]!);
    for (const fd of fds) closeLinuxSocket(fd);
  });
  return { end };
};

testLinux(
  'Linux: threads share a port, a waiting one is woken at once, and nobody else can have the port',
  async (t) => {
    // None of those that the kernel gives to whoever asks: somebody else might have it before it is asked for again.
    const port = await freePort('127.0.0.1');
    const sockets = good(openLinuxSockets({ address: '127.0.0.1', port, count: 2 }));
    const { peer } = sockets[0]!;
    t.deepEqual(
      sockets.map((socket) => socket.peer),
      [peer, peer],
    );
    t.is(codeOf(openLinuxSockets({ ...peer, count: 2 })), 'EADDRINUSE');
    t.is(codeOf(openLinuxSockets(peer)), 'EADDRINUSE');
    const threads = sockets.map(({ fd }, number) => startThread(t, [fd], number));
    const clients = await Promise.all(Array.from({ length: 40 }, () => client(t, '127.0.0.1')));
    for (const each of clients) await each.send('x', peer);
    await until(() => clients.every(({ received }) => received.length === 1), { what: 'all were answered' });
    t.deepEqual([...new Set(clients.map(({ received }) => received[0]!.octets[0]))].sort(), [0, 1]);
    const received = await Promise.all(threads.map(({ end }, i) => end(sockets[i]!.fd)));
    t.is(received[0]! + received[1]!, 40);
    for (const { fd } of sockets) closeLinuxSocket(fd);
    const again = good(openLinuxSockets(peer));
    closeLinuxSocket(again[0]!.fd);
  },
);

testLinux('Linux: a thread with several sockets waits for all of them, and is woken by any', async (t) => {
  const sockets = ['127.0.0.1', '127.0.0.2', ...(hasSix ? ['::1'] : [])].map(
    (address) => good(openLinuxSockets({ address, port: 0 }))[0]!,
  );
  const thread = startThread(
    t,
    sockets.map(({ fd }) => fd),
  );
  for (const { peer } of [...sockets, ...sockets]) {
    const asker = await client(t, peer.address);
    await asker.send('x', peer);
    await until(() => asker.received.length === 1, { what: 'it was answered' });
  }
  t.is(await thread.end(sockets[1]!.fd), 2 * sockets.length);
});

testLinux('Linux: a turn without datagrams waits as long as it is told, and no longer', async (t) => {
  for (const addresses of [['127.0.0.1'], ['127.0.0.1', '127.0.0.2']]) {
    const sockets = addresses.map((address) => good(openLinuxSockets({ address, port: 0 }))[0]!);
    const datagrams = new LinuxDatagrams(
      sockets.map(({ fd }) => fd),
      quiet,
    );
    for (const wait of [0, 30, 60]) {
      // A signal, as of a child of another test that has ended, ends a wait early (EINTR): not all of them.
      const waits = Array.from({ length: 5 }, () => {
        const before = performance.now();
        t.is(datagrams.turn(wait), 0);
        return performance.now() - before;
      });
      t.true(Math.max(...waits) >= wait - 1, `${waits} ms for ${wait}`);
    }
    for (const { fd } of sockets) closeLinuxSocket(fd);
  }
});

testLinux('Linux: a route whose socket is closed leads nowhere', async (t) => {
  const routes: Uint8Array[] = [];
  const server = await start(t, linux, ['127.0.0.1'], {
    answer: (datagram) => {
      routes.push(datagram.route());
      return 0;
    },
  });
  const asker = await client(t, '127.0.0.1');
  await asker.send('x', server.peers[0]!);
  await until(() => routes.length === 1, { what: 'it has come in' });
  t.is(sendAlong(routes[0]!, Buffer.from('x')), undefined);
  await server.close();
  t.is(sendAlong(routes[0]!, Buffer.from('x')), 'EBADF');
});

// What only dgram needs

test('portable: where threads can share a port they do, after it was seen that nobody has it', async (t) => {
  const reserved = good(await reservePort({ address: '127.0.0.1', port: 0 }));
  t.true(reserved.port > 0);
  const both = [new PortableDatagrams(quiet), new PortableDatagrams(quiet)];
  t.teardown(() => Promise.all(both.map((each) => each.close())));
  const bound = [];
  for (const each of both) bound.push(await each.bind({ ...reserved, isShared: true }));
  t.deepEqual(bound[0], { ok: true, value: reserved });
  t.is(bound[1]!.ok, await canSharePort());
  t.is(codeOf(await reservePort(reserved)), 'EADDRINUSE');
  const again = await portable.start([reserved], quiet);
  t.is(codeOf(again), 'EADDRINUSE');
});
