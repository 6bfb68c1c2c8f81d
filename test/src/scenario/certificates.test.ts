/**
 * What happens to orders over time: the CA is slow, a request is replaced while it is at work, a service is killed, months go by.
 * With our own primary and secondary, and pebble, or where that lacks something, the CA of the tests.
 */
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chainFor, parseCertificate, printBundle } from '@zonewright/letsencrypt/certificate';
import { makeCsr } from '@zonewright/letsencrypt/csr';
import { makeKey } from '@zonewright/letsencrypt/key';
import { readTlsaSet } from '@zonewright/letsencrypt/tlsa';
import test from 'ava';
import { type AcmeServer, startAcmeServer } from '../support/acme-server.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { startPebble } from '../support/pebble.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { given, rdataOf } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, SECONDARY, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { root, type Service } from '../support/zonewright.ts';

const secrecy = secrecyOf(test);
const real = testWith(test, ['git', 'pebble', 'openssl', 'dig', 'nsupdate']);
const ours = testWith(test, ['git', 'dig', 'nsupdate']);

const ORIGIN = 'certified.test';
const HOST = `www.${ORIGIN}`;
const OWNER = `_letsencrypt._tcp.${HOST}`;
const DAY = 86_400_000;
const PATIENCE = { timeout: 60_000 };

interface World {
  readonly primary: Scene;
  /** The key of a secondary at 127.0.0.2. */
  readonly transfer: string;
  /** Starts the service; its clock is `shift` milliseconds ahead. */
  serve(flags: readonly string[], shift?: number): Promise<Service>;
  /** Requests a certificate for a new key, in place of what was requested before. */
  request(kind: 'p256' | 'p384' | 'rsa', ...hosts: readonly string[]): Promise<void>;
  /** The certificate in the zone, once there is one other than `before`, and the chain above it. */
  certificate(before?: X509Certificate): Promise<readonly X509Certificate[]>;
}

const worldOf = async (owner: Owner, more = ''): Promise<World> => {
  const key = secrecy.newKey(`acme._update.${ORIGIN}`);
  const transfer = secrecy.newKey(`${PRIMARY}.${SECONDARY}._transfer.${ORIGIN}`);
  const repository = await makeRepository(owner, {
    _keys: keyLine(key) + keyLine(transfer),
    [ORIGIN]: zoneText(1, more),
  });
  const primary = await startScene(owner, secrecy, 'primary', ['--remote', repository.path], {
    port: await freePort(PRIMARY),
    ...PATIENCE,
  });
  const tlsa = async () => {
    const { answer } = await primary.ask(OWNER, 'TLSA', '+tcp');
    return readTlsaSet(answer.filter(({ type }) => type === 'TLSA').map(({ data }) => rdataOf('TLSA', data)));
  };
  return {
    primary,
    transfer,
    serve: (flags, shift = 0) => {
      const loader = join(root, 'test/dist/support/shifted-clock.js');
      const env = {
        ZONEWRIGHT_DNS_KEY: key,
        ...(shift !== 0 && { NODE_OPTIONS: `--import=${loader}`, CLOCK_SHIFT: `${shift}` }),
      };
      const peers = ['--dns-server', primary.address, '--port', `${primary.port}`];
      return secrecy.start(owner, 'letsencrypt', [...peers, '--account-key-seed', 'a seed for tests', ...flags], {
        env,
        ...PATIENCE,
      });
    },
    request: async (kind, ...hosts) => {
      const csr = given(await makeCsr({ hosts, key: given(await makeKey(kind, 2048)) }));
      const hex = Buffer.from(csr).toString('hex');
      const ran = await primary.update(
        key,
        `update delete ${OWNER} TLSA`,
        `update add ${OWNER} 3600 TLSA 3 255 0 ${hex}`,
      );
      if (ran.code !== 0) throw new Error(ran.text);
    },
    certificate: async (before) => {
      const set = await until(tlsa, {
        what: 'there is a certificate',
        holds: ({ certificates: [der], csrs }) =>
          der !== undefined && csrs.length === 1 && before?.raw.equals(Buffer.from(der)) !== true,
        ...PATIENCE,
      });
      const [leaf, ...others] = [...set.certificates, ...set.chain].map((der) => given(parseCertificate(der)));
      return chainFor(leaf!, others).map(({ der }) => new X509Certificate(der));
    },
  };
};

const countOf = (service: Service, event: string): number =>
  service.lines.filter(({ text }) => text.includes(`"event":"${event}"`)).length;

real('with a slow CA and a secondary, a request that is replaced meanwhile is what gets a certificate', async (t) => {
  const world = await worldOf(t, '@ NS ns2\nns2 A 127.0.0.2\n_acme-challenge.shop CNAME shop.challenges\n');
  const { primary, transfer, serve, request, certificate } = world;
  const { port } = primary;
  const second = await startScene(t, secrecy, 'secondary', ['--keys', transfer], { port, ...PATIENCE });
  await second.shows('NOERROR 127.0.0.2', `ns2.${ORIGIN}`);
  const pebble = await startPebble(t, { dnsServer: `${PRIMARY}:${port}`, sleep: 3 });
  const service = await serve(['--directory', pebble.directory, '--ca-file', pebble.caFile]);
  await request('p256', HOST);
  await service.waitForEvent('certificate.requested', {}, PATIENCE);
  await request('p384', HOST, `*.${HOST}`, `shop.${ORIGIN}`);
  const chain = await certificate();
  t.deepEqual(chain[0]!.subjectAltName!.split(', ').sort(), [`DNS:*.${HOST}`, `DNS:shop.${ORIGIN}`, `DNS:${HOST}`]);
  t.is(chain[0]!.publicKey.asymmetricKeyDetails?.namedCurve, 'secp384r1');
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'root.pem'), await pebble.root());
  const [leaf, ...others] = chain.map(({ raw }) => given(parseCertificate(raw)));
  writeFileSync(join(folder, 'leaf.pem'), printBundle([leaf!]));
  writeFileSync(join(folder, 'chain.pem'), printBundle(others));
  const args = ['verify', '-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'leaf.pem'];
  t.regex((await run('openssl', args, { cwd: folder })).stdout, /leaf.pem: OK/);
  t.is(countOf(service, 'certificate.superseded'), 1);

  // Another key: a new certificate at once.
  await request('rsa', HOST);
  const [next] = await certificate(chain[0]);
  t.is(next!.publicKey.asymmetricKeyType, 'rsa');
  for (const name of [`_acme-challenge.${HOST}`, `shop.challenges.${ORIGIN}`]) {
    await until(() => primary.look(name, 'TXT'), {
      what: 'no challenge is left',
      holds: (seen) => !seen.includes('"'),
    });
  }
});

/** Kills a service when the CA is asked for something of this kind, and lets the CA go on. */
const killAt = async (ca: AcmeServer, kind: string, begin: () => Promise<Service>): Promise<void> => {
  let reached = (): void => undefined;
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  ca.intercept = ({ path }) => {
    if (!path.startsWith(kind)) return undefined;
    reached();
    return new Promise(() => undefined);
  };
  const service = await begin();
  await isReached;
  service.signal('SIGKILL');
  await service.ended;
  ca.intercept = undefined;
};

ours('a service that is killed while an order is under way takes it up, and no challenge is left', async (t) => {
  const { primary, serve, request, certificate } = await worldOf(t);
  const ca = await startAcmeServer(t);
  const flags = ['--directory', ca.directory, '--data', temporaryFolder(t)];
  let before: X509Certificate | undefined;
  for (const kind of ['challenge', 'finalize']) {
    await request('p256', HOST);
    await killAt(ca, kind, () => serve(flags));
    const orders = ca.orders().length;
    const service = await serve(flags);
    [before] = await certificate(before);
    t.is(ca.orders().length, orders, kind);
    await until(() => primary.look(`_acme-challenge.${HOST}`, 'TXT'), {
      what: 'no challenge is left',
      holds: (seen) => !seen.includes('"'),
    });
    await service.stop();
  }
});

ours('after months a certificate is renewed, and the CA is told which one it follows', async (t) => {
  const { serve, request, certificate } = await worldOf(t);
  let shift = 0;
  const window = (): { start: string; end: string } => {
    const at = (days: number): string => new Date(Date.now() + shift + days * DAY).toISOString();
    return shift === 0 ? { start: at(60), end: at(61) } : { start: at(-2), end: at(-1) };
  };
  const ca = await startAcmeServer(t, { now: () => Date.now() + shift, window });
  await request('p256', HOST);
  const first = await serve(['--directory', ca.directory]);
  const [before] = await certificate();
  await first.stop();
  t.is(ca.orders().length, 1);

  // The clock of the primary has stayed behind, so that its first answer to everything is BADTIME.
  shift = 62 * DAY;
  const service = await serve(['--directory', ca.directory], shift);
  await service.waitForEvent('renewal.suggested', {}, PATIENCE);
  const [after] = await certificate(before);
  t.true(Date.parse(after!.validTo) - Date.parse(before!.validTo) > 61 * DAY);
  t.is(typeof ca.orders()[1]?.replaces, 'string');
});
