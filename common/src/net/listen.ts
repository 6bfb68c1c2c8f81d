/**
 * A name server's sockets: UDP and TCP on each address and one port (RFC 7766 5: both are required), all of them or none.
 */
import { fail, ok, type Result } from '../result.ts';
import { type Peer, peerOf } from './address.ts';
import type { Connection } from './connection.ts';
import type { ListenFault, ServeFault } from './fault.ts';
import { type Limits, limitsWith } from './limits.ts';
import { Admission, listenTcp, type TcpServer } from './tcp.ts';
import { type ListenUdp, listenUdp, type UdpServer } from './udp.ts';

/** All addresses of both families. */
export const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

export interface ListenOptions {
  /** IP texts; {@link ANY_ADDRESS} unless given, and then a machine without one of the families is no fault. */
  readonly addresses?: readonly string[];
  /** 0 for one that is free for both, on every address. */
  readonly port: number;
  readonly limits?: Partial<Limits>;
  /** See `UdpOptions.receive`. */
  receiveUdp(octets: Uint8Array, from: Peer, reply: (octets: Uint8Array) => void): void;
  /** See `ConnectionOptions.receive`. */
  receiveTcp(octets: Uint8Array, connection: Connection): void | Promise<void>;
  onFault(fault: ServeFault): void;
  /** What binds UDP; the portable one unless given. */
  readonly listenUdp?: ListenUdp;
}

export interface Listening {
  readonly port: number;
  /** One a bound address. */
  readonly peers: readonly Peer[];
  readonly udp: readonly UdpServer[];
  readonly tcp: readonly TcpServer[];
  /** TCP connections open now. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

/** How often another port is tried when the one that is free for TCP is not free for UDP. */
const PORT_TRIES = 20;

const isFamilyMissing = ({ code }: ListenFault): boolean => code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';

async function bindAll(options: ListenOptions): Promise<Result<Listening, ListenFault>> {
  const { addresses = ANY_ADDRESS, receiveUdp, receiveTcp, onFault } = options;
  const limits = limitsWith(options.limits);
  const admission = new Admission(limits);
  const udp: UdpServer[] = [];
  const tcp: TcpServer[] = [];
  let { port } = options;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= Promise.all([...udp, ...tcp].map((server) => server.close())).then(() => undefined);
    return closing;
  };
  let skipped: ListenFault | undefined;
  for (const address of addresses) {
    const stream = await listenTcp({ address, port, limits, admission, receive: receiveTcp, onFault });
    if (!stream.ok) {
      if (options.addresses === undefined && isFamilyMissing(stream.fault)) {
        skipped = stream.fault;
        continue;
      }
      await close();
      return stream;
    }
    tcp.push(stream.value);
    port = stream.value.peer.port;
    const bind = options.listenUdp ?? listenUdp;
    const receiveBuffer = limits.udpReceiveBuffer;
    const datagrams = await bind({ address, port, receive: receiveUdp, onFault, receiveBuffer });
    if (!datagrams.ok) {
      await close();
      return datagrams;
    }
    udp.push(datagrams.value);
  }
  if (tcp.length === 0 && skipped !== undefined) return fail(skipped);
  return ok({
    port,
    peers: tcp.map(({ peer }) => peerOf(peer.address, port)),
    udp,
    tcp,
    get connectionCount() {
      return admission.total;
    },
    close,
  });
}

export async function listen(options: ListenOptions): Promise<Result<Listening, ListenFault>> {
  for (let left = PORT_TRIES; ; left--) {
    const bound = await bindAll(options);
    const isTaken = !bound.ok && bound.fault.code === 'EADDRINUSE' && options.port === 0;
    if (!isTaken || left === 0) return bound;
  }
}
