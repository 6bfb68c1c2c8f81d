/**
 * pebble, the small ACME server of Let's Encrypt for tests and tryouts (Debian package `pebble`), as a process of ours.
 *
 * It gets a folder with its configuration and a self-signed TLS certificate for loopback, looks every name up at one DNS server,
 * does not sleep before it validates, and listens on 127.0.0.1 unless told otherwise. Its authority is made anew at each start, so
 * nothing trusts what it issues. It ends with `stop`, and at the latest when this process exits.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '@zonewright/common/git/durable';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { exportKey, makeKey } from '@zonewright/letsencrypt/key';
import { printPem } from '@zonewright/letsencrypt/pem';
import { selfSigned } from '@zonewright/letsencrypt/x509';

/** What pebble is started with. */
export interface PebbleOptions {
  /** The folder for its files; made if it does not exist. */
  readonly folder: string;
  /** Where it looks names up: `address:port`, UDP and TCP. */
  readonly dnsServer: string;
  /** The IPv4 address it listens on. Default 127.0.0.1. */
  readonly address?: string;
  /** TCP ports there. */
  readonly port: number;
  readonly managementPort: number;
  /** Default: `pebble` on the PATH. */
  readonly program?: string;
  /** Seconds that it takes at most before it looks at a challenge, at random. Default 0. */
  readonly sleep?: number;
  /** Percentage of good nonces that it refuses, to try the retries of clients. Default 0. */
  readonly nonceReject?: number;
  /** Percentage of valid authorizations that it uses again for the next order. Default 50. */
  readonly authorizationReuse?: number;
  /** Seconds that its certificates last. Default: five years. */
  readonly validity?: number;
  /** Keys (base64url) by key identifier; if there are any, accounts have to be bound to one (RFC 8555 7.3.4). */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** PEM of the certificate and the key of its HTTPS, such as those of a pebble before; made unless given. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** Milliseconds until it has to answer. Default 60000: it makes RSA keys first, and what ended is noticed anyway. */
  readonly timeout?: number;
}

/** A pebble that answers. */
export interface Pebble {
  /** URL of the directory. */
  readonly directory: string;
  /** Path of the PEM file to trust its HTTPS with: an authority for its address and localhost, nothing that it issues. */
  readonly caFile: string;
  /** The root above the certificates it issues, as PEM. */
  root(): Promise<Result<string, PebbleFault>>;
  /** What it wrote so far; the last 64 KiB. */
  output(): string;
  /** Resolves when it has ended, with what happened. */
  readonly ended: Promise<PebbleFault>;
  /** Ends it, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** Why there is no pebble: `missing` (no such program), `file`, `exited` (it ended by itself), `timeout`, `management`. */
export interface PebbleFault extends Fault {
  readonly kind: 'missing' | 'file' | 'exited' | 'timeout' | 'management';
}

const LOOPBACK = '127.0.0.1';
const CERTIFICATE_DAYS = 3650;
const OUTPUT_CHARACTERS = 65536;

/** Starts pebble and waits until its directory answers. */
export async function startPebble(options: PebbleOptions): Promise<Result<Pebble, PebbleFault>> {
  const files = await writePebbleFiles(options);
  if (!files.ok) return files;
  const { config, caFile, ca } = files.value;
  const program = options.program ?? 'pebble';
  const child = spawn(program, ['-config', config, '-dnsserver', options.dnsServer], {
    cwd: options.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PEBBLE_VA_NOSLEEP: options.sleep === undefined ? '1' : '0',
      PEBBLE_VA_SLEEPTIME: String(options.sleep ?? 0),
      PEBBLE_VA_ALWAYS_VALID: '0',
      PEBBLE_WFE_NONCEREJECT: String(options.nonceReject ?? 0),
      PEBBLE_AUTHZREUSE: String(options.authorizationReuse ?? 50),
    },
  });
  const run = watch(child, program);
  const address = options.address ?? LOOPBACK;
  const directory = `https://${address}:${options.port}/dir`;
  const deadline = performance.now() + (options.timeout ?? 60_000);
  while ((await fetchText(directory, ca)) === undefined) {
    const fault = run.fault();
    if (fault !== undefined) return fail(fault);
    if (performance.now() > deadline) {
      await run.stop();
      return fail({ kind: 'timeout', what: `pebble does not answer on ${address} port ${options.port}` });
    }
    await sleep(20);
  }
  return ok({
    directory,
    caFile,
    async root() {
      const pem = await fetchText(`https://${address}:${options.managementPort}/roots/0`, ca);
      if (pem?.includes('-----BEGIN CERTIFICATE-----')) return ok(pem);
      return fail({ kind: 'management', what: `pebble does not tell its root on port ${options.managementPort}` });
    },
    output: run.output,
    ended: run.ended,
    stop: run.stop,
  });
}

/** What pebble starts from. */
export interface PebbleFiles {
  /** Path for `pebble -config`. */
  readonly config: string;
  /** As in {@link Pebble}. */
  readonly caFile: string;
  /** The content of `caFile`. */
  readonly ca: string;
}

async function makeTls(address: string): Promise<NonNullable<PebbleOptions['tls']>> {
  const key = await makeKey('p256');
  if (!key.ok) throw new TypeError(key.fault.what);
  const certificate = await selfSigned({
    key: key.value,
    hosts: ['localhost'],
    addresses: [address],
    // An hour ago: the certificate also holds for a clock that is a little behind.
    notBefore: new Date(Date.now() - 3_600_000),
    days: CERTIFICATE_DAYS,
  });
  return { certificate: printPem('CERTIFICATE', certificate), key: exportKey(key.value) };
}

/** Writes pebble's configuration and its TLS certificate, a new one unless given, for a pebble that somebody else starts. */
export async function writePebbleFiles(
  options: Omit<PebbleOptions, 'dnsServer'>,
): Promise<Result<PebbleFiles, PebbleFault>> {
  const address = options.address ?? LOOPBACK;
  const { certificate: ca, key } = options.tls ?? (await makeTls(address));
  const { folder } = options;
  const [config, caFile, keyFile] = [join(folder, 'pebble.json'), join(folder, 'tls.pem'), join(folder, 'tls.key')];
  const bound = options.externalAccounts ?? {};
  const pebble = {
    listenAddress: `${address}:${options.port}`,
    managementListenAddress: `${address}:${options.managementPort}`,
    certificate: caFile,
    privateKey: keyFile,
    httpPort: 5002,
    tlsPort: 5001,
    ocspResponderURL: '',
    externalAccountBindingRequired: Object.keys(bound).length > 0,
    externalAccountMACKeys: bound,
    ...(options.validity !== undefined && { certificateValidityPeriod: options.validity }),
  };
  try {
    await makeFolder(folder);
    await writeFile(keyFile, key, { mode: 0o600 });
    await writeFile(caFile, ca);
    await writeFile(config, `${JSON.stringify({ pebble }, null, 2)}\n`, { mode: 0o600 });
    return ok({ config, caFile, ca });
  } catch (error) {
    return fail({ kind: 'file', what: `cannot write pebble's files in ${folder}: ${codeOf(error)}` });
  }
}

interface Run {
  /** Why it does not run any more. */
  fault(): PebbleFault | undefined;
  output(): string;
  readonly ended: Promise<PebbleFault>;
  stop(): Promise<void>;
}

function watch(child: ChildProcess, program: string): Run {
  let fault: PebbleFault | undefined;
  let output = '';
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-OUTPUT_CHARACTERS);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const ended = new Promise<PebbleFault>((resolve) => {
    child.once('error', (error) => {
      fault ??=
        codeOf(error) === 'ENOENT'
          ? { kind: 'missing', what: `there is no program ${program}`, hint: 'apt install pebble' }
          : { kind: 'exited', what: `cannot start ${program}: ${codeOf(error)}` };
      resolve(fault);
    });
    child.once('close', (code, signal) => {
      const last = output.trimEnd().split('\n').at(-1) ?? '';
      fault ??= { kind: 'exited', what: `pebble ended (${code ?? signal}): ${last}` };
      resolve(fault);
    });
  });
  void ended.then(() => process.removeListener('exit', kill));
  return {
    fault: () => fault,
    output: () => output,
    ended,
    async stop() {
      // pebble has no state to save, and TERM is KILL to it.
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** The body of a 200 answer; `undefined` for everything else. */
function fetchText(url: string, ca: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { ca, timeout: 2000, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve(response.statusCode === 200 ? text : undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
