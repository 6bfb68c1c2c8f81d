/** One datagram to a server and what comes back: for messages that no tool would send. */
import { createSocket } from 'node:dgram';

/** The first datagram that comes back within `timeout` milliseconds, or `undefined`. */
export const exchangeDatagram = (
  address: string,
  port: number,
  octets: Uint8Array,
  timeout = 5000,
): Promise<Uint8Array | undefined> =>
  new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => finish(undefined), timeout);
    const finish = (reply: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(reply);
    };
    socket.once('message', finish);
    socket.once('error', reject);
    socket.send(octets, port, address);
  });
