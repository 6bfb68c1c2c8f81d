/**
 * UDP for a thread that answers (RFC 1035 4.2.1), the portable way: `dgram` sockets on the event loop of the thread.
 *
 * The source address of a reply on a wildcard socket is the kernel's choice: on a host of several addresses, bind each of them.
 * Always holds: nothing that comes in and nothing that cannot be sent ends the thread or a socket.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIP } from 'node:net';
import { ClientAddress } from '../authority/client-address.ts';
import { fail, ok, type Result } from '../result.ts';
import { canonicalAddress, type Peer, peerOf, printPeer } from './address.ts';
import { type Datagram, type DatagramHandler, REPLY_OCTETS } from './datagram.ts';
import { codeOf, type ListenFault, listenFault, systemText } from './fault.ts';
import { LIMITS } from './limits.ts';
import { isReflector } from './reflector.ts';
import { NAME, NAME_FOUR, NAME_SIX, peerOfRoute, ROUTE } from './route.ts';
import { growReceiveBuffer, udpSocket } from './udp-socket.ts';

export interface PortableOptions {
  /** IP text. An IPv6 wildcard takes IPv6 only, so that it stands beside the IPv4 one. */
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /** Whether other threads bind the same port, see {@link canSharePort}; {@link reservePort} comes first then. */
  readonly isShared?: boolean;
  /** Octets, see `udpReceiveBuffer` in limits.ts. */
  readonly receiveBuffer?: number;
}

function bound({ address, port, isShared }: PortableOptions): Promise<Result<Socket, ListenFault>> {
  if (isIP(address) === 0) return Promise.resolve(fail(listenFault('EINVAL', { address, port }, 'udp')));
  const socket = udpSocket(address, isShared);
  return new Promise((resolve) => {
    socket.once('error', (error) => {
      socket.close();
      resolve(fail(listenFault(codeOf(error), { address, port }, 'udp')));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error');
      resolve(ok(socket));
    });
  });
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.close(resolve));

/** Whether several threads can receive from one port here: if not, there is work for one only. */
export async function canSharePort(): Promise<boolean> {
  const first = await bound({ address: '127.0.0.1', port: 0, isShared: true });
  if (!first.ok) return false;
  const { port } = first.value.address();
  const second = await bound({ address: '127.0.0.1', port, isShared: true });
  if (second.ok) await closed(second.value);
  await closed(first.value);
  return second.ok;
}

/** Where threads may bind together: the real port where 0 was asked for. A port that another process would share is taken. */
export async function reservePort(options: PortableOptions): Promise<Result<Peer, ListenFault>> {
  const socket = await bound({ ...options, isShared: false });
  if (!socket.ok) return socket;
  const { port } = socket.value.address();
  await closed(socket.value);
  return ok(peerOf(canonicalAddress(options.address), port));
}

class PortableDatagram implements Datagram {
  octets = new Uint8Array(0);
  length = 0;
  readonly client = new ClientAddress();
  port = 0;
  reply = new Uint8Array(REPLY_OCTETS);
  socket = 0;
  /** The address as text, since only that names the interface. */
  address = '';

  route(): Uint8Array {
    const { client } = this;
    const route = new Uint8Array(ROUTE.octets);
    const view = new DataView(route.buffer);
    const isFour = client.length === 4;
    const zone = new TextEncoder().encode(this.address.split('%')[1] ?? '').subarray(0, ROUTE.octets - ROUTE.detail);
    view.setInt32(ROUTE.socket, this.socket, true);
    view.setInt32(ROUTE.nameLength, isFour ? NAME_FOUR : NAME_SIX, true);
    view.setInt32(ROUTE.detailLength, zone.length, true);
    view.setUint16(ROUTE.name + NAME.port, this.port);
    route.set(client.octets.subarray(0, client.length), ROUTE.name + (isFour ? NAME.four : NAME.six));
    route.set(zone, ROUTE.detail);
    return route;
  }
}

/** Receives once it is bound, until it is closed. */
export class PortableDatagrams {
  /** Datagrams that came in. */
  received = 0;
  /** Replies that were handed to the kernel. */
  sent = 0;
  /** Replies that the kernel did not take. */
  dropped = 0;

  readonly #handler: DatagramHandler;
  readonly #sockets: Socket[] = [];
  readonly #datagram = new PortableDatagram();
  #closing: Promise<void> | undefined;

  constructor(handler: DatagramHandler) {
    this.#handler = handler;
  }

  /** One more address to receive from; gives where it is bound: the real port where 0 was asked for. */
  async bind(options: PortableOptions): Promise<Result<Peer, ListenFault>> {
    const { address, receiveBuffer } = options;
    const result = await bound(options);
    if (!result.ok) return result;
    const socket = result.value;
    const number = this.#sockets.push(socket) - 1;
    socket.on('error', (error) =>
      this.#handler.onFault?.({ kind: 'socket', what: `UDP on ${address}: ${systemText(codeOf(error))}` }),
    );
    socket.on('message', (octets, from) => this.#take(number, octets, from));
    growReceiveBuffer(socket, receiveBuffer ?? LIMITS.udpReceiveBuffer.default);
    return ok(peerOf(canonicalAddress(address), socket.address().port));
  }

  /** Sends a reply along a route that a datagram of this object has given; after `close` nothing happens. */
  send(route: Uint8Array, reply: Uint8Array): void {
    const view = new DataView(route.buffer, route.byteOffset, ROUTE.octets);
    const socket = this.#sockets[view.getInt32(ROUTE.socket, true)];
    const { address, port } = peerOfRoute(route);
    const zone = route.subarray(ROUTE.detail, ROUTE.detail + view.getInt32(ROUTE.detailLength, true));
    const to = zone.length === 0 ? address : `${address}%${new TextDecoder().decode(zone)}`;
    if (socket !== undefined) this.#send(socket, reply, to, port);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#sockets.splice(0).map(closed)).then(() => undefined);
    return this.#closing;
  }

  #take(number: number, octets: Uint8Array<ArrayBuffer>, { address, port }: RemoteInfo): void {
    this.received++;
    const datagram = this.#datagram;
    if (isReflector(port) || !datagram.client.read(address)) return;
    datagram.octets = octets;
    datagram.length = octets.length;
    datagram.port = port;
    datagram.address = address;
    datagram.socket = number;
    this.#handler.prepare();
    const length = this.#answer(datagram);
    this.#handler.finish?.();
    const socket = this.#sockets[number];
    if (length === 0 || socket === undefined) return;
    this.#send(socket, datagram.reply.subarray(0, length), address, port);
    // What has not left at once is still in this room.
    if (socket.getSendQueueCount() > 0) datagram.reply = new Uint8Array(REPLY_OCTETS);
  }

  #answer(datagram: PortableDatagram): number {
    try {
      const length = this.#handler.answer(datagram);
      if (length > REPLY_OCTETS) throw new RangeError(`a reply of ${length} octets`);
      return length;
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      this.#handler.onFault?.({ kind: 'receiver', what, peer: peerOf(datagram.address, datagram.port) });
      return 0;
    }
  }

  #send(socket: Socket, octets: Uint8Array, address: string, port: number): void {
    try {
      socket.send(octets, port, address, this.#done);
    } catch (error) {
      this.#done(error);
    }
  }

  /** One for all replies. The system's error says whom it was for. */
  readonly #done = (error: unknown): void => {
    if (error === null || error === undefined) {
      this.sent++;
      return;
    }
    this.dropped++;
    const { address, port } = error as Partial<RemoteInfo>;
    const peer = address === undefined || port === undefined ? {} : { peer: peerOf(address, port) };
    const to = peer.peer === undefined ? '' : ` to ${printPeer(peer.peer)}`;
    this.#handler.onFault?.({ kind: 'send', what: `cannot send${to}: ${systemText(codeOf(error))}`, ...peer });
  };
}
