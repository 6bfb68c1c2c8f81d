/** When `certify` looks, what it takes for the answer to its request, and when it gives up. */
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chainIn } from '@zonewright/cli/certify/answer';
import { hookOf } from '@zonewright/cli/certify/deploy';
import { interval, Keeper, type RoundEvent } from '@zonewright/cli/certify/keeper';
import { certificateRequest } from '@zonewright/cli/certify/library';
import { isDue, type Obtained } from '@zonewright/cli/certify/obtain';
import { isFinal, printStatus } from '@zonewright/cli/certify/progress';
import { type Fault, fail, ok, type Result } from '@zonewright/common/result';
import { parseBundle, parseCertificate } from '@zonewright/letsencrypt/certificate';
import { makeCsr, parseCsr } from '@zonewright/letsencrypt/csr';
import { selfSigned } from '@zonewright/letsencrypt/x509';
import test from 'ava';
import { newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const HOST = 'www.certified.test';
const withOpenssl = testWith(test, ['openssl']);

withOpenssl('a certificate is taken with the authority that issued it, and with no other', async (t) => {
  const authority = await newAuthority(t);
  const other = await newAuthority(t);
  const signed = await authority.sign([HOST]);
  const made = await makeCsr({ hosts: [HOST], key: createPrivateKey(readFileSync(signed.key)) });
  const csr = made.ok ? parseCsr(made.value) : made;
  if (!csr.ok) throw new Error(csr.fault.what);
  const ders = (...files: string[]): Uint8Array[] =>
    files.flatMap((file) => {
      const bundle = parseBundle(readFileSync(file, 'utf8'));
      return bundle.ok ? bundle.value.map(({ der }) => der) : [];
    });
  const at = (chain: Uint8Array[], certificates = ders(signed.cert)) =>
    chainIn({ csrs: [], certificates, chain, other: [] }, csr.value, Date.now())?.length;
  t.is(at([]), 1);
  t.is(at(ders(authority.cert)), 1, 'a root is no part of the chain');
  t.is(at(ders(other.cert)), 1, 'the name of the root is the same');
  const stranger = await newAuthority(t, 'stranger');
  t.is(at(ders(stranger.cert)), undefined);
  t.is(at(ders(stranger.cert, authority.cert)), 1);
  t.is(at([Uint8Array.of(1, 2, 3)]), 1, 'garbage is no authority');
  t.is(at([], ders(other.cert)), undefined, 'another key');
  t.is(at([], ders((await authority.sign([HOST])).cert)), undefined, 'another key of the same name');
});

test('an hour passes between two looks, less where little is left of a short life', (t) => {
  t.is(interval(90 * DAY), HOUR);
  t.is(interval(DAY), HOUR);
  t.is(interval(12 * HOUR), HOUR / 2);
  t.is(interval(-DAY), 10_000);
});

/** A certificate that lasts so long from now on. */
const lasting = async (clock: VirtualClock, days: number): Promise<Obtained> => {
  const { makeKey } = await import('@zonewright/letsencrypt/key');
  const key = await makeKey('p256');
  if (!key.ok) throw new Error(key.fault.what);
  const notBefore = new Date(clock.wall());
  const certificate = parseCertificate(
    await selfSigned({ key: key.value, hosts: [HOST], addresses: [], notBefore, days }),
  );
  if (!certificate.ok) throw new Error(certificate.fault.what);
  return { outcome: 'kept', chain: [certificate.value] };
};

test('a newer certificate is due when two thirds of a life are over, be it of 90 days or of 6', async (t) => {
  const clock = new VirtualClock();
  for (const days of [90, 6]) {
    const [certificate] = (await lasting(clock, days)).chain;
    t.false(isDue(certificate!, clock.wall() + (days * DAY * 2) / 3 - 1));
    t.true(isDue(certificate!, clock.wall() + (days * DAY * 2) / 3));
  }
});

test('a keeper never stops for a fault: it tries again ever more rarely, and as before once all is well', async (t) => {
  const clock = new VirtualClock();
  const good = await lasting(clock, 90);
  const events: RoundEvent[] = [];
  let outcome: () => Promise<Result<Obtained, Fault>> = async () => fail({ kind: 'unreachable', what: 'away' });
  const keeper = new Keeper({
    run: () => outcome(),
    onRound: (event) => void events.push(event),
    clock,
    random: () => 0.999,
  });
  keeper.start();
  await clock.advance(6 * HOUR);
  const pauses = events.map(({ pause }) => Math.round(pause / 1000));
  t.deepEqual(pauses.slice(0, 7), [30, 60, 120, 240, 480, 960, 1919]);
  t.true(pauses.slice(7).every((pause) => pause > 3500 && pause <= 3600));
  outcome = () => Promise.reject(new Error('a bug'));
  await clock.advance(HOUR);
  t.like(events.at(-1), { kind: 'fault', fault: { what: 'a bug' } });
  outcome = async () => ok(good);
  await clock.advance(2 * HOUR);
  t.like(events.at(-1), { kind: 'round', outcome: 'kept' });
  outcome = async () => fail({ kind: 'unreachable', what: 'away' });
  await clock.advance(HOUR);
  t.true(
    events.some(({ kind, pause }, i) => kind === 'fault' && i > 8 && pause < MINUTE),
    'it begins anew',
  );
  await keeper.stop();
  const before = events.length;
  await clock.advance(DAY);
  t.is(events.length, before);
  t.is(clock.alarms, 0);
});

test('who asks a keeper again while a round is under way gets another one, and only one', async (t) => {
  const clock = new VirtualClock();
  const good = await lasting(clock, 90);
  let runs = 0;
  let finish: () => void = () => undefined;
  const keeper = new Keeper({
    run: async () => {
      runs++;
      await new Promise<void>((done) => {
        finish = done;
      });
      return ok(good);
    },
    onRound: () => undefined,
    clock,
  });
  keeper.start();
  await clock.advance(0);
  for (let i = 0; i < 5; i++) keeper.start();
  finish();
  await clock.advance(0);
  t.is(runs, 2);
  finish();
  await clock.advance(0);
  t.is(runs, 2);
  await keeper.stop();
});

test('a request that is refused is not waited for, unless it is tried again in time', (t) => {
  const now = Date.UTC(2026, 10, 22, 3, 42, 7);
  t.true(isFinal({ state: 'refused' }, now));
  t.true(isFinal({ state: 'unclear', reason: 'several' }, now));
  t.true(isFinal({ state: 'refused', next: now + 1 }, now));
  t.false(isFinal({ state: 'refused', next: now }, now));
  t.false(isFinal({ state: 'waiting', next: now + DAY }, now));
  t.is(
    printStatus({ state: 'waiting', reason: 'the CA is away', next: now }),
    'waiting: the CA is away; next try at 2026-11-22T03:42:07Z',
  );
  t.is(printStatus({ state: 'ordered' }), 'ordered');
});

test('what a service wishes for is read as the command line is', (t) => {
  const wish = { server: '192.0.2.1', hostname: 'WWW.certified.test.', folder: '/var/lib/www' };
  const request = certificateRequest({ ...wish, additional: ['*.www.certified.test', HOST] });
  t.like(request, { ok: true });
  if (!request.ok) return;
  t.deepEqual(request.value.hosts, [HOST, `*.${HOST}`]);
  t.is(request.value.keyFile, `/var/lib/www/${HOST}.key`);
  t.like(certificateRequest({ ...wish, hostname: `*.${HOST}` }), { ok: false, fault: { kind: 'usage' } });
  t.like(certificateRequest({ ...wish, additional: ['192.0.2.1'] }), { ok: false, fault: { kind: 'usage' } });
  t.like(certificateRequest({ ...wish, dnsKey: '@/nowhere/key' }), { ok: false, fault: { kind: 'usage' } });
});

test('a deploy hook that does not end is ended, and one that cannot be run is a fault', async (t) => {
  const request = certificateRequest({ server: '192.0.2.1', hostname: HOST, folder: '/var/lib/www' });
  if (!request.ok) throw new Error(request.fault.what);
  // What the shell has started ends with it: it would hold the output open.
  const slow = await hookOf('sleep 60 & wait', request.value, 100)();
  t.like(slow, { ok: false, fault: { kind: 'hook' } });
  t.regex(slow.ok ? '' : slow.fault.what, /was ended by SIGTERM \(it took more than 0\.1 s\)/);
  const missing = await hookOf('/nowhere/hook', request.value)();
  t.like(missing, { ok: false, fault: { what: 'the deploy hook cannot be run: ENOENT' } });
  t.like(await hookOf('/bin/true', request.value)(), { ok: true });
  const stopped = await hookOf('/bin/true', request.value)(AbortSignal.abort());
  t.like(stopped, { ok: false, fault: { kind: 'hook' } });
});
