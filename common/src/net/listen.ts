/**
 * A name server's sockets: UDP and TCP on each address and one port (RFC 7766 5: both are required), and TLS on another where it is
 * wanted (RFC 7858 3.1); all of them or none.
 */
import { fail, ok, type Result } from '../result.ts';
import type { Peer } from './address.ts';
import type { Connection } from './connection.ts';
import type { ListenFault, ServeFault } from './fault.ts';
import { type Limits, limitsWith } from './limits.ts';
import { Admission, listenTcp, type TcpServer } from './tcp.ts';
import type { TlsGate } from './tls-gate.ts';

/** All addresses of both families. */
export const ANY_ADDRESS: readonly string[] = ['0.0.0.0', '::'];

/** A UDP port that is bound. */
export interface UdpBinding {
  readonly peer: Peer;
  close(): Promise<void>;
}

/** Binds UDP on one address; `receiveBuffer` in octets. */
export type BindUdp = (at: Peer & { readonly receiveBuffer: number }) => Promise<Result<UdpBinding, ListenFault>>;

export interface TlsListening {
  /** 0 for any free one. */
  readonly port: number;
  readonly gate: TlsGate;
}

export interface ListenOptions {
  /** IP texts; {@link ANY_ADDRESS} unless given, and then a machine without one of the families is no fault. */
  readonly addresses?: readonly string[];
  /** 0 for one that is free for both, on every address. */
  readonly port: number;
  readonly limits?: Partial<Limits>;
  readonly tls?: TlsListening;
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
  /** One an address, where TLS is wanted. */
  readonly tls: readonly TcpServer[];
  /** Connections open now, of TCP and TLS. */
  readonly connectionCount: number;
  close(): Promise<void>;
}

/** How often another port is tried when the one that is free for TCP is not free for UDP. */
const PORT_TRIES = 20;

const isFamilyMissing = ({ code }: ListenFault): boolean => code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL';

interface Bound {
  readonly udp: UdpBinding;
  readonly tcp: TcpServer;
  readonly tls?: TcpServer;
}

function closeBound({ udp, tcp, tls }: Bound): readonly Promise<void>[] {
  return [udp.close(), tcp.close(), ...(tls === undefined ? [] : [tls.close()])];
}

async function bindOne(
  address: string,
  port: number,
  tlsPort: number,
  options: ListenOptions,
  limits: Limits,
  admission: Admission,
): Promise<Result<Bound, ListenFault>> {
  const { receiveTcp, onFault, bindUdp, tls: wanted } = options;
  const tcp = await listenTcp({ address, port, limits, admission, receive: receiveTcp, onFault });
  if (!tcp.ok) return tcp;
  const udp = await bindUdp({ address, port: tcp.value.peer.port, receiveBuffer: limits.udpReceiveBuffer });
  if (!udp.ok) {
    await tcp.value.close();
    return udp;
  }
  const bound = { udp: udp.value, tcp: tcp.value };
  if (wanted === undefined) return ok(bound);
  const common = { address, limits, admission, receive: receiveTcp, onFault };
  const tls = await listenTcp({ ...common, port: tlsPort, gate: wanted.gate });
  if (tls.ok) return ok({ ...bound, tls: tls.value });
  await Promise.all(closeBound(bound));
  return tls;
}

async function bindAll(options: ListenOptions): Promise<Result<Listening, ListenFault>> {
  const { addresses = ANY_ADDRESS } = options;
  const limits = limitsWith(options.limits);
  const admission = new Admission(limits);
  const all: Bound[] = [];
  let { port } = options;
  let tlsPort = options.tls?.port ?? 0;
  let missing: ListenFault | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= Promise.all(all.flatMap(closeBound)).then(() => undefined);
    return closing;
  };
  for (const address of addresses) {
    const bound = await bindOne(address, port, tlsPort, options, limits, admission);
    if (bound.ok) {
      all.push(bound.value);
      port = bound.value.tcp.peer.port;
      tlsPort = bound.value.tls?.peer.port ?? 0;
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
    tls: all.flatMap(({ tls }) => (tls === undefined ? [] : [tls])),
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
    const isTaken = !bound.ok && bound.fault.code === 'EADDRINUSE' && (options.port === 0 || options.tls?.port === 0);
    if (!isTaken || left === 0) return bound;
  }
}
