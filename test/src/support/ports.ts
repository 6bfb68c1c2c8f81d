/**
 * Free ports for servers that a test starts.
 *
 * Ports are drawn at random below Linux's ephemeral range (32768 and up), so that an outgoing connection of another test
 * cannot take one between the moment it is found free and the moment the server binds it. A port is free when UDP and TCP
 * can both be bound on every address asked for. No port is handed out twice by one thread, and threads whose numbers are near one
 * another, as are those of test files that run at the same time, draw from ports of their own.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { threadId } from 'node:worker_threads';

const first = 10_000;
const end = 32_768;
const attempts = 1_000;
/** Threads that share no port. */
const shares = 16;

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

/** Is a port free for UDP and TCP on `host`? */
export const isFree = async (host: string, port: number): Promise<boolean> =>
  (await Promise.all([isFreeForTcp(host, port), isFreeForUdp(host, port)])).every(Boolean);

/** A port (10000 to 32767) that is free for UDP and TCP on each of `hosts`, by default 127.0.0.1. */
export const freePort = async (...hosts: readonly string[]): Promise<number> => {
  const addresses = hosts.length === 0 ? ['127.0.0.1'] : hosts;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = first + (threadId % shares) + shares * randomInt((end - first) / shares);
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if ((await Promise.all(addresses.map((host) => isFree(host, port)))).every(Boolean)) return port;
  }
  throw new Error(`no port between ${first} and ${end} is free on ${addresses.join(' and ')}`);
};
