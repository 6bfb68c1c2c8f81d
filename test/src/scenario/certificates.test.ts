/**
 * What happens to orders over time: the CA is slow, a request is replaced while it is at work, a service is killed, months go by.
 * With our own primary and secondary, and pebble, or where that lacks something, the CA of the tests.
 */
import type { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificate, printBundle } from '@zonewright/letsencrypt/certificate';
import test from 'ava';
import { type AcmeServer, startAcmeServer } from '../support/acme-server.ts';
import { countOf, PATIENCE, startIssuing } from '../support/issuing.ts';
import { movableClock } from '../support/movable-clock.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { startPebble } from '../support/pebble.ts';
import { run } from '../support/process.ts';
import { given } from '../support/records.ts';
import { PRIMARY, startScene } from '../support/scene.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import type { Service } from '../support/zonewright.ts';

const secrecy = secrecyOf(test);
const real = testWith(test, ['git', 'pebble', 'openssl', 'dig', 'nsupdate']);
const ours = testWith(test, ['git', 'dig', 'nsupdate']);
const clocked = testWith(test, ['git', 'dig', 'nsupdate', 'faketime']);

const ORIGIN = 'certified.test';
const HOST = `www.${ORIGIN}`;
const DAY = 86_400_000;

real('with a slow CA and a secondary, a request that is replaced meanwhile is what gets a certificate', async (t) => {
  const more = '@ NS ns2\nns2 A 127.0.0.2\n_acme-challenge.shop CNAME shop.challenges\n';
  const { primary, transfer, serve, host } = await startIssuing(t, secrecy, { more });
  const { request, certificate } = host('www');
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
  const { serve, host } = await startIssuing(t, secrecy);
  const { request, certificate, tidy } = host('www');
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
    await tidy();
    await service.stop();
  }
});

clocked('after months a certificate is renewed, and the CA is told which one it follows', async (t) => {
  const { serve, host } = await startIssuing(t, secrecy);
  const { request, certificate } = host('www');
  const clock = await movableClock(t);
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
  clock.set(shift);
  const service = await serve(['--directory', ca.directory], clock.env);
  await service.waitForEvent('renewal.suggested', {}, PATIENCE);
  const [after] = await certificate(before);
  t.true(Date.parse(after!.validTo) - Date.parse(before!.validTo) > 61 * DAY);
  t.is(typeof ca.orders()[1]?.replaces, 'string');
});
