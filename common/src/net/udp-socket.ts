/** The `dgram` sockets of servers and clients: of one family, and without names. */
import { createSocket, type Socket } from 'node:dgram';
import { isIP, isIPv6 } from 'node:net';

type Looked = (error: Error | null, address: string, family: number) => void;

/** Addresses are never names here: no thread of the resolver, no tick of the loop. */
export function numericLookup(address: string, _options: unknown, done: Looked): void {
  done(null, address, isIP(address));
}

/**
 * Opens a socket of the family that `address` has.
 *
 * With `isShared`, others of this machine that say the same may be bound to the same port, and the kernel spreads what comes over
 * them: where the runtime knows of that (Node.js 22.12 on Linux and others), else it is like any socket.
 */
export function udpSocket(address: string, isShared = false): Socket {
  const isSix = isIPv6(address);
  const options = {
    type: isSix ? 'udp6' : 'udp4',
    ipv6Only: isSix,
    lookup: numericLookup,
    reusePort: isShared,
  } as const;
  return createSocket(options);
}

/** Asks for room for `octets` of datagrams that wait to be read; the system's default stays where it refuses. */
export function growReceiveBuffer(socket: Socket, octets: number): void {
  try {
    socket.setRecvBufferSize(octets);
  } catch {
    // Some systems refuse what is above their limit.
  }
}
