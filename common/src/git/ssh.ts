/**
 * git over SSH (gitprotocol-pack(5), "SSH Transport"): one connection and one channel per conversation.
 *
 * The host key is always checked against the pin; there is no agent, no known_hosts and no ssh_config. The only methods of
 * authentication are the given key or the given password.
 */
import type { Socket } from 'node:net';
import ssh2, { type ClientChannel, type ConnectConfig } from 'ssh2';
import { openDuplexSession } from './duplex.ts';
import { Failure, quoteRemote, unreachable } from './fault.ts';
import { fingerprint, HOST_KEY_ALGORITHMS, type HostKeyPin, type HostKeyType, isPinned, PIN_HINT } from './host-key.ts';
import type { Remote } from './remote.ts';
import type { Transport } from './session.ts';
import { clientKeyText, type SshKey } from './ssh-key.ts';
import { dial, peerText } from './tcp.ts';
import type { Watch } from './watch.ts';

export type SshLogin = { readonly key: SshKey } | { readonly password: string };

type SshRemote = Remote & { kind: 'ssh' };

/** A server shows one key, of the type that both sides like best. A bare fingerprint may belong to any of its keys, so each type is asked for. */
const KEY_TYPES: readonly HostKeyType[] = ['ed25519', 'ecdsa', 'rsa'];

/** The ssh transport. */
export function sshTransport(remote: SshRemote, login: SshLogin, pin: HostKeyPin): Transport {
  const peer = peerText(remote.host, remote.port);
  let known = pin.type;

  const connect = async (watch: Watch): Promise<ssh2.Client> => {
    const shown: string[] = [];
    for (const type of known === undefined ? KEY_TYPES : [known]) {
      const outcome = await handshake(remote, login, pin, type, watch);
      if (outcome instanceof ssh2.Client) {
        known = type;
        return outcome;
      }
      if (outcome !== undefined) shown.push(outcome);
    }
    const keys = shown.map((print) => `SHA256:${print}`).join(', ');
    throw new Failure(
      'hostkey',
      shown.length === 0
        ? `${peer} has no host key of the pinned type`
        : `${peer} shows another host key than the pinned one: ${keys}`,
      PIN_HINT,
    );
  };

  return {
    peer,
    async open(service, watch) {
      const client = await connect(watch);
      const channel = await execute(client, `${service} ${shellQuoted(remote.path)}`, peer, watch);
      return openDuplexSession(channel, service, peer, watch);
    },
  };
}

/** A logged-in client; or the fingerprint of a key that is not the pinned one; or nothing, where the server has no key of that type. */
async function handshake(
  remote: SshRemote,
  login: SshLogin,
  pin: HostKeyPin,
  type: HostKeyType,
  watch: Watch,
): Promise<ssh2.Client | string | undefined> {
  const peer = peerText(remote.host, remote.port);
  const socket: Socket = await dial(remote.host, remote.port, watch);
  const client = new ssh2.Client();
  let shown: string | undefined;
  const config: ConnectConfig = {
    sock: socket,
    username: remote.user,
    readyTimeout: 0, // the watch has the time
    keepaliveInterval: 0,
    algorithms: { serverHostKey: [...HOST_KEY_ALGORITHMS[type]] },
    hostVerifier: (key: Buffer) => {
      watch.progress();
      if (isPinned(pin, key)) return true;
      shown = fingerprint(key);
      return false;
    },
    ...('key' in login
      ? { privateKey: clientKeyText(login.key), authHandler: ['none', 'publickey'] }
      : { password: login.password, authHandler: ['none', 'password'] }),
  };
  const ready = new Promise<boolean>((resolve, reject) => {
    client.once('ready', () => resolve(true));
    client.on('error', (error: Error & { level?: string }) => {
      if (shown !== undefined || /no matching host key/.test(error.message)) resolve(false);
      else if (error.level === 'client-authentication') reject(denied(remote, login, peer));
      else reject(unreachable(peer, error));
    });
    client.once('close', () => reject(new Failure('unreachable', `${peer} closed the connection`)));
  });
  try {
    client.connect(config);
    if (await watch.run(ready)) {
      watch.progress();
      return client;
    }
  } catch (error) {
    client.destroy();
    throw error;
  }
  client.destroy();
  return shown;
}

const denied = (remote: SshRemote, login: SshLogin, peer: string): Failure =>
  new Failure(
    'refused',
    `${peer} does not let ${remote.user} in with the given ${'key' in login ? 'key' : 'password'}`,
    'key' in login ? 'the public line of the key has to stand in authorized_keys of that user' : undefined,
  );

async function execute(
  client: ssh2.Client,
  command: string,
  peer: string,
  watch: Watch,
): Promise<Parameters<typeof openDuplexSession>[0]> {
  const release = (): void => {
    client.end();
    client.destroy();
  };
  let stream: ClientChannel;
  try {
    stream = await watch.run(
      new Promise<ClientChannel>((resolve, reject) => {
        client.once('close', () => reject(new Failure('unreachable', `${peer} closed the connection`)));
        client.exec(command, (error, channel) => {
          if (error === undefined) resolve(channel);
          else reject(new Failure('refused', `${peer} does not run ${command.split(' ')[0]}`));
        });
      }),
    );
  } catch (error) {
    release();
    throw error;
  }
  let words = '';
  stream.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-1000);
  });
  stream.stderr.on('error', () => {});
  // A lost connection closes the client, not always the channel.
  client.once('close', () => stream.destroy());
  const closed = new Promise<void>((resolve) => {
    stream.once('close', resolve);
  });
  return {
    stream,
    release,
    async diagnose() {
      stream.resume();
      await closed;
      return words === '' ? undefined : new Failure('refused', `${peer} refused: ${quoteRemote(words)}`);
    },
  };
}

const shellQuoted = (path: string): string => `'${path.replaceAll("'", "'\\''").replaceAll('!', "'\\!'")}'`;
