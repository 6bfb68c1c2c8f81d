/** The options of DNS over TLS: what they come to, what cannot work together, and files that change under a running process. */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok } from '@zonewright/common/result';
import type { Clock } from '@zonewright/common/service/clock';
import { type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { TlsExpiry } from '@zonewright/common/service/tls-expiry';
import { TlsFiles } from '@zonewright/common/service/tls-files';
import { type PrimaryTls, parsePrimaryTls, primaryTlsOf, tlsListeningOf } from '@zonewright/common/service/tls-options';
import anyTest from 'ava';
import { newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const test = testWith(anyTest, ['openssl']);
const PIN = Buffer.alloc(32, 7);
const PLAIN = {
  primaryTls: [] as readonly PrimaryTls[],
  primaryName: undefined,
  primaryTlsPort: 853,
  tlsClientCert: undefined,
  tlsClientKey: undefined,
};
const NO_TLS = { tlsCert: undefined, tlsKey: undefined, tlsPort: 853, tlsClientCa: undefined };
const faultOf = (result: { ok: boolean; fault?: { kind: string; what: string } }): string =>
  result.fault === undefined ? 'ok' : `${result.fault.kind}: ${result.fault.what}`;

anyTest('how primaries are reached is read from words, and a pin from base64 or hexadecimal digits', (t) => {
  const pin = { kind: 'pin', pin: PIN.toString('base64') } as const;
  t.deepEqual(parsePrimaryTls(`pin:${PIN.toString('base64')}`), ok(pin));
  t.deepEqual(parsePrimaryTls(`pin:${PIN.toString('hex')}`), ok(pin));
  t.deepEqual(parsePrimaryTls('ca'), ok({ kind: 'ca' } as const));
  t.deepEqual(parsePrimaryTls('ca:/etc/ssl/own.pem'), ok({ kind: 'ca', file: '/etc/ssl/own.pem' } as const));
  t.deepEqual(parsePrimaryTls('none'), ok({ kind: 'none' } as const));
  for (const text of ['', 'any', 'tls', 'pin', 'pin:', 'pin:abc', 'ca:', 'none:x', `pin:${PIN.toString('base64')}AAAA`])
    t.false(parsePrimaryTls(text).ok, text);
});

test('a pin alone, without any file, is TLS and not plain', async (t) => {
  const primaryTls = [{ kind: 'pin', pin: 'x' }] as const;
  const client = given(await primaryTlsOf({ ...PLAIN, primaryTls }, SILENT_LOG));
  t.deepEqual(client?.value.trust, { pins: ['x'] });
  client?.close();
  t.is(given(await primaryTlsOf(PLAIN, SILENT_LOG)), undefined);
  t.is(given(await primaryTlsOf({ ...PLAIN, primaryTls: [{ kind: 'none' }] }, SILENT_LOG)), undefined);
});

test('options of TLS that cannot work together are a wrong command line', async (t) => {
  const ca = await newAuthority(t);
  const pin = { kind: 'pin', pin: 'x' } as const;
  const towards = async (changes: object): Promise<string> =>
    faultOf(await primaryTlsOf({ ...PLAIN, ...changes }, SILENT_LOG));
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ primaryTls: [pin, { kind: 'none' }] }, /^usage: --primary-tls none stands beside/],
    [{ primaryTls: [{ kind: 'ca' }, { kind: 'ca', file: ca.cert }] }, /^usage: --primary-tls ca stands there twice/],
    [{ primaryTls: [pin], tlsClientCert: ca.cert }, /^usage: --tls-client-cert and --tls-client-key/],
    [{ primaryName: 'ns.example' }, /^usage: --primary-name and/],
    [{ tlsClientCert: ca.cert, tlsClientKey: ca.key }, /^usage: --primary-name and --tls-client-cert are for TLS/],
    [
      { primaryTls: [pin], primaryName: 'ns.example' },
      /^usage: --primary-name is looked at with --primary-tls ca alone/,
    ],
    [
      { primaryTls: [{ kind: 'ca', file: '/nowhere.pem' }] },
      /^usage: cannot read \/nowhere\.pem of --primary-tls: there is no such file$/,
    ],
    [{ primaryTls: [pin], tlsClientCert: ca.key, tlsClientKey: ca.cert }, /^usage: the certificates cannot be used/],
  ];
  for (const [changes, what] of cases) t.regex(await towards(changes), what);

  const { key } = await ca.sign(['ns.example']);
  t.is(
    await towards({ primaryTls: [pin], tlsClientCert: ca.cert, tlsClientKey: key }),
    'usage: --tls-client-key is not the key of --tls-client-cert',
  );
  const listening = async (changes: object): Promise<string> =>
    faultOf(await tlsListeningOf({ ...NO_TLS, ...changes }, SILENT_LOG));
  t.is(await listening({}), 'ok');
  t.regex(await listening({ tlsCert: ca.cert }), /^usage: --tls-cert and --tls-key are one without the other/);
  t.regex(await listening({ tlsClientCa: ca.cert }), /^usage: --tls-client-ca is for a server that speaks TLS/);
  t.regex(
    await listening({ tlsCert: ca.cert, tlsKey: '/nowhere.key' }),
    /^usage: cannot read \/nowhere\.key of --tls-key: there is no such file$/,
  );
  t.is(await listening({ tlsCert: ca.cert, tlsKey: key }), 'usage: --tls-key is not the key of --tls-cert');
  t.regex(await listening({ tlsCert: ca.cert, tlsKey: ca.cert }), /^usage: the certificate and its key cannot be used/);
});

test('files are read again when they change, what is broken is told once, and what was in force stays', async (t) => {
  const ca = await newAuthority(t);
  const next = await ca.sign(['ns.example']);
  const path = join(temporaryFolder(t, 'files'), 'cert.pem');
  copyFileSync(ca.cert, path);
  const alarms: (() => void)[] = [];
  const after = (_: number, call: () => void): (() => void) => {
    alarms.push(call);
    return () => undefined;
  };
  const clock: Clock = { now: () => 0, wall: () => 0, after };
  const events: string[] = [];
  const log: Log = {
    ...SILENT_LOG,
    info: (event) => void events.push(event),
    error: (event) => void events.push(event),
  };
  const used: number[] = [];
  let isBroken = false;
  const files = given(
    await TlsFiles.open({
      paths: { cert: path },
      options: { cert: '--tls-cert' },
      use: ({ cert }) => {
        if (isBroken) return fail({ kind: 'tls', what: 'broken' });
        used.push(cert!.length);
        return ok(undefined);
      },
      log,
      clock,
    }),
  );
  const look = async (): Promise<void> => {
    const count = alarms.length;
    alarms.at(-1)!();
    await until(() => alarms.length > count, { what: 'it has looked' });
  };
  await look();
  t.is(used.length, 1, 'nothing has changed');
  copyFileSync(next.cert, path);
  await look();
  t.is(used.length, 2);
  isBroken = true;
  copyFileSync(ca.cert, path);
  await look();
  await look();
  rmSync(path);
  await files.renew();
  copyFileSync(ca.cert, path);
  isBroken = false;
  await look();
  t.is(used.length, 3);
  t.deepEqual(events, ['tls.renewed', 'tls.failed', 'tls.failed', 'tls.renewed']);
  files.close();
});

const DAY = 86_400_000;

anyTest(
  'a certificate that is served is told of once a day from seven days before its end, and not any more once renewed',
  async (t) => {
    const clock = new VirtualClock();
    const told: string[] = [];
    const log: Log = { ...SILENT_LOG, warn: (event, _, what) => void told.push(`${event} ${what}`) };
    const expiry = new TlsExpiry(clock.wall() + 8.5 * DAY, 'cert.pem', log, clock);
    t.is(expiry.left, 8.5 * 86_400);
    await clock.advance(DAY);
    t.deepEqual(told, []);
    await clock.advance(9 * DAY);
    const said = (when: string): string => `tls.expires the certificate that is served ${when}`;
    const days = [6, 5, 4, 3, 2, 1].map((count) => said(`expires in ${count} day(s)`));
    t.deepEqual(told, [...days, said('expires within a day'), said('has expired'), said('has expired')]);
    t.is(expiry.left, -1.5 * 86_400);
    expiry.renew(clock.wall() + 90 * DAY);
    await clock.advance(80 * DAY);
    t.is(told.length, 9);
    expiry.renew(clock.wall());
    t.is(told.length, 10, 'what has expired is taken, and told at once');
    expiry.close();
    t.is(clock.alarms, 0);
  },
);

test('a server that is given an expired certificate serves it and says so, at the start and when it is renewed', async (t) => {
  const ca = await newAuthority(t);
  const [old, good] = [await ca.sign(['ns.example'], -1), await ca.sign(['ns.example'])];
  const folder = temporaryFolder(t, 'files');
  const paths = { tlsCert: join(folder, 'cert.pem'), tlsKey: join(folder, 'key.pem') };
  const put = ({ cert, key }: { cert: string; key: string }): void => {
    copyFileSync(cert, paths.tlsCert);
    copyFileSync(key, paths.tlsKey);
  };
  const told: string[] = [];
  const log: Log = {
    ...SILENT_LOG,
    warn: (event, fields, what) => void told.push(`${event} ${fields?.file} ${what}`),
  };
  const expired = `tls.expires ${paths.tlsCert} the certificate that is served has expired`;
  put(old);
  const served = given(await tlsListeningOf({ ...NO_TLS, ...paths }, log))!;
  t.teardown(() => served.close());
  t.deepEqual(told, [expired]);
  t.true(served.expiry.left < 0);
  put(good);
  await served.renew();
  t.true(served.expiry.left > 29 * 86_400);
  t.deepEqual(told, [expired]);
  put(old);
  await served.renew();
  t.deepEqual(told, [expired, expired]);
});
