/**
 * `zonewright start`: everything on loopback, for a first look and for development. One folder holds it all: a bare repository with a
 * zone `mirage`, its keys, the logs. The services are the same processes that run elsewhere, one each; their logs go to files, and
 * the terminal shows commands to try, with the real keys in them.
 *
 * Always holds: no service outlives this process for longer than it takes to stop, however this process ends (`lifeline.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Key, printKey } from '@zonewright/common/authority/key';
import { makeFolder, PRIVATE_FOLDER } from '@zonewright/common/git/durable';
import { Name } from '@zonewright/common/name';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { EXIT, type ExitCode } from '@zonewright/common/service/exit';
import { type CommandContext, defineCommand } from '@zonewright/common/service/options';
import { PORT } from '@zonewright/common/service/service-options';
import { seedRepository } from './seed.ts';
import { commandsToTry } from './start-commands.ts';

const PRIMARY = '127.0.0.1';
const SECONDARY = '127.0.0.2';
const READY_TIMEOUT = 20_000;
/** How a service says that it is ready, and how `test-ca` does, in its last line. */
const READY = /"event":"ready"|^root: /;
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAM = join(ROOT, 'bin', 'zonewright');
const LIFELINE = new URL('./lifeline.js', import.meta.url).href;

export const command = defineCommand({
  name: 'start',
  summary: 'run all services on loopback, with an embedded git repository',
  description: `Starts a primary on ${PRIMARY}, a secondary on ${SECONDARY} and, with --acme or where pebble is installed, the ACME
secondary; makes a repository with a zone in the folder at the first start; prints commands to try. Ends with Ctrl-C, or with the
terminal.`,
  arguments: [],
  options: [
    { flag: '--dir <DIR>', description: 'folder for repository, keys and logs', default: './data' },
    { ...PORT, description: 'port of the name servers', default: '5300' },
    {
      flag: '--acme <URL>',
      description: 'ACME directory of a certificate authority; a pebble of its own unless given',
    },
  ],
  run: ({ dir, port, acme }, context) => new Start({ directory: resolve(dir), port, acme }, context).run(),
});

interface StartOptions {
  readonly directory: string;
  readonly port: number;
  readonly acme: string | undefined;
}

/** Is there a program of this name on the PATH? */
function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Two TCP ports of loopback that nobody uses now. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = await Promise.all([0, 1].map(() => listenAnywhere()));
  const ports = servers.map(({ port }) => port);
  await Promise.all(servers.map(({ close }) => close()));
  return [ports[0]!, ports[1]!];
}

function listenAnywhere(): Promise<{ readonly port: number; close(): Promise<void> }> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, PRIMARY, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      done({ port, close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
}

/** Where the ACME secondary gets certificates. */
interface Authority {
  readonly directory: string;
  readonly caFile?: string;
  /** How to get the root above its certificates, for the printed commands. */
  readonly rootUrl?: string;
}

class Start {
  readonly #options: StartOptions;
  readonly #context: CommandContext;
  readonly #closing: (() => Promise<unknown>)[] = [];
  #settle: (code: ExitCode) => void = () => undefined;
  #isStopping = false;

  constructor(options: StartOptions, context: CommandContext) {
    this.#options = options;
    this.#context = context;
  }

  async run(): Promise<ExitCode> {
    const ended = new Promise<ExitCode>((done) => {
      this.#settle = done;
    });
    const onSignal = (): void => this.#settle(EXIT.done);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
    const started = await Promise.race([this.#start(), ended]);
    const code = typeof started === 'number' ? started : started.ok ? await ended : this.#context.fail(started.fault);
    this.#isStopping = true;
    for (const close of this.#closing.reverse()) await close();
    return code;
  }

  async #start(): Promise<Result<void, Fault>> {
    const { directory, port } = this.#options;
    const zone = Name.parse('mirage.');
    if (!zone.ok) return zone;
    const time = Math.floor(Date.now() / 1000);
    const seeded = await seedRepository({
      directory,
      zone: zone.value,
      primary: PRIMARY,
      secondaries: [SECONDARY],
      time,
    });
    if (!seeded.ok) return seeded;
    const { repository, keys } = seeded.value;
    const keyOf = (isWanted: (key: Key) => boolean): string | undefined => keys.filter(isWanted).map(printKey)[0];
    const isAcme = ({ name }: Key): boolean => name.toString().startsWith('letsencrypt.');
    const personal = keyOf((key) => key.operation === 'update' && !isAcme(key));
    const transfer = keyOf((key) => key.primary === PRIMARY && key.secondary === SECONDARY);
    const letsencrypt = keyOf((key) => key.operation === 'update' && isAcme(key));
    if (personal === undefined || transfer === undefined || letsencrypt === undefined) {
      const what = `the repository ${repository} lacks keys that this needs`;
      return fail({ kind: 'usage', what, hint: 'choose another folder with --dir, or run the services one by one' });
    }
    const logs = await this.#makeLogFolder(join(directory, 'log'));
    if (!logs.ok) return logs;

    const where = ['--port', String(port)];
    const primary = await this.#service('primary', [...where, '--listen', PRIMARY, '--remote', repository], {});
    if (!primary.ok) return primary;
    const secondary = await this.#service('secondary', [...where, '--listen', SECONDARY], {
      ZONEWRIGHT_KEYS: transfer,
    });
    if (!secondary.ok) return secondary;
    const authority = await this.#authority();
    if (!authority.ok) return authority;
    if (authority.value !== undefined) {
      const acme = await this.#acmeSecondary(authority.value, letsencrypt);
      if (!acme.ok) return acme;
    }
    this.#greet(repository, personal, authority.value);
    return ok(undefined);
  }

  async #authority(): Promise<Result<Authority | undefined, Fault>> {
    const { directory, port, acme } = this.#options;
    if (acme !== undefined) return ok({ directory: acme });
    if (!hasProgram('pebble')) return ok(undefined);
    const [directoryPort, managementPort] = await freePorts();
    const folder = join(directory, 'pebble');
    const ports = ['--directory-port', String(directoryPort), '--management-port', String(managementPort)];
    // As a process of its own, which ends pebble when this one is killed.
    const ca = await this.#service('test-ca', ['--dns-server', `${PRIMARY}:${port}`, '--dir', folder, ...ports], {});
    if (!ca.ok) return ca;
    return ok({
      directory: `https://${PRIMARY}:${directoryPort}/dir`,
      caFile: join(folder, 'tls.pem'),
      rootUrl: `https://${PRIMARY}:${managementPort}/roots/0`,
    });
  }

  async #makeLogFolder(path: string): Promise<Result<void, Fault>> {
    try {
      await makeFolder(path, PRIVATE_FOLDER);
      return ok(undefined);
    } catch (error) {
      return fail({ kind: 'file', what: `cannot make ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}` });
    }
  }

  async #acmeSecondary(authority: Authority, key: string): Promise<Result<void, Fault>> {
    const { directory, port } = this.#options;
    const seed = await this.#accountSeed(join(directory, 'keys', 'account-seed'));
    if (!seed.ok) return seed;
    const flags = ['--port', String(port), '--dns-server', PRIMARY, '--directory', authority.directory];
    const trust = authority.caFile === undefined ? [] : ['--ca-file', authority.caFile];
    const secrets = { ZONEWRIGHT_DNS_KEY: key, ZONEWRIGHT_ACCOUNT_KEY_SEED: seed.value };
    return this.#service('letsencrypt', [...flags, ...trust], secrets);
  }

  /** Made at the first start; the same seed is the same account. */
  async #accountSeed(path: string): Promise<Result<string, Fault>> {
    try {
      const known = await readFile(path, 'utf8').catch(() => '');
      if (known.trim() !== '') return ok(known.trim());
      const seed = randomBytes(32).toString('base64');
      await writeFile(path, `${seed}\n`, { mode: 0o600 });
      return ok(seed);
    } catch (error) {
      return fail({
        kind: 'file',
        what: `cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`,
      });
    }
  }

  /** Starts a service and waits until it is ready. When it ends later, everything ends. */
  #service(
    name: string,
    flags: readonly string[],
    secrets: Readonly<Record<string, string>>,
  ): Promise<Result<void, Fault>> {
    const log = join(this.#options.directory, 'log', name);
    const file = createWriteStream(log, { flags: 'a' });
    // A log that cannot be written ends nothing.
    file.on('error', () => undefined);
    const environment = Object.fromEntries(
      Object.entries(process.env).filter(([variable]) => !variable.startsWith('ZONEWRIGHT_')),
    );
    const child = spawn(process.execPath, ['--import', LIFELINE, PROGRAM, name, ...flags], {
      env: { ...environment, ...secrets },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Of its own process group: Ctrl-C reaches us alone, and we end the services in order.
      detached: true,
    });
    const exited = new Promise<void>((done) => child.once('close', () => done()));
    this.#closing.push(async () => {
      child.kill('SIGTERM');
      await exited;
      await new Promise<void>((done) => file.end(done));
    });
    return this.#untilReady(name, child, (line) => file.write(`${line}\n`));
  }

  #untilReady(name: string, child: ChildProcess, write: (line: string) => void): Promise<Result<void, Fault>> {
    return new Promise((done) => {
      let complaint = '';
      let isReady = false;
      const timer = setTimeout(
        () => done(fail({ kind: 'timeout', what: `${name} is not ready after ${READY_TIMEOUT / 1000} s` })),
        READY_TIMEOUT,
      );
      createInterface({ input: child.stdout! }).on('line', (line) => {
        write(line);
        if (!READY.test(line)) return;
        isReady = true;
        clearTimeout(timer);
        done(ok(undefined));
      });
      createInterface({ input: child.stderr! }).on('line', (line) => {
        write(line);
        complaint = line;
      });
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        const what =
          complaint.replace(/^zonewright [\w-]+: /, '') ||
          `${name} ended with ${code === null ? `signal ${signal}` : `exit code ${code}`}`;
        done(
          fail({ kind: code === EXIT.usage ? 'usage' : code === EXIT.unreachable ? 'unreachable' : 'service', what }),
        );
        if (this.#isStopping || !isReady) return;
        this.#context.err(`${name} has ended: ${what} (see ${join(this.#options.directory, 'log', name)})`);
        this.#settle(EXIT.problems);
      });
    });
  }

  #greet(repository: string, key: string, authority: Authority | undefined): void {
    const { directory, port } = this.#options;
    const short = (path: string): string => {
      const shorter = relative(process.cwd(), path);
      return shorter === '' || shorter.startsWith('..') ? path : shorter;
    };
    const lines = commandsToTry({
      program: process.cwd() === resolve(ROOT) ? './bin/zonewright' : PROGRAM,
      directory: short(directory),
      repository: short(repository),
      primary: PRIMARY,
      secondary: SECONDARY,
      port,
      key,
      authority,
      hasProgram,
    });
    for (const line of lines) this.#context.out(line);
  }
}
