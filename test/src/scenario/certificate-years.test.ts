/**
 * What befalls the ACME secondary over years, with our own primary, and pebble as a CA that wants accounts bound to external ones: it does
 * not take ours, is away, has lost all accounts, months go by, keys of different rights ask, and the service is killed.
 */
import { join } from 'node:path';
import { STEPS } from '@zonewright/letsencrypt/step';
import test, { type ExecutionContext } from 'ava';
import type { KeyText } from '../support/dig.ts';
import { countOf, type Issuing, PATIENCE, type RequestingHost, startIssuing } from '../support/issuing.ts';
import { movableClock } from '../support/movable-clock.ts';
import { testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { startPebble, type TestPebble } from '../support/pebble.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { writeWhole } from '../support/whole-file.ts';

const secrecy = secrecyOf(test);
const owner = forFile(test);
const real = testWith(test, ['git', 'pebble', 'dig', 'nsupdate']);
const clocked = testWith(test, ['git', 'pebble', 'dig', 'nsupdate', 'faketime']);

const KILLER = new URL('../support/killed-at.js', import.meta.url).href;
const DAY = 86_400_000;
const DAY_SECONDS = 86_400;
const MAC_KEY = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
const OTHER_KEY = MAC_KEY.split('').reverse().join('');

interface World extends Issuing {
  readonly pebble: TestPebble;
  /** A key of the zone that may write requests for the host `a`, and nothing else. */
  readonly limited: KeyText;
  /** What the service needs to find the CA. */
  readonly authority: readonly string[];
  /** Changes the zone so many times, and waits until the service has seen it. */
  stir(service: Awaited<ReturnType<Issuing['serve']>>): Promise<void>;
}

let started: Promise<World> | undefined;
/** One for all tests of the file, started by the first. */
const world = (): Promise<World> => {
  started ??= begin();
  return started;
};

const begin = async (): Promise<World> => {
  const limited = secrecy.newKey('limited._update.certified.test');
  const limits = 'names=*.a,_letsencrypt._tcp.a types=TLSA,TXT';
  const issuing = await startIssuing(owner, secrecy, { keys: `${keyLine(limited)} TXT "${limits}"\n` });
  const { primary, key } = issuing;
  const pebble = await startPebble(owner, {
    dnsServer: `${primary.address}:${primary.port}`,
    externalAccounts: { 'kid-1': MAC_KEY },
    validity: 90 * DAY_SECONDS,
  });
  let stirred = 0;
  return {
    ...issuing,
    limited,
    pebble,
    authority: ['--directory', pebble.directory, '--ca-file', pebble.caFile, '--eab-kid', 'kid-1'],
    stir: async (service) => {
      const from = service.lines.length;
      await primary.update(key, `update add stirred.certified.test 60 TXT "${++stirred}"`);
      await service.waitForEvent('transfer.in', {}, { from, ...PATIENCE });
    },
  };
};

const bound = (key: string): Readonly<Record<string, string>> => ({ ZONEWRIGHT_EAB_HMAC_KEY: key });

real.serial(
  'an external account with a wrong key is said and stops everything for a while, one with the right key gets a certificate',
  async (t) => {
    const { pebble, authority, serve, host, stir } = await world();
    const [first, second] = ['bound', 'other'].map((name) => host(name));
    const wrong = await serve(authority, bound(OTHER_KEY));
    await first!.request('p256');
    const failure = await wrong.waitForEvent('certificate.failed', {}, PATIENCE);
    t.is(failure.fault, 'account', JSON.stringify(failure));
    t.regex(String(failure.hint), /--eab-kid and --eab-hmac-key/);
    t.regex(await first!.says(/status=waiting/), /newAccount.* next=/);
    const asked = (): number => pebble.output().split('/sign-me-up').length - 1;
    const before = asked();
    await second!.request('p256');
    t.regex(await second!.says(/status=waiting/), /does not take the account of this service/);
    for (const _ of [1, 2]) await stir(wrong);
    t.is(asked(), before);
    t.is(countOf(wrong, 'certificate.failed'), 1);
    t.is(countOf(wrong, 'account.made'), 0);
    await wrong.stop();

    const right = await serve(authority, bound(MAC_KEY));
    await second!.certificate();
    // Another request ends the wait.
    await first!.request('p256');
    await first!.certificate();
    t.is(countOf(right, 'account.made'), 1);
    t.is(countOf(right, 'certificate.failed'), 0);
    for (const service of [wrong, right])
      t.false(service.text().includes(MAC_KEY) || service.text().includes(OTHER_KEY));
    await right.stop();
    for (const one of [first, second]) await one!.withdraw();
  },
);

clocked.serial(
  'a CA that is away is left alone, one that has lost the account is given it again, and after months a certificate is renewed',
  async (t) => {
    const { pebble, authority, serve, host, stir } = await world();
    const [early, late] = ['early', 'late'].map((name) => host(name));
    const clock = await movableClock(t);
    const service = await serve(authority, { ...clock.env, ...bound(MAC_KEY) });
    await early!.request('p256');
    const [before] = await early!.certificate();

    await pebble.stop();
    await late!.request('p256');
    const failure = await service.waitForEvent('certificate.failed', {}, PATIENCE);
    t.is(failure.fault, 'unreachable');
    t.regex(await late!.says(/status=waiting/), / next=20.* failures=1/);
    for (const _ of [1, 2, 3]) await stir(service);
    t.is(countOf(service, 'certificate.requested'), 2);

    // It comes back, and issues for longer.
    await pebble.restart({ validity: 1000 * DAY_SECONDS });
    clock.set(150_000);
    await stir(service);
    const [other] = await late!.certificate();
    t.true(Date.parse(other!.validTo) - Date.parse(before!.validTo) > 900 * DAY);
    t.is(pebble.orders(), 1);
    t.is(countOf(service, 'account.made'), 1, service.text());

    // The clocks of the primary and of the CA stay behind: the first answer of the primary to everything is BADTIME.
    clock.set(66 * DAY);
    await stir(service);
    const [after] = await early!.certificate(before);
    t.true(Date.parse(after!.validTo) - Date.parse(before!.validTo) > 900 * DAY);
    t.is(pebble.orders(), 2);
    for (const one of [early, late]) await one!.tidy();
    t.is(countOf(service, 'certificate.failed'), 1);
    // It would take requests that are meant for those of the next tests.
    await service.stop();
  },
);

real.serial(
  'of two keys in a zone, each gets certificates for the names at and below the host where it may ask, and no others',
  async (t) => {
    const { authority, serve, host, limited } = await world();
    const [own, foreign, apex] = [host('a', limited), host('b', limited), host('')];
    const service = await serve([...authority, '--names', 'host'], bound(MAC_KEY));
    const namesOf = async (one: RequestingHost): Promise<readonly string[]> =>
      (await one.certificate())[0]!.subjectAltName!.split(', ').sort();
    await own.request('p256', own.hostname, `*.${own.hostname}`);
    await apex.request('p256', `*.${apex.hostname}`, foreign.hostname);
    t.deepEqual(await namesOf(own), [`DNS:*.${own.hostname}`, `DNS:${own.hostname}`]);
    t.deepEqual(await namesOf(apex), [`DNS:*.${apex.hostname}`, `DNS:${foreign.hostname}`]);

    const asked = countOf(service, 'certificate.requested');
    await t.throwsAsync(() => foreign.request('p256'), { message: /REFUSED/ });
    await own.request('p256', foreign.hostname);
    const refused = { fault: 'host', host: `${own.hostname}.` };
    const { message } = await service.waitForEvent('certificate.unclear', refused, PATIENCE);
    t.regex(String(message), /b\.certified\.test, which is not at or below a\.certified\.test/);
    t.is(countOf(service, 'certificate.requested'), asked);
    await service.stop();
    for (const one of [own, apex]) await one.withdraw();
  },
);

/** Has the service killed at each step, one host for each, and started again; gives the orders that the CA has taken for each. */
const killAtEach = async (t: ExecutionContext, label: string, flags: readonly string[]): Promise<readonly number[]> => {
  const { pebble, authority, serve, host } = await world();
  const wanted = join(temporaryFolder(t, 'step'), 'wanted');
  // An account of its own.
  const seed = { ZONEWRIGHT_ACCOUNT_KEY_SEED: `the seed of one who ${label}` };
  const env = { ...bound(MAC_KEY), ...seed, NODE_OPTIONS: `--import=${KILLER}`, KILLED_AT: wanted };
  const all = [...authority, ...flags];
  const orders: number[] = [];
  writeWhole(wanted, '');
  let service = await serve(all, env);
  for (const [i, step] of STEPS.entries()) {
    const before = pebble.orders();
    writeWhole(wanted, step);
    const one = host(`${label}${i}`);
    await one.request('p256');
    await until(() => service.exit, { what: `it is killed at ${step}`, ...PATIENCE }).catch((error: unknown) => {
      t.log(service.text());
      throw error;
    });
    t.is(service.exit?.signal, 'SIGKILL', step);
    writeWhole(wanted, '');
    service = await serve(all, env);
    await one.certificate();
    await one.tidy();
    // Else it would be killed at the next step for what it has left to do here.
    if (step !== 'order.published') await service.waitForEvent('certificate.published');
    orders.push(pebble.orders() - before);
  }
  t.is(countOf(service, 'certificate.failed'), 0);
  await service.stop();
  return orders;
};

real.serial(
  'a service that is killed at any step has the certificate issued when it is back, and leaves no challenge',
  async (t) => {
    const orders = await killAtEach(t, 'forgets', []);
    t.deepEqual(
      orders.filter((count) => count > 2),
      [],
    );
  },
);

real.serial('with --data it orders once more only where it was killed before the order was written down', async (t) => {
  const orders = await killAtEach(t, 'remembers', ['--data', temporaryFolder(t, 'state')]);
  t.deepEqual(
    orders,
    STEPS.map((step) => (step === 'order.made' ? 2 : 1)),
  );
});
