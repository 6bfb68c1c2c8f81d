/**
 * Certificates through the DNS for a service in this process: what `zonewright certify --daemon` does, without a process of its own.
 *
 * ```ts
 * const request = certificateRequest({ server: '10.0.42.2', dnsKey: '@/etc/key', hostname: 'www.example.com', folder: '/var/lib/www' });
 * if (!request.ok) throw new Error(request.fault.what);
 * const kept = keepCertificate(request.value, { onCertificate: ({ certificate, key }) => server.setSecureContext({ cert: certificate, key }) });
 * ```
 *
 * Always holds: no fault ends it, and it keeps the process alive, until it is stopped. What `onRound` or `onProgress` throws, or
 * rejects with, is a warning of the process, and changes nothing.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseTsigKey } from '@zonewright/common/authority/key';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { type Certificate, printBundle } from '@zonewright/letsencrypt/certificate';
import { harmless, reasonOf } from './callback.ts';
import type { KEY_TYPES } from './files.ts';
import { parseFirstHost, parseHost } from './host.ts';
import { Keeper, type RoundEvent } from './keeper.ts';
import { type CertificateRequest, type Obtained, obtain } from './obtain.ts';

export type { CertificateRequest, RoundEvent };

/** What a service says about the certificate it wants. */
export interface CertificateWish {
  /** `HOST[:PORT]` of a server that has the zone; port 53 unless given. */
  readonly server: string;
  /** `NAME:ALG:SECRET` or `@FILE`, an update key; without one only a certificate that others ask for is fetched. */
  readonly dnsKey?: string;
  readonly hostname: string;
  /** Further names, also `*.HOST`. */
  readonly additional?: readonly string[];
  /** Where HOSTNAME.key, HOSTNAME.req and HOSTNAME.pem are, or are made. */
  readonly folder: string;
  /** Of a key that is made; `p256` unless given. */
  readonly type?: (typeof KEY_TYPES)[number];
  /** Of an RSA key that is made; 4096 unless given. */
  readonly bits?: number;
}

/** A certificate to work with, all in PEM. */
export interface KeyPair {
  /** The certificate, then the authorities above it. */
  readonly certificate: string;
  /** The private key, PKCS #8. */
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly notAfter: number;
}

export interface KeepOptions {
  /**
   * Called with the certificate of the file, if it will do, and then with each new one. Where it throws or rejects, it is called
   * again, later each time.
   */
  onCertificate(pair: KeyPair): void | Promise<void>;
  /** What came of each round; a fault is tried again after `pause` milliseconds. */
  onRound?(event: RoundEvent): void;
  /** What is going on, a line at a time. */
  onProgress?(line: string): void;
  /** Seconds that one round waits for a certificate; 300 unless given. */
  readonly wait?: number;
}

/** A certificate that is kept until `stop`. */
export interface Kept {
  /** Looks now, and not when it is time. */
  again(): void;
  stop(): Promise<void>;
}

/** The wish as a request, with its key read; a fault of kind `usage` says what is wrong with it. */
export function certificateRequest(wish: CertificateWish): Result<CertificateRequest, Fault> {
  const { server, hostname: text, additional = [], folder, dnsKey: keyText, type, bits } = wish;
  const hostname = parseFirstHost(text);
  if (!hostname.ok) return hostname;
  const hosts = [hostname.value];
  for (const name of additional) {
    const host = parseHost(name);
    if (!host.ok) return host;
    hosts.push(host.value);
  }
  const dnsKey = keyText === undefined ? ok(undefined) : readKey(keyText);
  if (!dnsKey.ok) return dnsKey;
  const base = join(folder, hostname.value);
  return ok({
    server,
    port: 53,
    dnsKey: dnsKey.value,
    hostname: hostname.value,
    hosts: [...new Set(hosts)],
    keyFile: `${base}.key`,
    csrFile: `${base}.req`,
    certificateFile: `${base}.pem`,
    ...(type !== undefined && { type }),
    ...(bits !== undefined && { bits }),
  });
}

function readKey(text: string): ReturnType<typeof parseTsigKey> | Result<never, Fault> {
  if (!text.startsWith('@')) return parseTsigKey(text);
  try {
    return parseTsigKey(readFileSync(text.slice(1), 'utf8').trim());
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return fail({ kind: 'usage', what: `cannot read ${text.slice(1)}: ${code ?? 'unknown'}` });
  }
}

/** Makes the certificate, and keeps it renewed. */
export function keepCertificate(wanted: CertificateRequest, options: KeepOptions): Kept {
  const { onCertificate, onRound = () => undefined, onProgress = () => undefined, wait = 300 } = options;
  const say = harmless('onProgress', onProgress);
  let last: Certificate | undefined;
  const run = async (signal: AbortSignal): Promise<Result<Obtained, Fault>> => {
    const obtained = await obtain(wanted, { wait, signal, say });
    if (!obtained.ok) return obtained;
    const [leaf] = obtained.value.chain;
    if (last !== undefined && Buffer.from(last.der).equals(leaf!.der)) return obtained;
    try {
      const key = await readFile(wanted.keyFile, 'utf8');
      await onCertificate({ certificate: printBundle(obtained.value.chain), key, notAfter: leaf!.notAfter });
    } catch (error) {
      return fail({ kind: 'deploy', what: reasonOf(error) });
    }
    last = leaf;
    return obtained;
  };
  const keeper = new Keeper({ run, onRound });
  keeper.start();
  // A service may have nothing else to do before it has its certificate.
  const hold = setInterval(() => undefined, 2 ** 30);
  const stop = (): Promise<void> => {
    clearInterval(hold);
    return keeper.stop();
  };
  return { again: () => keeper.start(), stop };
}
