/**
 * A place where an ACME secondary works: our primary with one zone, whose hosts ask for certificates by hand. The service and the CA
 * are for the test to start.
 */
import { X509Certificate } from 'node:crypto';
import { chainFor, parseCertificate } from '@zonewright/letsencrypt/certificate';
import { makeCsr } from '@zonewright/letsencrypt/csr';
import { makeKey } from '@zonewright/letsencrypt/key';
import { readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import type { KeyText } from './dig.ts';
import type { Owner } from './owner.ts';
import { freePort } from './ports.ts';
import { given, rdataOf } from './records.ts';
import { makeRepository } from './repository.ts';
import { PRIMARY, type Scene, SECONDARY, startScene, zoneText } from './scene.ts';
import { keyLine, type Secrecy } from './secrecy.ts';
import { until } from './until.ts';
import type { Service } from './zonewright.ts';

/** For a machine that runs many tests. */
export const PATIENCE = { timeout: 60_000 };

/** Where certificates are asked for. */
export interface Issuing {
  readonly primary: Scene;
  /** The key of the service. */
  readonly key: KeyText;
  /** The key of a secondary at 127.0.0.2. */
  readonly transfer: KeyText;
  /** Starts the service; what is in `env` is added to its environment. */
  serve(flags: readonly string[], env?: Readonly<Record<string, string>>): Promise<Service>;
  /** A host of the zone, the apex where the name is empty; requests are posted with the key of the service unless given. */
  host(name: string, poster?: KeyText): RequestingHost;
}

/** A host that wants certificates. */
export interface RequestingHost {
  readonly hostname: string;
  /** Requests a certificate for a new key, in place of what was requested before; for its own name unless given. */
  request(kind: 'p256' | 'p384' | 'rsa', ...hosts: readonly string[]): Promise<void>;
  /** Takes the request out, with all certificates. */
  withdraw(): Promise<void>;
  /** The certificate in the zone, once there is one other than `before`, and the chain above it. */
  certificate(before?: X509Certificate): Promise<readonly X509Certificate[]>;
  /** What is said beside the request, once it fits. */
  says(what: RegExp): Promise<string>;
  /** Resolves when no challenge stands there. */
  tidy(): Promise<void>;
}

export interface IssuingOptions {
  /** The zone. */
  readonly origin?: string;
  /** More lines of it. */
  readonly more?: string;
  /** More lines of its keys. */
  readonly keys?: string;
}

export const startIssuing = async (owner: Owner, secrecy: Secrecy, options: IssuingOptions = {}): Promise<Issuing> => {
  const { origin = 'certified.test', more = '', keys = '' } = options;
  const key = secrecy.newKey(`acme._update.${origin}`);
  const transfer = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.${origin}`);
  const repository = await makeRepository(owner, {
    _keys: keyLine(key) + keyLine(transfer) + keys,
    [origin]: zoneText(1, more),
  });
  const primary = await startScene(owner, secrecy, 'primary', ['--remote', repository.path], {
    port: await freePort(PRIMARY),
    ...PATIENCE,
  });
  const peers = ['--dns-server', primary.address, '--port', `${primary.port}`];
  return {
    primary,
    key,
    transfer,
    serve: (flags, env = {}) => {
      const own = { ZONEWRIGHT_DNS_KEY: key, ZONEWRIGHT_ACCOUNT_KEY_SEED: 'a seed for tests', ...env };
      return secrecy.start(owner, 'letsencrypt', [...peers, ...flags], { env: own, ...PATIENCE });
    },
    host: (name, poster = key) => hostOf(primary, poster, name === '' ? origin : `${name}.${origin}`),
  };
};

const hostOf = (primary: Scene, key: KeyText, hostname: string): RequestingHost => {
  const name = `_letsencrypt._tcp.${hostname}`;
  const tlsa = async () => {
    const { answer } = await primary.ask(name, 'TLSA', '+tcp');
    return readTlsaSet(answer.filter(({ type }) => type === 'TLSA').map(({ data }) => rdataOf('TLSA', data)));
  };
  const change = async (...commands: readonly string[]): Promise<void> => {
    const ran = await primary.update(key, `update delete ${name} TLSA`, ...commands);
    if (ran.code !== 0) throw new Error(ran.text);
  };
  return {
    hostname,
    withdraw: () => change(),
    request: async (kind, ...hosts) => {
      const names = hosts.length === 0 ? [hostname] : hosts;
      const csr = given(await makeCsr({ hosts: names, key: given(await makeKey(kind, 2048)) }));
      const hex = Buffer.from(csr).toString('hex');
      await change(`update add ${name} 3600 TLSA 3 255 0 ${hex}`);
    },
    certificate: async (before) => {
      const set = await until(tlsa, {
        what: `there is a certificate of ${hostname}`,
        holds: ({ certificates: [der], csrs }) =>
          der !== undefined && csrs.length === 1 && before?.raw.equals(Buffer.from(der)) !== true,
        ...PATIENCE,
      });
      const [leaf, ...others] = [...set.certificates, ...set.chain].map((der) => given(parseCertificate(der)));
      return chainFor(leaf!, others).map(({ der }) => new X509Certificate(der));
    },
    says: (what) =>
      until(() => primary.look(name, 'TXT'), {
        what: `${what} is said at ${hostname}`,
        holds: (seen) => what.test(seen),
        // Where something else was said before, the next comes after a minute.
        timeout: 2 * PATIENCE.timeout,
      }),
    tidy: async () => {
      await until(() => primary.look(`_acme-challenge.${hostname}`, 'TXT'), {
        what: `no challenge of ${hostname} is left`,
        holds: (seen) => !seen.includes('"'),
        ...PATIENCE,
      });
    },
  };
};

/** How often a service has said something. */
export const countOf = (service: Service, event: string): number =>
  service.lines.filter(({ text }) => text.includes(`"event":"${event}"`)).length;
