/**
 * A TCP proxy that lets so many octets through and then cuts the connections, or stalls: says nothing more and keeps them open.
 */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Owner } from './owner.ts';

const HOST = '127.0.0.1';

export interface Cut {
  /** `sent`: towards the server; `received`: from it. */
  readonly where: 'sent' | 'received';
  /** Octets that still pass, over all connections since the cut was set. */
  readonly after: number;
  readonly how: 'cut' | 'stall';
}

export interface CuttingProxy {
  readonly port: number;
  /** Octets that passed since the cut was set. */
  readonly passed: { readonly sent: number; readonly received: number };
  /** Sets what is to happen, `undefined` for nothing, and counts anew. */
  set(cut: Cut | undefined): void;
}

/** A proxy for a port of this machine. */
export async function startCuttingProxy(owner: Owner, target: number): Promise<CuttingProxy> {
  let cut: Cut | undefined;
  let passed = { sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const end = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const pass = (where: Cut['where'], from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      const room = cut?.where === where ? Math.max(cut.after - passed[where], 0) : Number.POSITIVE_INFINITY;
      const piece = chunk.subarray(0, Math.min(chunk.length, room));
      passed[where] += piece.length;
      if (piece.length > 0) to.write(piece);
      if (chunk.length >= room && cut?.how === 'cut') setImmediate(end);
    });
    from.on('end', () => {
      if (cut?.how !== 'stall') to.end();
    });
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const peer = connect({ port: target, host: HOST, allowHalfOpen: true });
    for (const [socket, other] of [
      [client, peer],
      [peer, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    pass('sent', client, peer);
    pass('received', peer, client);
    if (cut !== undefined && cut.after === 0 && cut.how === 'cut') setImmediate(end);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve);
  });
  owner.teardown(() => {
    end();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    get passed() {
      return passed;
    },
    set: (next) => {
      cut = next;
      passed = { sent: 0, received: 0 };
    },
  };
}
