/**
 * UDP for a server (RFC 1035 4.2.1), the portable way: one `dgram` socket on one address.
 *
 * A faster implementation has the same interface, {@link ListenUdp}. The source address of a reply on a wildcard socket is the
 * kernel's choice: on a host of several addresses, listen on each of them.
 * Always holds: nothing that comes in and nothing that cannot be sent ends the process or the socket.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';
import { fail, ok, type Result } from '../result.ts';
import { canonicalAddress, type Peer, peerOf, printPeer } from './address.ts';
import { codeOf, type ListenFault, listenFault, type ServeFault, systemText } from './fault.ts';
import { LIMITS } from './limits.ts';

export interface UdpServer {
  /** Where it is bound: the real port where 0 was asked for. */
  readonly peer: Peer;
  /** Sends from the bound address. Faults go to `onFault`; after `close` nothing happens. */
  send(octets: Uint8Array, to: Peer): void;
  close(): Promise<void>;
}

export interface UdpOptions {
  /** IP text. An IPv6 wildcard takes IPv6 only, so that it stands beside the IPv4 one. */
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /**
   * Takes a datagram of 0..65535 octets, whose content is only good until the function returns or awaits; `reply` sends to
   * where it came from, and may be called later or never.
   */
  receive(octets: Uint8Array, from: Peer, reply: (octets: Uint8Array) => void): void;
  onFault(fault: ServeFault): void;
  /** Octets, see `udpReceiveBuffer` in limits.ts. */
  readonly receiveBuffer?: number;
}

export type ListenUdp = (options: UdpOptions) => Promise<Result<UdpServer, ListenFault>>;

/**
 * Ports of services that answer whatever comes: echo, daytime, qotd, chargen, time. A reply sent there by a forged request would
 * be a request again, without end. To port 0 nothing can be sent, and nothing honest comes from there.
 */
const REFLECTORS: ReadonlySet<number> = new Set([0, 7, 13, 17, 19, 37]);

/** Is what comes from this port met with silence? */
export function isReflector(port: number): boolean {
  return REFLECTORS.has(port);
}

type Looked = (error: Error | null, address: string, family: number) => void;

/** Addresses are never names here: no thread of the resolver, no tick of the loop. */
export function numericLookup(address: string, _options: unknown, done: Looked): void {
  done(null, address, isIP(address));
}

/** Opens a socket of the family that `address` has. */
export function udpSocket(address: string): Socket {
  const isSix = isIPv6(address);
  return createSocket({ type: isSix ? 'udp6' : 'udp4', ipv6Only: isSix, lookup: numericLookup });
}

function growReceiveBuffer(socket: Socket, octets: number): void {
  try {
    socket.setRecvBufferSize(octets);
  } catch {
    // Some systems refuse what is above their limit: their default stays.
  }
}

export const listenUdp: ListenUdp = ({ address, port, receive, onFault, receiveBuffer }) => {
  if (isIP(address) === 0) return Promise.resolve(fail(listenFault('EINVAL', { address, port }, 'udp')));
  const socket = udpSocket(address);
  let isOpen = false;

  const transmit = (octets: Uint8Array, toAddress: string, toPort: number): void => {
    if (!isOpen) return;
    const failed = (error: unknown): void => {
      const peer = peerOf(toAddress, toPort);
      const what = `cannot send ${octets.length} octets to ${printPeer(peer)}: ${systemText(codeOf(error))}`;
      onFault({ kind: 'send', what, peer });
    };
    try {
      socket.send(octets, toPort, toAddress, (error) => error !== null && failed(error));
    } catch (error) {
      failed(error);
    }
  };

  const take = (octets: Uint8Array, from: RemoteInfo): void => {
    if (isReflector(from.port)) return;
    const peer = peerOf(from.address, from.port);
    try {
      receive(octets, peer, (reply) => transmit(reply, from.address, from.port));
    } catch (error) {
      onFault({ kind: 'receiver', what: error instanceof Error ? error.message : String(error), peer });
    }
  };

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    isOpen = false;
    closing ??= new Promise((resolve) => socket.close(resolve));
    return closing;
  };

  return new Promise((resolve) => {
    socket.once('error', (error) => {
      socket.close();
      resolve(fail(listenFault(codeOf(error), { address, port }, 'udp')));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      isOpen = true;
      socket.removeAllListeners('error');
      socket.on('error', (error) =>
        onFault({ kind: 'socket', what: `UDP on ${address}: ${systemText(codeOf(error))}` }),
      );
      socket.on('message', take);
      growReceiveBuffer(socket, receiveBuffer ?? LIMITS.udpReceiveBuffer.default);
      const peer = peerOf(canonicalAddress(address), socket.address().port);
      resolve(ok({ peer, send: (octets, to) => transmit(octets, to.address, to.port), close }));
    });
  });
};
