/**
 * git:// (gitprotocol-pack(5), "Git Transport"), and the TCP connection that it shares with ssh.
 *
 * git:// proves nobody's identity and hides nothing: it is for trusted networks.
 */
import { connect, type Socket } from 'node:net';
import { openDuplexSession } from './duplex.ts';
import { unreachable } from './fault.ts';
import { pktLine } from './pkt-line.ts';
import type { Remote } from './remote.ts';
import type { Transport } from './session.ts';
import type { Watch } from './watch.ts';

export const peerText = (host: string, port: number): string => `${host} port ${port}`;

/** A connected socket. Until it is connected, the watch ends it; afterwards it is the caller's. */
export async function dial(host: string, port: number, watch: Watch): Promise<Socket> {
  const socket = connect({ host, port, autoSelectFamily: true, noDelay: true });
  const connected = new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(unreachable(peerText(host, port), error)));
  });
  try {
    await watch.run(connected);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.on('error', () => {});
  watch.progress();
  return socket;
}

/** The git:// transport. */
export function gitTransport(remote: Remote & { kind: 'git' }): Transport {
  const peer = peerText(remote.host, remote.port);
  const host = remote.host.includes(':') ? `[${remote.host}]` : remote.host;
  return {
    peer,
    async open(service, watch) {
      const socket = await dial(remote.host, remote.port, watch);
      const session = openDuplexSession(
        { stream: socket, diagnose: async () => undefined, release: () => socket.destroy() },
        service,
        peer,
        watch,
      );
      socket.write(pktLine(`${service} ${remote.path}\0host=${host}:${remote.port}\0`));
      return session;
    },
  };
}
