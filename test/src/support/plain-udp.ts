/** UDP for tests of what stands beside it: a socket of `node:dgram` that does with each datagram what the test says. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Peer, peerOf } from '@zonewright/common/net/address';
import { codeOf, listenFault } from '@zonewright/common/net/fault';
import type { BindUdp } from '@zonewright/common/net/listen';
import { fail, ok } from '@zonewright/common/result';

export type ReceiveUdp = (octets: Uint8Array, from: Peer, respond: (octets: Uint8Array) => void) => void;

export function plainUdp(receive: ReceiveUdp): BindUdp {
  return async ({ address, port }) => {
    const isSix = address.includes(':');
    const socket = createSocket({ type: isSix ? 'udp6' : 'udp4', ipv6Only: isSix });
    socket.on('message', (octets, from) =>
      receive(octets, peerOf(from.address, from.port), (reply) => socket.send(reply, from.port, from.address)),
    );
    socket.bind({ address, port, exclusive: true });
    try {
      await once(socket, 'listening');
    } catch (error) {
      return fail(listenFault(codeOf(error), { address, port }, 'udp'));
    }
    const close = async (): Promise<void> => {
      socket.close();
      await once(socket, 'close');
    };
    return ok({ peer: peerOf(address, socket.address().port), close });
  };
}
