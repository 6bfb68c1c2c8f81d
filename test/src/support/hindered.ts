/**
 * A TCP proxy to a real server that goes bad: after so many octets of a connection, in one direction, it says no more (`stall`), or an
 * octet at a time (`drip`). Connections stay open.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Peer } from './git-peers.ts';

export interface Hindrance {
  /** The port of the real server on 127.0.0.1. */
  readonly port: number;
  /** Which octets are counted and hindered. */
  readonly direction: 'from-server' | 'to-server';
  /** Octets that pass first. */
  readonly after: number;
  readonly how: 'stall' | 'drip';
}

export interface Hindered extends Peer {
  /** Connections that have come to the point. */
  readonly hindered: () => number;
  /** Connections of clients that are open. */
  readonly open: () => number;
}

/** Milliseconds between two octets that drip. */
const DRIP = 20;

export const startHindered = async ({ port, direction, after, how }: Hindrance): Promise<Hindered> => {
  const clients = new Set<Socket>();
  let hindered = 0;

  /** Passes on what `from` sends to `to`, up to the point. From then on, that the server goes away is not passed on. */
  const hinder = (from: Socket, to: Socket, stay: () => void): void => {
    let left = after;
    from.on('data', (chunk: Buffer) => {
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      to.write(passed);
      const rest = chunk.subarray(passed.length);
      if (rest.length === 0) return;
      hindered++;
      stay();
      from.removeAllListeners('data').pause();
      if (how === 'stall') return;
      let at = 0;
      const timer = setInterval(() => {
        if (at < rest.length) to.write(rest.subarray(at, ++at));
      }, DRIP);
      to.once('close', () => clearInterval(timer));
    });
  };

  const server = createServer({ noDelay: true }, (client) => {
    const target = connect({ port, host: '127.0.0.1', noDelay: true });
    clients.add(client);
    let isStaying = false;
    const stay = (): void => {
      isStaying = true;
    };
    for (const socket of [client, target]) socket.on('error', () => undefined);
    target.once('close', () => {
      if (!isStaying) client.destroy();
    });
    client.once('close', () => {
      target.destroy();
      clients.delete(client);
    });
    if (direction === 'from-server') {
      hinder(target, client, stay);
      client.pipe(target, { end: false });
    } else {
      hinder(client, target, stay);
      target.pipe(client, { end: false });
    }
  });
  await new Promise<void>((done) => {
    server.listen(0, '127.0.0.1', done);
  });
  return {
    port: (server.address() as AddressInfo).port,
    hindered: () => hindered,
    open: () => clients.size,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        for (const client of clients) client.destroy();
      }),
  };
};
