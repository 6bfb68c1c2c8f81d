/**
 * Free ports for servers that a test starts.
 *
 * Ports are drawn at random below Linux's ephemeral range (32768 and up), so that an outgoing connection of another test
 * cannot take one between the moment it is found free and the moment the server binds it. A port is free when UDP and TCP
 * can both be bound on every address asked for. No port is handed out twice by one test file, and files that run at the same time draw
 * from ports of their own: each has a share, which it holds by listening on a port for as long as it runs.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const first = 10_000;
const end = 32_768;
const attempts = 1_000;
/** Files that run at the same time, at most, and the ports by which they hold their shares: just below all others. */
const shares = 32;
const holds = first - shares;

const handedOut = new Set<number>();

const isFreeForTcp = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });

const isFreeForUdp = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    socket.once('error', () => {
      socket.close();
      resolve(false);
    });
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });

const isHeld = (share: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer().unref();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port: holds + share, exclusive: true }, () => resolve(true));
  });

const holdShare = async (): Promise<number> => {
  for (let share = 0; share < shares; share++) if (await isHeld(share)) return share;
  throw new Error(`no port between ${holds} and ${first} is free`);
};

let ours: Promise<number> | undefined;

/** Is a port free for UDP and TCP on `host`? */
export const isFree = async (host: string, port: number): Promise<boolean> =>
  (await Promise.all([isFreeForTcp(host, port), isFreeForUdp(host, port)])).every(Boolean);

/** A port (10000 to 32767) that is free for UDP and TCP on each of `hosts`, by default 127.0.0.1. */
export const freePort = async (...hosts: readonly string[]): Promise<number> => {
  const addresses = hosts.length === 0 ? ['127.0.0.1'] : hosts;
  ours ??= holdShare();
  const share = await ours;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = first + share + shares * randomInt(Math.floor((end - first) / shares));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if ((await Promise.all(addresses.map((host) => isFree(host, port)))).every(Boolean)) return port;
  }
  throw new Error(`no port between ${first} and ${end} is free on ${addresses.join(' and ')}`);
};
