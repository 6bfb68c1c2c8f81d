/**
 * A name server's sockets: UDP and TCP on each address and one port (RFC 7766 5: both are required), all of them or none.
 */
import { fail, ok, type Result } from '../result.ts';
import type { Peer } from './address.ts';
import type { Connection } from './connection.ts';
import type { ListenFault, ServeFault } from './fault.ts';
import { type Limits, limitsWith } from './limits.ts';
import { Admission, listenTcp, type TcpServer } from './tcp.ts';

/** All addresses of both families. */
export const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** A UDP port that is bound. */
export interface UdpBinding {
  readonly peer: Peer;
  close(): Promise<void>;
}

/** Binds UDP on one address; `receiveBuffer` in octets. */
export type BindUdp = (at: Peer & { readonly receiveBuffer: number }) => Promise<Result<UdpBinding, ListenFault>>;

export interface ListenOptions {
  /** IP texts; {@link ANY_ADDRESS} unless given, and then a machine without one of the families is no fault. */
  readonly addresses?: readonly string[];
  /** 0 for one that is free for both, on every address. */
  readonly port: number;
  readonly limits?: Partial<Limits>;
  /** See `ConnectionOptions.receive`. */
  receiveTcp(octets: Uint8Array, connection: Connection): void | Promise<void>;
  onFault(fault: ServeFault): void;
  readonly bindUdp: BindUdp;
}

export interface Listening {
  readonly port: number;
  /** One a bound address. */
  readonly peers: readonly Peer[];
  readonly udp: readonly UdpBinding[];
  readonly tcp: readonly TcpServer[];
  /** TCP connections open now. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

/** How often another port is tried when the one that is free for TCP is not free for UDP. */
const PORT_TRIES = 20;

const isFamilyMissing = ({ code }: ListenFault): boolean => code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';

interface Bound {
  readonly udp: UdpBinding;
  readonly tcp: TcpServer;
}

async function bindOne(
  address: string,
  port: number,
  options: ListenOptions,
  limits: Limits,
  admission: Admission,
): Promise<Result<Bound, ListenFault>> {
  const { receiveTcp, onFault, bindUdp } = options;
  const tcp = await listenTcp({ address, port, limits, admission, receive: receiveTcp, onFault });
  if (!tcp.ok) return tcp;
  const udp = await bindUdp({ address, port: tcp.value.peer.port, receiveBuffer: limits.udpReceiveBuffer });
  if (udp.ok) return ok({ udp: udp.value, tcp: tcp.value });
  await tcp.value.close();
  return udp;
}

async function bindAll(options: ListenOptions): Promise<Result<Listening, ListenFault>> {
  const { addresses = ANY_ADDRESS } = options;
  const limits = limitsWith(options.limits);
  const admission = new Admission(limits);
  const all: Bound[] = [];
  let { port } = options;
  let missing: ListenFault | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= Promise.all(all.flatMap(({ udp, tcp }) => [udp.close(), tcp.close()])).then(() => undefined);
    return closing;
  };
  for (const address of addresses) {
    const bound = await bindOne(address, port, options, limits, admission);
    if (bound.ok) {
      all.push(bound.value);
      port = bound.value.tcp.peer.port;
    } else if (options.addresses === undefined && isFamilyMissing(bound.fault)) missing = bound.fault;
    else {
      await close();
      return bound;
    }
  }
  if (all.length === 0 && missing !== undefined) return fail(missing);
  return ok({
    port,
    peers: all.map(({ tcp }) => tcp.peer),
    udp: all.map(({ udp }) => udp),
    tcp: all.map(({ tcp }) => tcp),
    get connectionCount() {
      return admission.total;
    },
    close,
  });
}

/** Binds. Faults: the first address that cannot be bound; nothing stays bound then. */
export async function listen(options: ListenOptions): Promise<Result<Listening, ListenFault>> {
  for (let left = PORT_TRIES; ; left--) {
    const bound = await bindAll(options);
    const isTaken = !bound.ok && bound.fault.code === 'EADDRINUSE' && options.port === 0;
    if (!isTaken || left === 0) return bound;
  }
}
