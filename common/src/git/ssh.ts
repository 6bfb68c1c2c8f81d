/**
 * git over SSH (gitprotocol-pack(5), "SSH Transport"): one connection and one channel per conversation.
 *
 * The host key is always checked against the pins; there is no agent, no known_hosts and no ssh_config. The only methods of
 * authentication are the given key or the given password. RSA keys sign with SHA-2 (RFC 8332), never with SHA-1.
 */
import type { Socket } from 'node:net';
import ssh2, { type ClientChannel, type ConnectConfig } from 'ssh2';
import { openDuplexSession } from './duplex.ts';
import { Failure, quoteRemote, unreachable } from './fault.ts';
import {
  fingerprint,
  HOST_KEY_ALGORITHMS,
  type HostKeyPin,
  type HostKeyType,
  isPinned,
  PIN_HINT,
  pinnedTypes,
} from './host-key.ts';
import type { Remote } from './remote.ts';
import type { Transport } from './session.ts';
import { clientKeyText, publicLine, type SshKey } from './ssh-key.ts';
import { dial, peerText } from './tcp.ts';
import type { Watch } from './watch.ts';

export type SshLogin = { readonly key: SshKey } | { readonly password: string };

type SshRemote = Remote & { kind: 'ssh' };

/** The ssh transport. `pins`: at least one. */
export function sshTransport(remote: SshRemote, login: SshLogin, pins: readonly HostKeyPin[]): Transport {
  const peer = peerText(remote.host, remote.port);
  // A server shows one key, of the type that both sides like best: each type that a pinned key may have is asked for.
  let types = pinnedTypes(pins);

  const connect = async (watch: Watch): Promise<ssh2.Client> => {
    const shown: string[] = [];
    for (const type of types) {
      const outcome = await handshake(remote, login, pins, type, watch);
      if (outcome instanceof ssh2.Client) {
        types = [type, ...types.filter((other) => other !== type)];
        return outcome;
      }
      if (outcome !== undefined) shown.push(`SHA256:${outcome} (${type})`);
    }
    const wanted = pins.map(({ sha256, type }) => `SHA256:${sha256}${type === undefined ? '' : ` (${type})`}`);
    const seen = shown.length === 0 ? `no host key of the type ${types.join(' or ')}` : shown.join(', ');
    throw new Failure(
      'hostkey',
      `${peer} shows another host key than the pinned one: it shows ${seen}; --authenticator is ${wanted.join(', ')}`,
      `is it the right server? ${PIN_HINT}`,
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
  pins: readonly HostKeyPin[],
  type: HostKeyType,
  watch: Watch,
): Promise<ssh2.Client | string | undefined> {
  const peer = peerText(remote.host, remote.port);
  const socket: Socket = await dial(remote.host, remote.port, watch);
  const client = new ssh2.Client();
  let shown: string | undefined;
  let isOld = false;
  const username = remote.user;
  const methods: readonly ssh2.AnyAuthMethod[] = [
    { type: 'none', username },
    'password' in login
      ? { type: 'password', username, password: login.password }
      : {
          type: 'publickey',
          username,
          key: signer(login.key, () => {
            isOld = true;
          }),
        },
  ];
  const config: ConnectConfig = {
    sock: socket,
    username,
    readyTimeout: 0, // the watch has the time
    keepaliveInterval: 0,
    algorithms: { serverHostKey: [...HOST_KEY_ALGORITHMS[type]] },
    hostVerifier: (key: Buffer) => {
      watch.progress();
      if (isPinned(pins, key)) return true;
      shown = fingerprint(key);
      return false;
    },
    authHandler: [...methods],
  };
  const ready = new Promise<boolean>((resolve, reject) => {
    client.once('ready', () => resolve(true));
    client.on('error', (error: Error & { level?: string }) => {
      if (shown !== undefined || /no matching host key/.test(error.message)) resolve(false);
      else if (isOld) reject(new Failure('refused', `${peer} knows RSA keys with SHA-1 only`, 'use an Ed25519 key'));
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

/** The key as the library signs with it. `onOld`: the server wants a signature with SHA-1, which it does not get. */
function signer(key: SshKey, onOld: () => void): ssh2.ParsedKey {
  const parsed = ssh2.utils.parseKey(clientKeyText(key));
  if (parsed instanceof Error) throw parsed;
  if (key.type !== 'rsa') return parsed;
  const sign = parsed.sign.bind(parsed);
  parsed.sign = (data, hash) => {
    if (hash === 'sha256' || hash === 'sha512') return sign(data, hash);
    onOld();
    // The library takes an error for a signature that cannot be made; its types do not say so.
    return new Error('no signature with SHA-1') as unknown as Buffer;
  };
  return parsed;
}

function denied(remote: SshRemote, login: SshLogin, peer: string): Failure {
  const what = `${peer} does not let ${remote.user} in with the given ${'key' in login ? 'key' : 'password'}`;
  if ('password' in login) return new Failure('refused', what);
  const hint = 'its public line has to stand in authorized_keys of that user, or among the deploy keys';
  return new Failure('refused', what, `${hint}: ${publicLine(login.key)}`);
}

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
