/** The ways of receiving datagrams as one interface, for tests that run against each of them, and clients for these. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Peer } from '@zonewright/common/net/address';
import type { DatagramHandler } from '@zonewright/common/net/datagram';
import type { ListenFault } from '@zonewright/common/net/fault';
import {
  closeLinuxSocket,
  linuxUdpFault,
  openLinuxSockets,
  sendAlong,
  wakeLinuxSocket,
} from '@zonewright/common/net/linux-socket';
import { LinuxDatagrams } from '@zonewright/common/net/linux-udp';
import { PortableDatagrams } from '@zonewright/common/net/portable-udp';
import { numericLookup } from '@zonewright/common/net/udp-socket';
import { ok, type Result } from '@zonewright/common/result';
import type { Owner } from './owner.ts';

/** Something that answers datagrams, on the event loop of the test. */
export interface Answering {
  /** In the order of what was asked for. */
  readonly peers: readonly Peer[];
  readonly counts: { readonly received: number; readonly sent: number; readonly dropped: number };
  send(route: Uint8Array, reply: Uint8Array): void;
  /** As often as one likes. */
  close(): Promise<void>;
}

type Start = (addresses: readonly Peer[], handler: DatagramHandler) => Promise<Result<Answering, ListenFault>>;

const startLinux: Start = async (addresses, handler) => {
  const fds: number[] = [];
  const peers: Peer[] = [];
  for (const address of addresses) {
    const opened = openLinuxSockets(address);
    if (!opened.ok) {
      fds.forEach(closeLinuxSocket);
      return opened;
    }
    for (const { fd, peer } of opened.value) {
      fds.push(fd);
      peers.push(peer);
    }
  }
  const datagrams = new LinuxDatagrams(fds, handler);
  let isOpen = true;
  const turn = (): void => {
    if (!isOpen) return;
    datagrams.turn(0);
    setImmediate(turn);
  };
  setImmediate(turn);
  const close = async (): Promise<void> => {
    isOpen = false;
    fds.forEach(wakeLinuxSocket);
    fds.forEach(closeLinuxSocket);
  };
  return ok({ peers, counts: datagrams, send: sendAlong, close });
};

const startPortable: Start = async (addresses, handler) => {
  const datagrams = new PortableDatagrams(handler);
  const peers: Peer[] = [];
  for (const address of addresses) {
    const bound = await datagrams.bind(address);
    if (!bound.ok) {
      await datagrams.close();
      return bound;
    }
    peers.push(bound.value);
  }
  const send = (route: Uint8Array, reply: Uint8Array): void => datagrams.send(route, reply);
  return ok({ peers, counts: datagrams, send, close: () => datagrams.close() });
};

export interface Implementation {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly fault: string | undefined;
  readonly start: Start;
}

const linuxFault = linuxUdpFault();

export const implementations: readonly Implementation[] = [
  { name: 'Linux', fault: linuxFault === undefined ? undefined : `cannot: ${linuxFault}`, start: startLinux },
  { name: 'portable', fault: undefined, start: startPortable },
];

/** What came back to a client, and from where. */
export interface Received {
  readonly text: string;
  readonly octets: Uint8Array;
  readonly from: Peer;
}

export interface Client {
  readonly peer: Peer;
  readonly received: readonly Received[];
  send(octets: Uint8Array | string, to: Peer): Promise<void>;
  readonly socket: Socket;
}

/** A client with an address of its own; `undefined` where that cannot be bound. */
export const startClient = async (owner: Owner, address: string, port = 0): Promise<Client | undefined> => {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const socket = createSocket({ type, lookup: numericLookup });
  const isBound = await new Promise<boolean>((resolve) => {
    socket.once('error', () => resolve(false));
    socket.bind(port, address, () => resolve(true));
  });
  if (!isBound) return undefined;
  owner.teardown(async () => {
    socket.close();
    await once(socket, 'close');
  });
  const received: Received[] = [];
  socket.on('message', (octets, from) =>
    received.push({ text: octets.toString('latin1'), octets, from: { address: from.address, port: from.port } }),
  );
  const send = (octets: Uint8Array | string, to: Peer): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.send(octets, to.port, to.address, (error) => (error === null ? resolve() : reject(error))),
    );
  return { peer: { address, port: socket.address().port }, received, send, socket };
};
