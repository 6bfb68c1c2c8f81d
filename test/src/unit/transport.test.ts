/**
 * The ways to a repository against real servers: who is let in with which key, password or token, who is believed to be the server, and
 * what people are told of it. Servers that stop amid a conversation are in `stalled-remote.test.ts`.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseHostKeyPin } from '@zonewright/common/git/host-key';
import { parseRemote } from '@zonewright/common/git/remote';
import {
  clientKeyText,
  generateSshKey,
  parseSshKey,
  publicLine,
  readSshKey,
  type SshKey,
  unlockSshKey,
} from '@zonewright/common/git/ssh-key';
import { type GitFault, type GitStore, openStore, type StoreOptions } from '@zonewright/common/git/store';
import type { Result } from '@zonewright/common/result';
import { readValues } from '@zonewright/common/service/options';
import { LOGIN_OPTIONS, type LoginValues, storeOptionsOf } from '@zonewright/common/service/remote-options';
import anyTest, { type ExecutionContext } from 'ava';
import ssh2 from 'ssh2';
import {
  type HttpBackendOptions,
  type Peer,
  type Sshd,
  startGitDaemon,
  startHttpBackend,
  startSshd,
} from '../support/git-peers.ts';
import { needed, testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { makeRepository, type Repository } from '../support/repository.ts';

const test = testWith(anyTest, ['git', 'sshd', 'ssh-keygen', 'openssl']);
const file = forFile(anyTest);
const run = promisify(execFile);

const must = <T, F>(result: Result<T, F>): T => {
  if (!result.ok) throw new Error(`a fault where none was expected: ${JSON.stringify(result.fault)}`);
  return result.value;
};

const faultOf = <T, F extends { kind: string; what: string; hint?: string }>(
  t: ExecutionContext<unknown>,
  result: Result<T, F>,
  kind: F['kind'],
): F => {
  if (result.ok) throw new Error(`success where ${kind} was expected`);
  t.is(result.fault.kind, kind, JSON.stringify(result.fault));
  t.false(JSON.stringify(result.fault).includes('s3cret'), 'no secret in a fault');
  return result.fault;
};

// ---- peers, started once ------------------------------------------------------------------------------------------

const PASSPHRASE = 's3cret passphrase';
const ownKey = generateSshKey();
let keys = '';
let repository: Repository;
let sshd: Sshd;
let daemon: Peer;
let web: Peer;

/** Makes a key with ssh-keygen, and returns the content of its file. */
const keygen = async (name: string, ...args: readonly string[]): Promise<string> => {
  await run(needed('ssh-keygen'), ['-q', '-C', '', '-f', join(keys, name), ...args]);
  return await readFile(join(keys, name), 'utf8');
};
const publicOf = (name: string): Promise<string> => readFile(join(keys, `${name}.pub`), 'utf8');

/** Each with a passphrase and without, in OpenSSH's container and in PEM. */
const KINDS: readonly (readonly [name: string, args: readonly string[]])[] = [
  ['ed25519', ['-t', 'ed25519']],
  ['rsa', ['-t', 'rsa', '-b', '2048']],
  ['rsa-pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM']],
  ['rsa-pkcs8', ['-t', 'rsa', '-b', '2048', '-m', 'PKCS8']],
  ['ecdsa-256', ['-t', 'ecdsa', '-b', '256']],
  ['ecdsa-384', ['-t', 'ecdsa', '-b', '384', '-m', 'PEM']],
  ['ecdsa-521', ['-t', 'ecdsa', '-b', '521', '-m', 'PKCS8']],
];
const texts = new Map<string, { readonly open: string; readonly locked: string }>();

test.serial('ssh-keygen makes keys of all kinds, and the servers start', async (t) => {
  keys = temporaryFolder(file, 'keys');
  repository = await makeRepository(file, { mirage: 'one\n', large: randomBytes(400_000) });
  const lines = [publicLine(ownKey)];
  for (const [name, args] of KINDS) {
    const open = await keygen(name, '-N', '', ...args);
    const locked = await keygen(`${name}-locked`, '-N', PASSPHRASE, ...args);
    texts.set(name, { open, locked });
    lines.push(await publicOf(name), await publicOf(`${name}-locked`));
  }
  // SHA-1 is off with any sshd of today; so it stays where somebody runs these tests with an old one.
  const config = ['PubkeyAcceptedAlgorithms -ssh-rsa'];
  sshd = await startSshd({ authorizedKeys: lines.map((line) => line.trim()), config });
  file.teardown(() => sshd.stop());
  daemon = await startGitDaemon(repository.folder);
  file.teardown(() => daemon.stop());
  web = await startHttpBackend(repository.folder);
  file.teardown(() => web.stop());
  t.is(texts.size, KINDS.length);
});

const open = async (t: ExecutionContext<unknown>, url: string, options: StoreOptions = {}): Promise<GitStore> => {
  const store = must(await openStore(must(parseRemote(url)), options));
  t.teardown(() => store.close());
  return store;
};

const pinned = (...pins: readonly string[]): StoreOptions => ({
  authenticator: pins.map((pin) => must(parseHostKeyPin(pin))),
});
const sshUrl = (port = sshd.port): string => `ssh://${sshd.user}@127.0.0.1:${port}${repository.path}`;
const webUrl = (port = web.port): string => `http://127.0.0.1:${port}/zones.git`;

const fetchWith = async (t: ExecutionContext<unknown>, sshKey: SshKey): Promise<Result<unknown, GitFault>> =>
  (await open(t, sshUrl(), { sshKey, ...pinned(sshd.hostKeyFingerprint) })).fetch();

// ---- keys ---------------------------------------------------------------------------------------------------------

for (const [name] of KINDS) {
  test(`sshd lets in with a key of the kind ${name}, with a passphrase or without, as a file or as TYPE:BASE64`, async (t) => {
    const { open: plain, locked } = texts.get(name)!;
    const type = name.split('-')[0]!;
    const body = plain.replaceAll(/^-----.*$|\s/gm, '');
    for (const text of [plain, plain.replaceAll('\n', '\r\n'), `${type}:${body}`, `${type.toUpperCase()}:${body}`]) {
      const key = must(parseSshKey(text));
      t.is(key.type as string, type);
      must(await fetchWith(t, key));
    }
    const read = must(readSshKey(locked));
    t.is(read.type as string, 'locked');
    const missing = faultOf(t, unlockSshKey(read, undefined), 'usage');
    t.regex(`${missing.what} ${missing.hint}`, /has a passphrase, and none is given.*ZONEWRIGHT_SSH_PASSPHRASE/);
    const wrong = faultOf(t, unlockSshKey(read, 's3cret but wrong'), 'usage');
    t.regex(wrong.what, /cannot be read with the passphrase/);
    faultOf(t, unlockSshKey(read, ''), 'usage');
    must(await fetchWith(t, must(unlockSshKey(read, PASSPHRASE))));
    if (!locked.includes('OPENSSH')) return;
    const lockedBody = must(readSshKey(`${type}:${locked.replaceAll(/^-----.*$|\s/gm, '')}`));
    t.is(publicLine(must(unlockSshKey(lockedBody, PASSPHRASE))), (await publicOf(`${name}-locked`)).trim());
  });
}

test('a key that cannot be meant is a usage fault without its text', (t) => {
  const seed = randomBytes(32).toString('base64');
  t.is(must(parseSshKey(`ed25519:${seed}`)).type, 'ed25519');
  const dsa = generateKeyPairSync('dsa', {
    modulusLength: 1024,
    divisorLength: 160,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
  const ecdsa = texts.get('ecdsa-256')!.open.replaceAll(/^-----.*$|\s/gm, '');
  for (const text of [
    dsa,
    `rsa:${randomBytes(30).toString('base64')}`,
    `rsa:${ecdsa}`,
    `ed25519:${ecdsa}`,
    `ed25519:${seed.slice(1)}`,
    'ecdsa:AAAA',
    `p256:${seed}`,
    '-----BEGIN OPENSSH PRIVATE KEY-----\ns3cret\n-----END OPENSSH PRIVATE KEY-----',
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    texts.get('rsa')!.open.slice(0, 600),
  ])
    for (const passphrase of [undefined, 'x']) {
      const read = readSshKey(text);
      const fault = faultOf(t, read.ok ? unlockSshKey(read.value, passphrase) : read, 'usage');
      t.false(JSON.stringify(fault).includes(text.slice(10, 40)) && text.length > 60);
    }
});

/** Makes a server of the library keep to itself which algorithms it takes (RFC 8308), as old ones do. */
const withoutExtensions = (client: object): void => {
  const { _protocol: protocol } = client as { readonly _protocol: { _kex?: { remoteExtInfoEnabled: boolean } } };
  let kex = protocol._kex;
  Object.defineProperty(protocol, '_kex', {
    get: () => {
      if (kex !== undefined) kex.remoteExtInfoEnabled = false;
      return kex;
    },
    set: (next: typeof kex) => {
      kex = next;
    },
  });
};

test('an RSA key signs with SHA-2, and a server that wants SHA-1 gets no signature', async (t) => {
  const rsa = must(parseSshKey(texts.get('rsa')!.open));
  const algorithms: string[] = [];
  const old = new ssh2.Server({ hostKeys: [clientKeyText(rsa)] }, (client) => {
    withoutExtensions(client);
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (context.method === 'publickey') algorithms.push(context.hashAlgo ?? context.key.algo);
      if (context.method === 'publickey' && context.signature === undefined) context.accept();
      else context.reject(['publickey']);
    });
  });
  await new Promise<void>((done) => {
    old.listen(0, '127.0.0.1', done);
  });
  t.teardown(() => old.close());
  const { port } = old.address() as { port: number };
  const print = (await run(needed('ssh-keygen'), ['-lf', join(keys, 'rsa.pub')])).stdout.split(' ')[1]!;
  const store = await open(t, sshUrl(port), { sshKey: rsa, ...pinned(print) });
  t.regex(faultOf(t, await store.fetch(), 'refused').what, /SHA-1 only/, algorithms.join(' '));
});

// ---- who the server is --------------------------------------------------------------------------------------------

test('any of several pinned host keys will do, and a wrong one shows what was seen and what was wanted', async (t) => {
  const sshKey = ownKey;
  const wrong = `SHA256:${'A'.repeat(43)}`;
  for (const pins of [
    [wrong, sshd.hostKeyFingerprint],
    [`ed25519:${wrong}`, `rsa:${sshd.rsaFingerprint}`],
    [sshd.hostKeyLine, wrong],
  ])
    must(await (await open(t, sshUrl(), { sshKey, ...pinned(...pins) })).fetch());
  const other = `ecdsa:SHA256:${'B'.repeat(43)}`;
  const store = await open(t, sshUrl(), { sshKey, ...pinned(wrong, other) });
  const { what, hint } = faultOf(t, await store.fetch(), 'hostkey');
  for (const part of [sshd.hostKeyFingerprint, sshd.rsaFingerprint, wrong, `SHA256:${'B'.repeat(43)} (ecdsa)`])
    t.true(what.includes(part), `${part} in ${what}`);
  t.regex(hint ?? '', /ssh-keyscan/);
  const none = await open(t, sshUrl(), { sshKey, ...pinned(other) });
  t.regex(faultOf(t, await none.fetch(), 'hostkey').what, /shows no host key of the type ecdsa/);
});

test('a key that is not let in is told with its public line, and so is a host that is not there', async (t) => {
  const stranger = generateSshKey();
  const store = await open(t, sshUrl(), { sshKey: stranger, ...pinned(sshd.hostKeyFingerprint) });
  t.true((faultOf(t, await store.fetch(), 'refused').hint ?? '').includes(publicLine(stranger)));
  for (const url of ['https://none.invalid/zones.git', 'git://none.invalid/zones.git', 'ssh://x@none.invalid/z'])
    t.regex(
      faultOf(
        t,
        await (await open(t, url, { sshKey: stranger, ...pinned(sshd.hostKeyFingerprint) })).fetch(),
        'unreachable',
      ).what,
      /none\.invalid.*(?:no such host|cannot be resolved)/,
    );
});

// ---- http and https -----------------------------------------------------------------------------------------------

const serve = async (t: ExecutionContext<unknown>, options: HttpBackendOptions): Promise<Peer> => {
  const peer = await startHttpBackend(repository.folder, options);
  t.teardown(() => peer.stop());
  return peer;
};

test('a server lets in by name and password or by token, in the URL or beside it', async (t) => {
  const basic = await serve(t, { credentials: { user: 'oauth2', password: 's3cret-token' } });
  const login = { user: 'oauth2', password: 's3cret-token' };
  must(await (await open(t, webUrl(basic.port), { httpLogin: login })).fetch());
  must(await (await open(t, `http://oauth2:s3cret-token@127.0.0.1:${basic.port}/zones.git`)).fetch());
  const bearer = await serve(t, { credentials: { token: 's3cret.token' } });
  must(await (await open(t, webUrl(bearer.port), { httpLogin: { token: 's3cret.token' } })).fetch());
  const wrong = await open(t, webUrl(bearer.port), { httpLogin: { token: 's3cret' } });
  t.regex(faultOf(t, await wrong.fetch(), 'refused').hint ?? '', /token right/);
  t.regex(faultOf(t, await (await open(t, webUrl(bearer.port))).fetch(), 'refused').hint ?? '', /--remote-token/);
});

/** A certificate for 127.0.0.1, signed by itself, in files. */
const made = async (): Promise<{ readonly key: string; readonly cert: string; readonly path: string }> => {
  const [key, cert] = [join(keys, 'tls.key'), join(keys, 'tls.pem')];
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout ${key} -out ${cert}`;
  await run(needed('openssl'), [...words.split(' '), '-addext', 'subjectAltName=IP:127.0.0.1']);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8'), path: cert };
};

/** One for all tests of this file: they run at the same time, and two that write the same files would mix keys and certificates. */
let once: ReturnType<typeof made> | undefined;
const certificate = (): ReturnType<typeof made> => {
  once ??= made();
  return once;
};

test('redirects stay on their host, never lead from https to http, and take no credentials elsewhere', async (t) => {
  const { cert, key } = await certificate();
  const tls = { key, cert };
  const seen: (string | undefined)[] = [];
  const look = (request: IncomingMessage): false => {
    seen.push(request.headers.authorization);
    return false;
  };
  const plain = await serve(t, { intercept: look });
  const secure = await serve(t, { tls, intercept: look });
  let location = '';
  const redirecting = (options: HttpBackendOptions): Promise<Peer> =>
    serve(t, {
      ...options,
      intercept: (request, response) => {
        if (!request.url?.startsWith('/old')) return look(request);
        response.writeHead(302, { location: request.url.replace('/old', location) }).end();
        return true;
      },
    });
  const [http, https] = [await redirecting({}), await redirecting({ tls })];
  const from = async (url: string, options: StoreOptions = {}): Promise<Result<unknown, GitFault>> => {
    seen.length = 0;
    return (await open(t, url, { tlsCa: cert, ...options })).fetch();
  };
  const httpLogin = { user: 'u', password: 's3cret' };
  const [httpOld, httpsOld] = [`http://127.0.0.1:${http.port}/old`, `https://127.0.0.1:${https.port}/old`];

  location = '/zones.git';
  must(await from(httpOld, { httpLogin }));
  t.true(seen.length > 0 && seen.every((value) => value?.startsWith('Basic ')), 'another path of the same server');
  must(await from(httpsOld, { httpLogin }));
  location = `https://127.0.0.1:${secure.port}/zones.git`;
  must(await from(httpOld));
  must(await from(httpsOld));
  t.regex(faultOf(t, await from(httpsOld, { httpLogin }), 'refused').what, /not followed/);
  t.deepEqual(seen, [], 'no credentials for another port');
  location = `http://127.0.0.1:${plain.port}/zones.git`;
  faultOf(t, await from(httpsOld), 'refused');
  t.deepEqual(seen, [], 'nothing over http');
  location = `http://localhost:${plain.port}/zones.git`;
  faultOf(t, await from(httpOld), 'refused');
  t.deepEqual(seen, [], 'nothing to another host');
  location = `/old/zones.git`;
  t.regex(faultOf(t, await from(`http://127.0.0.1:${http.port}/old`), 'refused').what, /circles|no repository/);
});

test('what of the options cannot work together is a usage fault before anything is asked', async (t) => {
  const { path } = await certificate();
  const odd = join(keys, 'no-certificate');
  await writeFile(odd, 'nothing');
  const command = { arguments: [], options: LOGIN_OPTIONS };
  const ask = async (
    url: string,
    env: Record<string, string>,
  ): Promise<Result<StoreOptions, { kind: string; what: string }>> => {
    const values = readValues(command, [], {}, env);
    if (!values.ok) return { ok: false, fault: values.fault[0]! };
    return storeOptionsOf({ ...(values.value as unknown as LoginValues), remote: must(parseRemote(url)) });
  };
  const https = 'https://git.example/zones.git';
  const bad: readonly (readonly [words: RegExp, url: string, env: Record<string, string>])[] = [
    [/for https remotes/, 'git@git.example:zones.git', { ZONEWRIGHT_REMOTE_TOKEN: 's3cret' }],
    [/more than one way/, https, { ZONEWRIGHT_REMOTE_TOKEN: 's3cret', ZONEWRIGHT_REMOTE_USER: 'x' }],
    [/more than one way/, 'https://x:s3cret@git.example/z', { ZONEWRIGHT_REMOTE_TOKEN: 's3cret' }],
    [/belong together/, https, { ZONEWRIGHT_REMOTE_PASSWORD: 's3cret' }],
    [/belong together/, https, { ZONEWRIGHT_REMOTE_USER: 'x' }],
    [/odd characters/, https, { ZONEWRIGHT_REMOTE_TOKEN: 's3cret token' }],
    [/none is given/, https, { ZONEWRIGHT_SSH_KEY: `@${join(keys, 'rsa-locked')}` }],
    [
      /cannot be read with/,
      https,
      { ZONEWRIGHT_SSH_KEY: `@${join(keys, 'rsa-locked')}`, ZONEWRIGHT_SSH_PASSPHRASE: 's3cret' },
    ],
    [/unknown form/, https, { ZONEWRIGHT_AUTHENTICATOR: 'SHA256:short' }],
    [/cannot read the file/, https, { ZONEWRIGHT_TLS_CA: join(keys, 'none') }],
    [/no certificate/, https, { ZONEWRIGHT_TLS_CA: odd }],
  ];
  for (const [words, url, env] of bad) t.regex(faultOf(t, await ask(url, env), 'usage').what, words);
  const good = must(
    await ask('git@git.example:zones.git', {
      ZONEWRIGHT_SSH_KEY: `@${join(keys, 'rsa-locked')}`,
      ZONEWRIGHT_SSH_PASSPHRASE: PASSPHRASE,
      ZONEWRIGHT_AUTHENTICATOR: `${sshd.hostKeyLine} a comment, ${sshd.rsaFingerprint}`,
      ZONEWRIGHT_TLS_CA: path,
    }),
  );
  t.is(good.sshKey?.type, 'rsa');
  t.deepEqual(
    good.authenticator?.map(({ sha256 }) => `SHA256:${sha256}`),
    [sshd.hostKeyFingerprint, sshd.rsaFingerprint],
  );
  const token = must(await ask(https, { ZONEWRIGHT_REMOTE_TOKEN: 's3cret' }));
  t.deepEqual(token.httpLogin, { token: 's3cret' });
});

// ---- what an operator is told -------------------------------------------------------------------------------------

test('a remote tells its branches, and whether it may be pushed to, before anything is pushed', async (t) => {
  const all = ['main', 'next/staging'];
  const own = await makeRepository(t, { mirage: 'one\n' });
  await own.git('branch', 'next/staging');
  const root = own.folder;
  const [daemon, readOnly] = [await startGitDaemon(root), await startGitDaemon(root, undefined, true)];
  const forbidding = await startHttpBackend(root, {
    intercept: (request, response) => {
      if (!request.url?.includes('git-receive-pack')) return false;
      response.writeHead(403).end();
      return true;
    },
  });
  const web = await startHttpBackend(root);
  const reader = generateSshKey();
  const limited = await startSshd({
    authorizedKeys: [
      `command="case \\"$SSH_ORIGINAL_COMMAND\\" in git-upload-pack*) eval \\"$SSH_ORIGINAL_COMMAND\\";; *) echo 'ERROR: Write access to repository not granted.' >&2; exit 1;; esac" ${publicLine(reader)}`,
    ],
  });
  for (const peer of [daemon, readOnly, forbidding, web, limited]) t.teardown(() => peer.stop());
  const look = async (url: string, options: StoreOptions = {}) => must(await (await open(t, url, options)).inspect());
  const ssh = (peer: Sshd, sshKey: SshKey) =>
    look(`ssh://${peer.user}@127.0.0.1:${peer.port}${own.path}`, { sshKey, ...pinned(peer.hostKeyFingerprint) });
  const gitted = (peer: Peer) => look(`git://127.0.0.1:${peer.port}/zones.git`);
  const webbed = (peer: Peer) => look(`http://127.0.0.1:${peer.port}/zones.git`);
  for (const inspection of [await look(own.path), await ssh(sshd, ownKey), await gitted(daemon), await webbed(web)])
    t.deepEqual(inspection, { branches: all });
  const refused: readonly (readonly [Awaited<ReturnType<typeof look>>, RegExp])[] = [
    [await ssh(limited, reader), /Write access to repository not granted/],
    [await gitted(readOnly), /service not enabled/],
    [await webbed(forbidding), /refuses access \(403\)/],
  ];
  for (const [{ branches, pushFault }, words] of refused) {
    t.deepEqual(branches, all);
    t.is(pushFault?.kind, 'refused');
    t.regex(pushFault?.what ?? '', words);
  }
  await own.git('pack-refs', '--all');
  t.deepEqual(await look(own.path), { branches: all });
});
