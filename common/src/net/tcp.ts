/**
 * TCP for a server (RFC 7766), and TLS over it (RFC 7858): listening, and who is let in. What happens on a connection is in
 * `framed-connection.ts`, and before that, with TLS, in `tls-gate.ts`.
 *
 * Left out: TCP Fast Open.
 */
import { createServer, isIP, isIPv6, type Socket } from 'node:net';
import { fail, ok, type Result } from '../result.ts';
import { canonicalAddress, clientOf, type Peer, peerOf, printPeer } from './address.ts';
import type { Carrier, Connection, ConnectionOptions } from './connection.ts';
import { codeOf, type ListenFault, listenFault, systemText } from './fault.ts';
import { FramedConnection } from './framed-connection.ts';
import type { Limits } from './limits.ts';
import type { TlsGate } from './tls-gate.ts';

/** Counts connections, in all and per client. Several listeners may share one. */
export class Admission {
  readonly #limits: Limits;
  readonly #perClient = new Map<string, number>();
  #total = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Gives the function by which the place is given back, once; `undefined` where no place is left. */
  admit(address: string): (() => void) | undefined {
    const client = clientOf(address);
    const count = this.#perClient.get(client) ?? 0;
    if (this.#total >= this.#limits.tcpConnections || count >= this.#limits.tcpConnectionsPerClient) return undefined;
    this.#total++;
    this.#perClient.set(client, count + 1);
    return () => {
      this.#total--;
      const left = this.#perClient.get(client)! - 1;
      if (left > 0) this.#perClient.set(client, left);
      else this.#perClient.delete(client);
    };
  }
}

export interface TcpServer {
  /** Where it is bound: the real port where 0 was asked for. */
  readonly peer: Peer;
  /** Those open now. */
  readonly connections: ReadonlySet<Connection>;
  /** Accepts no more, lets each connection end once what it owes is out (`tcpClose` ms), and ends the rest. */
  close(): Promise<void>;
}

export interface TcpOptions extends ConnectionOptions {
  /** IP text. An IPv6 wildcard takes IPv6 only, so that it stands beside the IPv4 one. */
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Its own, unless given. */
  readonly admission?: Admission;
  /** What makes the connections secure; they are plain unless given. */
  readonly gate?: TlsGate;
}

const BACKLOG = 511;

export function listenTcp(options: TcpOptions): Promise<Result<TcpServer, ListenFault>> {
  const { address, port, limits, onFault, gate } = options;
  const transport = gate === undefined ? 'tcp' : 'tls';
  if (isIP(address) === 0) return Promise.resolve(fail(listenFault('EINVAL', { address, port }, transport)));
  const admission = options.admission ?? new Admission(limits);
  const connections = new Set<FramedConnection>();
  /** Those that have not shown yet that they speak TLS. */
  const entering = new Set<Socket>();
  let isOpen = true;

  const begin = (carrier: Carrier, from: Peer, leave: () => void): void => {
    const connection = new FramedConnection(carrier, from, options, () => {
      connections.delete(connection);
      leave();
    });
    connections.add(connection);
    if (!isOpen) connection.close();
  };

  const accept = (socket: Socket): void => {
    const from = peerOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    const leave = isOpen && from.address !== '' ? admission.admit(from.address) : undefined;
    if (leave === undefined) {
      socket.on('error', () => undefined);
      socket.destroy();
      // A client that is gone before it is accepted has no address any more, and is nobody's fault.
      if (isOpen && from.address !== '') {
        onFault({ kind: 'limit', what: `turned ${printPeer(from)} away: too many connections`, peer: from });
      }
      return;
    }
    if (gate === undefined) {
      begin({ transport: 'tcp', socket, tcp: socket }, from, leave);
      return;
    }
    entering.add(socket);
    socket.once('close', () => {
      entering.delete(socket);
      leave();
    });
    const fault = gate.enter(socket, from, ({ fault: shown, ...secured }) => {
      entering.delete(socket);
      if (shown !== undefined) onFault(shown);
      begin({ ...secured, tcp: socket }, from, () => undefined);
    });
    if (fault !== undefined) onFault(fault);
  };

  const server = createServer({ allowHalfOpen: true }, accept);

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    isOpen = false;
    closing ??= new Promise((resolve) => {
      const cut = setTimeout(() => {
        for (const connection of connections) connection.destroy();
      }, limits.tcpClose);
      server.close(() => {
        clearTimeout(cut);
        resolve();
      });
      for (const socket of entering) socket.destroy();
      for (const connection of connections) connection.close();
    });
    return closing;
  };

  return new Promise((resolve) => {
    server.once('error', (error) => resolve(fail(listenFault(codeOf(error), { address, port }, transport))));
    server.listen({ host: address, port, exclusive: true, ipv6Only: isIPv6(address), backlog: BACKLOG }, () => {
      server.removeAllListeners('error');
      server.on('error', (error) =>
        onFault({ kind: 'socket', what: `${transport.toUpperCase()} on ${address}: ${systemText(codeOf(error))}` }),
      );
      const bound = server.address();
      const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
      resolve(ok({ peer: peerOf(canonicalAddress(address), boundPort), connections, close }));
    });
  });
}
