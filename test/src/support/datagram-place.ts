/**
 * Programs for a network namespace, where addresses can be had and taken away: `node datagram-place.js SCENE IMPLEMENTATION`
 * prints what was seen as JSON.
 */
import { execFileSync } from 'node:child_process';
import type { ServeFault } from '@zonewright/common/net/fault';
import { type Client, implementations, startClient } from './datagrams.ts';
import type { Owner } from './owner.ts';
import { until } from './until.ts';

const owner: Owner = { teardown: () => undefined, passed: true, log: () => undefined };
const [, , scene, name] = process.argv;
const faults: ServeFault[] = [];

const serverOn = async (addresses: readonly string[]) => {
  const server = await implementations
    .find((each) => each.name === name)!
    .start(
      addresses.map((address) => ({ address, port: 53 })),
      {
        prepare: () => undefined,
        answer: ({ octets, length, reply }) => {
          reply.set(octets.subarray(0, length));
          return length;
        },
        onFault: (fault) => void faults.push(fault),
      },
    );
  if (!server.ok) throw new Error(server.fault.what);
  return server.value;
};

const clientOn = async (address: string, port = 0): Promise<Client> => (await startClient(owner, address, port))!;

const scenes: Readonly<Record<string, () => Promise<unknown>>> = {
  /** Between its question and the answer a client is gone. */
  unreachable: async () => {
    const { counts } = await serverOn(['10.0.42.1']);
    const [client, gone] = [await clientOn('10.0.42.1'), await clientOn('10.0.42.9', 4242)];
    const to = { address: '10.0.42.1', port: 53 };
    void client.send('first', to);
    void gone.send('lost', to);
    void client.send('last', to);
    execFileSync('ip', ['addr', 'del', '10.0.42.9/32', 'dev', 'lo']);
    await until(() => client.received.length === 2, { what: 'the others were answered' });
    const { received, sent, dropped } = counts;
    return {
      received: client.received.map(({ text }) => text),
      counts: { received, sent, dropped },
      faults: faults.map(({ kind, what }) => [kind, what]),
    };
  },
  /** Wildcard sockets of a machine that has many addresses. */
  addresses: async () => {
    await serverOn(['0.0.0.0', '::']);
    const seen: string[][] = [];
    for (const [from, ...all] of [
      ['10.0.42.9', '10.0.42.1', '10.0.42.2', '10.0.42.9', '127.0.0.7'],
      ['2001:db8::9', '2001:db8::1', '2001:db8::2', '::1'],
      ['fe80::9%lo', 'fe80::1%lo', 'fe80::2%lo'],
    ] as const) {
      const client = await clientOn(from!);
      for (const address of all) {
        const before = client.received.length;
        await client.send('x', { address, port: 53 });
        await until(() => client.received.length > before, { what: `${address} answers ${from}` });
        seen.push([address, client.received.at(-1)!.from.address]);
      }
    }
    return { seen, faults };
  },
};

process.stdout.write(JSON.stringify(await scenes[scene!]!()), () => process.exit(0));
