/**
 * The UDP sockets that {@link LinuxDatagrams} receives from, on the thread that opens and closes them.
 *
 * A socket belongs to the thread that has opened it. Another may receive from it until it has seen the end that {@link wakeLinuxSocket}
 * makes; only then may it be closed, since the number of a closed socket soon is that of something else.
 * Left out: multicast, and the clients' side.
 */
import { isIP } from 'node:net';
import { ClientAddress } from '../authority/client-address.ts';
import { fail, ok, type Result } from '../result.ts';
import { canonicalAddress, type Peer, peerOf } from './address.ts';
import { REQUEST_OCTETS } from './datagram.ts';
import { type ListenFault, listenFault } from './fault.ts';
import { LIMITS } from './limits.ts';
import {
  AF_INET,
  AF_INET6,
  errorName,
  IP_MTU_DISCOVER,
  IP_PKTINFO,
  IP_PMTUDISC_OMIT,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MTU_DISCOVER,
  IPV6_PMTUDISC_OMIT,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  type LinuxCalls,
  linuxCalls,
  MESSAGE,
  MSG_DONTWAIT,
  type Pointer,
  SHUT_RD,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_REUSEPORT,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
  VECTOR,
} from './linux-calls.ts';
import { NAME, NAME_FOUR, NAME_SIX, ROUTE } from './route.ts';

/** How long a thread waits for room in the queue of an interface; what has none then is dropped. */
const SEND_WAIT_MS = 100;

export interface LinuxSocket {
  readonly fd: number;
  /** Where it is bound: the real port where 0 was asked for. */
  readonly peer: Peer;
}

export interface LinuxSocketOptions {
  /** IP text. An IPv6 wildcard takes IPv6 only, so that it stands beside the IPv4 one. */
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /** How many sockets share the port, for as many threads; the kernel spreads the clients over them. */
  readonly count?: number;
  /** Octets, see `udpReceiveBuffer` in limits.ts. */
  readonly receiveBuffer?: number;
}

/** Why this machine cannot; `undefined` where it can. */
export function linuxUdpFault(): string | undefined {
  const calls = linuxCalls();
  return calls.ok ? undefined : calls.fault;
}

/** Room for what a call takes or gives, one for the thread. */
const AREA = {
  value: 0,
  name: 16,
  message: 48,
  vector: 112,
  route: 128,
  reply: 256,
  octets: 256 + REQUEST_OCTETS,
} as const;

interface Room {
  readonly calls: LinuxCalls;
  readonly octets: Uint8Array;
  readonly view: DataView;
  readonly base: Pointer;
}

let room: Room | undefined;

function roomOf(calls: LinuxCalls): Room {
  if (room === undefined) {
    const octets = new Uint8Array(new ArrayBuffer(AREA.octets));
    room = { calls, octets, view: new DataView(octets.buffer), base: calls.addressOf(octets) };
  }
  return room;
}

/** The numbers that are sockets of this thread now. */
const open = new Set<number>();

/** Binds `count` sockets to one address and port, or none. A port that another process has is taken, even if it would share it. */
export function openLinuxSockets(options: LinuxSocketOptions): Result<readonly LinuxSocket[], ListenFault> {
  const { address, port, count = 1 } = options;
  const name = nameOf(address);
  const calls = linuxCalls();
  if (name === undefined || !calls.ok)
    return fail(listenFault(name === undefined ? 'EINVAL' : 'ENOSYS', { address, port }, 'udp'));
  const at = roomOf(calls.value);
  if (count === 1) {
    const only = openOne(at, name, options, false);
    return only.ok ? ok([only.value]) : only;
  }
  // Without sharing, so that whoever has the port already, also another of ours, is noticed.
  const probe = openOne(at, name, options, false);
  if (!probe.ok) return probe;
  closeLinuxSocket(probe.value.fd);
  const sockets: LinuxSocket[] = [];
  while (sockets.length < count) {
    const socket = openOne(at, name, { ...options, port: probe.value.peer.port }, true);
    if (!socket.ok) {
      for (const { fd } of sockets) closeLinuxSocket(fd);
      return socket;
    }
    sockets.push(socket.value);
  }
  return ok(sockets);
}

/** Ends receiving: whoever waits for datagrams of this socket, or looks for some, is told at once that there are none. */
export function wakeLinuxSocket(fd: number): void {
  // It says that there is no connection, and does it all the same.
  if (open.has(fd)) room?.calls.shutdown(fd, SHUT_RD);
}

/** Only when no thread uses it any more. */
export function closeLinuxSocket(fd: number): void {
  if (open.delete(fd)) room?.calls.close(fd);
}

/**
 * Sends a reply along a route of a {@link LinuxDatagrams}, on the thread that has opened its socket. The code of the system's error if
 * that cannot be: `EBADF` once the socket is closed.
 */
export function sendAlong(route: Uint8Array, reply: Uint8Array): string | undefined {
  if (room === undefined) return 'EBADF';
  const { calls, octets, view, base } = room;
  octets.set(route, AREA.route);
  octets.set(reply, AREA.reply);
  const fd = view.getInt32(AREA.route + ROUTE.socket, true);
  if (!open.has(fd)) return 'EBADF';
  view.setBigUint64(AREA.message + MESSAGE.name, base + BigInt(AREA.route + ROUTE.name), true);
  view.setInt32(AREA.message + MESSAGE.nameLength, view.getInt32(AREA.route + ROUTE.nameLength, true), true);
  view.setBigUint64(AREA.message + MESSAGE.vector, base + BigInt(AREA.vector), true);
  view.setInt32(AREA.message + MESSAGE.vectorLength, 1, true);
  view.setBigUint64(AREA.message + MESSAGE.control, base + BigInt(AREA.route + ROUTE.detail), true);
  view.setInt32(AREA.message + MESSAGE.controlLength, view.getInt32(AREA.route + ROUTE.detailLength, true), true);
  view.setBigUint64(AREA.vector + VECTOR.base, base + BigInt(AREA.reply), true);
  view.setInt32(AREA.vector + VECTOR.length, reply.length, true);
  const sent = calls.sendmsg(fd, base + BigInt(AREA.message), MSG_DONTWAIT);
  return sent < 0 ? errorName(calls.errno()) : undefined;
}

interface Name {
  readonly address: ClientAddress;
  /** The name of an interface or nothing. */
  readonly zone: string | undefined;
}

function nameOf(text: string): Name | undefined {
  const address = new ClientAddress();
  if (isIP(text) === 0 || !address.read(text)) return undefined;
  return { address, zone: text.split('%')[1] };
}

function openOne(
  at: Room,
  name: Name,
  { address, port, receiveBuffer }: LinuxSocketOptions,
  isShared: boolean,
): Result<LinuxSocket, ListenFault> {
  const { calls, octets, view, base } = at;
  const isSix = name.address.length === 16;
  const failed = (): Result<never, ListenFault> =>
    fail(listenFault(errorName(calls.errno()), { address, port }, 'udp'));
  const fd = calls.socket(isSix ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed();
  open.add(fd);
  const set = (level: number, option: number, value: number, rest = 0): boolean => {
    view.setBigInt64(AREA.value, BigInt(value), true);
    view.setBigInt64(AREA.value + 8, BigInt(rest), true);
    return calls.setsockopt(fd, level, option, base + BigInt(AREA.value), rest === 0 ? 4 : 16) === 0;
  };
  const close = (fault: Result<never, ListenFault>): Result<never, ListenFault> => {
    closeLinuxSocket(fd);
    return fault;
  };

  if (isShared && !set(SOL_SOCKET, SO_REUSEPORT, 1)) return close(failed());
  if (isSix && !set(IPPROTO_IPV6, IPV6_V6ONLY, 1)) return close(failed());
  const room = receiveBuffer ?? LIMITS.udpReceiveBuffer.default;
  if (!set(SOL_SOCKET, SO_RCVBUFFORCE, room)) set(SOL_SOCKET, SO_RCVBUF, room);
  set(SOL_SOCKET, SO_SNDTIMEO, 0, SEND_WAIT_MS * 1000);
  if (isSix) set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
  else set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  // Bound to one address, that is the source of all replies anyway.
  const isWildcard = name.address.octets.subarray(0, name.address.length).every((octet) => octet === 0);
  const hasInfo = (): boolean => (isSix ? set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(IPPROTO_IP, IP_PKTINFO, 1));
  if (isWildcard && !hasInfo()) return close(failed());

  const length = isSix ? NAME_SIX : NAME_FOUR;
  octets.fill(0, AREA.name, AREA.name + NAME_SIX);
  view.setUint16(AREA.name, isSix ? AF_INET6 : AF_INET, true);
  view.setUint16(AREA.name + NAME.port, port);
  octets.set(name.address.octets.subarray(0, name.address.length), AREA.name + (isSix ? NAME.six : NAME.four));
  if (name.zone !== undefined) {
    const scope = /^\d+$/.test(name.zone) ? Number(name.zone) : calls.if_nametoindex(name.zone);
    view.setUint32(AREA.name + NAME.scope, scope, true);
  }
  if (calls.bind(fd, base + BigInt(AREA.name), length) < 0) return close(failed());
  view.setInt32(AREA.value, NAME_SIX, true);
  if (calls.getsockname(fd, base + BigInt(AREA.name), base + BigInt(AREA.value)) < 0) return close(failed());
  return ok({ fd, peer: peerOf(canonicalAddress(address), view.getUint16(AREA.name + NAME.port)) });
}
