/** The options of DNS over TLS: what they come to, what cannot work together, and files that change under a running process. */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fail, ok } from '@zonewright/common/result';
import type { Clock } from '@zonewright/common/service/clock';
import { type Log, SILENT_LOG } from '@zonewright/common/service/log';
import { TlsFiles } from '@zonewright/common/service/tls-files';
import { type PrimaryTls, parsePrimaryTls, primaryTlsOf, tlsListeningOf } from '@zonewright/common/service/tls-options';
import anyTest from 'ava';
import { newAuthority } from '../support/certificates.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { until } from '../support/until.ts';

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
  const towards = async (changes: Partial<typeof PLAIN>): Promise<string> =>
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
    [{ primaryTls: [{ kind: 'ca', file: '/nowhere.pem' }] }, /^usage: cannot read \/nowhere\.pem/],
    [{ primaryTls: [pin], tlsClientCert: ca.key, tlsClientKey: ca.cert }, /^usage: the certificates cannot be used/],
  ];
  for (const [changes, what] of cases) t.regex(await towards(changes), what);

  const listening = async (changes: object): Promise<string> =>
    faultOf(await tlsListeningOf({ ...NO_TLS, ...changes }, SILENT_LOG));
  t.is(await listening({}), 'ok');
  t.regex(await listening({ tlsCert: ca.cert }), /^usage: --tls-cert and --tls-key are one without the other/);
  t.regex(await listening({ tlsClientCa: ca.cert }), /^usage: --tls-client-ca is for a server that speaks TLS/);
  t.regex(await listening({ tlsCert: ca.cert, tlsKey: '/nowhere.key' }), /^usage: cannot read \/nowhere\.key/);
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
