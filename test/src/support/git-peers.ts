/**
 * Real git servers on loopback, started and stopped by a test: OpenSSH's sshd, `git daemon`, and `git http-backend` behind a
 * small CGI. All serve bare repositories below one folder; native `git` is run without any configuration of the machine.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { needed } from './needs.ts';
import { freePort } from './ports.ts';

const run = promisify(execFile);
const HOST = '127.0.0.1';

/** The environment in which native git is run: no configuration but the one given here. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
  LANG: 'C',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Somebody Else',
  GIT_AUTHOR_EMAIL: 'else@example.org',
  GIT_COMMITTER_NAME: 'Somebody Else',
  GIT_COMMITTER_EMAIL: 'else@example.org',
};

/** Runs native git in a folder and returns what it prints, without the final line end. */
export async function git(folder: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run(needed('git'), [...args], {
    cwd: folder,
    env: gitEnvironment,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.replace(/\n$/, '');
}

/** A folder that is the test's own. */
export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'zonewright-test-'));

export interface Peer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Waits until a TCP port of this machine takes connections. */
async function listening(port: number, child: ChildProcess, words: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended before it listened: ${words()}`);
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, HOST);
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await delay(10);
  }
}

/** Starts a server in a process group of its own, which `stop` ends as a whole. */
async function startServer(
  program: string,
  args: readonly string[],
  port: number,
  environment: NodeJS.ProcessEnv,
): Promise<Peer> {
  const child = spawn(program, [...args], { env: environment, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const kill = (): void => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, 'SIGTERM');
  };
  // For a run that is broken off: nothing is left behind.
  process.once('exit', kill);
  await listening(port, child, () => words);
  return {
    port,
    stop: async () => {
      kill();
      await ended;
      process.removeListener('exit', kill);
    },
  };
}

export interface Sshd extends Peer {
  readonly user: string;
  /** `SHA256:...` of the Ed25519 host key. */
  readonly hostKeyFingerprint: string;
  /** `SHA256:...` of the RSA host key. */
  readonly rsaFingerprint: string;
  /** The public line of the Ed25519 host key. */
  readonly hostKeyLine: string;
}

export interface SshdOptions {
  /** Public lines of who is let in, with options before them if need be. */
  readonly authorizedKeys: readonly string[];
  /** Further lines of sshd_config(5). */
  readonly config?: readonly string[];
}

/** Makes the folder that sshd insists on where it is started by root; files of tests that run at the same time may do so too. */
export const makeSshdFolder = (): void => {
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
};

/** OpenSSH's sshd with an Ed25519 and an RSA host key; who has one of `authorizedKeys` is let in as the own user. */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const folder = await temporaryFolder();
  const port = await freePort(HOST);
  const prints: string[] = [];
  for (const type of ['ed25519', 'rsa']) {
    const path = join(folder, type);
    // The length is of RSA alone; 3072 bits, as it would be by itself, take a second to find.
    await run(needed('ssh-keygen'), ['-q', '-t', type, '-b', '2048', '-N', '', '-f', path]);
    prints.push((await run(needed('ssh-keygen'), ['-lf', `${path}.pub`])).stdout.split(' ')[1]!);
  }
  await writeFile(join(folder, 'authorized_keys'), `${options.authorizedKeys.join('\n')}\n`);
  const config = [
    `Port ${port}`,
    `ListenAddress ${HOST}`,
    `HostKey ${join(folder, 'ed25519')}`,
    `HostKey ${join(folder, 'rsa')}`,
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin yes',
    'PidFile none',
    'MaxStartups 200',
    'UseDNS no',
    'PrintMotd no',
    // A bash that sshd starts at the first level reads the .bashrc of whoever runs the tests, which may take longer than git does.
    'SetEnv SHLVL=1',
    ...(options.config ?? []),
  ];
  await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
  makeSshdFolder();
  const peer = await startServer(needed('sshd'), ['-D', '-e', '-f', join(folder, 'config')], port, {
    PATH: process.env.PATH,
  });
  return {
    port,
    user: userInfo().username,
    hostKeyFingerprint: prints[0]!,
    rsaFingerprint: prints[1]!,
    hostKeyLine: (await readFile(join(folder, 'ed25519.pub'), 'utf8')).trim(),
    stop: async () => {
      await peer.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** `git daemon` for all repositories below `root`, with pushing allowed unless `isReadOnly`; on a free port unless given. */
export async function startGitDaemon(root: string, wantedPort?: number, isReadOnly = false): Promise<Peer> {
  const port = wantedPort ?? (await freePort(HOST));
  const args = [
    'daemon',
    '--reuseaddr',
    `--listen=${HOST}`,
    `--port=${port}`,
    `--base-path=${root}`,
    '--export-all',
    ...(isReadOnly ? [] : ['--enable=receive-pack']),
    '--informative-errors',
  ];
  return await startServer(needed('git'), [...args, root], port, gitEnvironment);
}

export interface HttpBackendOptions {
  readonly credentials?: { readonly user: string; readonly password: string } | { readonly token: string };
  /** PEM of a key and its certificate: then it is https. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Answers a request itself by returning true. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** `git http-backend` for all repositories below `root`. */
export async function startHttpBackend(root: string, options: HttpBackendOptions = {}): Promise<Peer> {
  const { credentials } = options;
  const wanted =
    credentials &&
    ('token' in credentials
      ? `Bearer ${credentials.token}`
      : `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (options.intercept?.(request, response) === true) return;
    if (wanted !== undefined && request.headers.authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end('no');
      return;
    }
    runBackend(root, request, response);
  };
  const server = options.tls === undefined ? createHttpServer(answer) : createHttpsServer(options.tls, answer);
  await new Promise<void>((resolve) => {
    server.listen(0, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One request as CGI (RFC 3875). */
function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const child = spawn(needed('git'), ['http-backend'], {
    env: {
      ...gitEnvironment,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'http.receivepack',
      GIT_CONFIG_VALUE_0: 'true',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      CONTENT_LENGTH: request.headers['content-length'] ?? '',
      REMOTE_ADDR: HOST,
    },
    // A group of its own, to end all of it: a backend whose request ends early reads that end for ever, and its parent may not yet
    // know of it when it is told to stop.
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const end = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // All of it has ended by itself.
    }
  };
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  let head = Buffer.alloc(0);
  let isBody = false;
  child.stdout.on('data', (chunk: Buffer) => {
    if (isBody) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    isBody = true;
    let status = 200;
    for (const line of head.toString('latin1', 0, end).split('\r\n')) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? [];
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
  child.stdout.on('end', () => response.end());
  response.on('close', end);
}

/** A TCP server that takes connections and never says a word; `connections` are the ones that are open. On a free port unless given. */
export async function startSilentServer(port = 0): Promise<Peer & { readonly connections: ReadonlySet<Socket> }> {
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on('error', () => {});
    socket.resume();
    socket.once('close', () => connections.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(port, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of connections) socket.destroy();
      }),
  };
}
