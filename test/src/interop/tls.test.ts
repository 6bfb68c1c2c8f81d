/**
 * DNS over TLS and transfers over TLS (RFC 7858, RFC 9103) with others: dig and kdig as clients, BIND, Knot and NSD as secondaries, and our
 * own primary and secondary, with keys that demand it. Others as primaries are in `tls-secondary.test.ts`.
 *
 * The others listen on 127.0.0.1, so ours is at 127.0.0.2.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import type { Certificate } from '../support/certificates.ts';
import { dig, type KeyText, keyParts } from '../support/dig.ts';
import { FOLLOWER, startFollower } from '../support/followers.ts';
import { zonewright } from '../support/in-process.ts';
import { testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { run } from '../support/process.ts';
import { makeRepository } from '../support/repository.ts';
import { type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { bulk, certificatesOf, OURS, ZONE } from '../support/secure.ts';
import { until } from '../support/until.ts';

type Test = ExecutionContext<unknown>;

const secrecy = secrecyOf(anyTest);
const certificates = certificatesOf(forFile(anyTest));

interface Secure {
  readonly primary: Scene;
  readonly port: number;
  readonly tlsPort: number;
  readonly admin: KeyText;
  readonly key: KeyText;
  /** For a hidden secondary. */
  readonly hidden: KeyText;
}

/** Our primary with TLS; its transfer key demands a transport. */
const startSecure = async (
  t: Test,
  demand: string,
  follower: string,
  more: readonly string[] = [],
): Promise<Secure> => {
  const { own } = await certificates();
  const admin = secrecy.newKey('admin._update');
  const key = secrecy.newKey(`${OURS}.${follower}._transfer.${ZONE}`);
  const hidden = secrecy.newKey(`x.${OURS}._transfer.${ZONE}`);
  const limits = ` TXT "transport=${demand}"\n`;
  const repository = await makeRepository(t, {
    _keys: `${keyLine(admin)}${keyLine(key)}${limits}${keyLine(hidden)}${limits}`,
    [ZONE]: zoneText(1, bulk()),
  });
  const port = await freePort(OURS, follower);
  const tlsPort = await freePort(OURS, follower);
  const tls = ['--tls-cert', own.cert, '--tls-key', own.key, '--tls-port', `${tlsPort}`, ...more];
  const flags = ['--remote', repository.path, ...tls];
  const primary = await startScene(t, secrecy, 'primary', flags, { address: OURS, port });
  return { primary, port, tlsPort, admin, key, hidden };
};

/** What dig got of a server by plain queries: enough to tell that it has this version. */
const isLevel = async (secure: Secure, follower: string, ...more: readonly string[]): Promise<void> => {
  const serial = await secure.primary.serial(ZONE);
  const args = [ZONE, 'SOA', ...more];
  const soa = async (): Promise<string | undefined> =>
    (await dig({ server: follower, port: secure.port, args })).answer[0]?.data.split(' ')[2];
  await until(soa, { what: `${follower} has serial ${serial}`, holds: (it) => it === `${serial}` });
};

const update = async (t: Test, { primary, admin }: Secure, ...commands: readonly string[]): Promise<void> => {
  const { code, text } = await primary.update(admin, `zone ${ZONE}`, ...commands);
  t.is(code, 0, text);
};

const forms = ({ service }: Scene): string[] =>
  service.lines.flatMap(({ text }) => /"transfer\.out".*"form":"(\w+)"/.exec(text)?.[1] ?? []);

testWith(anyTest, ['git', 'dig', 'kdig', 'openssl']).serial(
  'dig and kdig ask over TLS, transfer over TLS, and check who it is',
  async (t) => {
    const secure = await startSecure(t, 'tls', FOLLOWER);
    const { ca, other, own } = await certificates();
    const { tlsPort, key, port } = secure;
    const asked = async (...args: readonly string[]) =>
      dig({ server: OURS, port: tlsPort, args: ['+tls', ...args], key, owner: t });
    const answer = await asked(`host7.${ZONE}`, 'A', `+tls-ca=${ca.cert}`, '+tls-hostname=ns.mirage');
    t.deepEqual([answer.status, answer.answer[0]?.data], ['NOERROR', '10.1.0.7'], answer.text);
    const whole = await asked(ZONE, 'AXFR', `+tls-ca=${ca.cert}`, '+tls-hostname=ns.mirage');
    t.true((whole.transfer?.messages ?? 0) > 8, whole.text.slice(0, 300));
    t.true(whole.isVerified);
    t.is((await asked(ZONE, 'SOA', `+tls-ca=${other.cert}`)).status, 'NO REPLY');
    const plain = await dig({ server: OURS, port, args: [ZONE, 'AXFR'], key, owner: t });
    t.is(plain.status, 'TRANSFER FAILED');

    const { name, algorithm, secret } = keyParts(key);
    const keyArgument = `${algorithm}:${name}:${secret}`;
    const kdig = async (...args: readonly string[]) =>
      run('kdig', [`@${OURS}`, '-p', `${tlsPort}`, '+tls', '+retry=0', '-y', keyArgument, ...args]);
    const pinned = await kdig(`+tls-pin=${own.pin}`, '+padding', `host7.${ZONE}`, 'A', '-d');
    t.regex(pinned.stdout, /10\.1\.0\.7/, pinned.stdout + pinned.stderr);
    t.regex(pinned.stdout + pinned.stderr, /TLS1\.3|TLS session \(TLS1\.3\)/);
    t.regex(pinned.stdout, /PADDING/);
    const checked = await kdig(`+tls-ca=${ca.cert}`, '+tls-hostname=ns.mirage', ZONE, 'AXFR');
    t.regex(checked.stdout, /host1499\.mirage/, checked.stderr);
    const wrong = await kdig(`+tls-pin=${other.pin}`, ZONE, 'SOA');
    t.notRegex(wrong.stdout, /NOERROR/);
  },
);

for (const name of ['named', 'knotd-3.4', 'nsd'] as const)
  for (const demand of ['tls', 'mtls'] as const)
    testWith(anyTest, [name, 'git', 'dig', 'nsupdate', 'openssl']).serial(
      `${name} takes our zone over TLS, whole and by differences, with a key for transport=${demand}`,
      async (t) => {
        const { ca, own, client } = await certificates();
        const more = demand === 'mtls' ? ['--tls-client-ca', ca.cert] : [];
        const secure = await startSecure(t, demand, FOLLOWER, more);
        const { port, tlsPort, key, primary } = secure;
        const shown = demand === 'mtls' ? { client } : {};
        const tls = { port: tlsPort, ca: ca.cert, name: 'ns.mirage', pin: own.pin, ...shown };
        await startFollower[name](t, { zones: [{ zone: ZONE, key }], primary: OURS, port, tls });
        await isLevel(secure, FOLLOWER);
        await update(t, secure, `add new.${ZONE} 60 A 192.0.2.7`, `del host7.${ZONE}`);
        await isLevel(secure, FOLLOWER);
        t.is((await dig({ server: FOLLOWER, port, args: [`new.${ZONE}`, 'A'] })).answer[0]?.data, '192.0.2.7');
        const sent = await until(() => forms(primary), {
          what: 'the difference is told as well: that comes some time after it has arrived',
          holds: ({ length }) => length > 1,
        });
        t.regex(sent.join(' '), /^AXFR( IXFR)+$/);
      },
    );

/** Who gets no zone, with a key that demands `tls` or `mtls`. Knot always shows a certificate: one that it has made, unless it has another. */
const refused = [
  ['named', 'mtls', 'tls', 'without a client certificate', { reason: 'denied' }],
  ['knotd-3.4', 'mtls', 'tls', 'with a certificate of no authority', { reason: 'denied' }],
  ['knotd-3.4', 'tls', 'plain', 'over TCP', { reason: 'denied', message: 'transfers with this key need TLS' }],
] as const;

for (const [name, demand, way, how, event] of refused)
  testWith(anyTest, [name, 'git', 'dig', 'openssl']).serial(
    `${name} ${how} gets no zone of a key for transport=${demand}`,
    async (t) => {
      const { ca, own } = await certificates();
      const secure = await startSecure(t, demand, FOLLOWER, demand === 'mtls' ? ['--tls-client-ca', ca.cert] : []);
      const { port, tlsPort, key, primary } = secure;
      const tls = way === 'tls' && { tls: { port: tlsPort, ca: ca.cert, name: 'ns.mirage', pin: own.pin } };
      await startFollower[name](t, { zones: [{ zone: ZONE, key }], primary: OURS, port, ...tls });
      await primary.service.waitForEvent('request.refused', event);
      t.deepEqual(forms(primary), []);
    },
  );

testWith(anyTest, ['knotd-3.4', 'git', 'dig', 'openssl']).serial(
  'knotd-3.4 takes nothing from a primary whose certificate has another pin',
  async (t) => {
    const { ca, other } = await certificates();
    const secure = await startSecure(t, 'tls', FOLLOWER);
    const { port, tlsPort, key, primary } = secure;
    const tls = { port: tlsPort, ca: ca.cert, name: 'ns.mirage', pin: other.pin };
    const knot = await startFollower['knotd-3.4'](t, { zones: [{ zone: ZONE, key }], primary: OURS, port, tls });
    await knot.waitForLine(/refresh, .*failed/);
    t.deepEqual(forms(primary), []);
  },
);

testWith(anyTest, ['git', 'dig', 'nsupdate', 'openssl']).serial(
  'our secondary follows our primary over TLS, known by address or hidden, and not without TLS',
  async (t) => {
    const { ca } = await certificates();
    const secure = await startSecure(t, 'tls', FOLLOWER);
    const { port, tlsPort, key, primary } = secure;
    const http = await freePort(FOLLOWER);
    const way = ['--primary-tls', `ca:${ca.cert}`, '--primary-tls-port', `${tlsPort}`];
    const flags = ['--keys', key, ...way, '--http', `${FOLLOWER}:${http}`];
    const secondary = await startScene(t, secrecy, 'secondary', flags, { address: FOLLOWER, port });
    await isLevel(secure, FOLLOWER, '+tcp');
    await secondary.service.waitForEvent('secondary.connected');
    const overUdp = async (): Promise<string | undefined> => {
      const metrics = await (await fetch(`http://${FOLLOWER}:${http}/metrics`)).text();
      return /^zonewright_udp_received_total \d+$/m.exec(metrics)?.[0];
    };
    const before = await overUdp();
    await update(t, secure, `add first.${ZONE} 60 A 192.0.2.1`);
    await isLevel(secure, FOLLOWER, '+tcp');
    t.is(await overUdp(), before, 'it is told over TLS, though its key names its address');
    t.truthy(before);
    const hiddenKey = secure.hidden;
    const hiddenFlags = ['--keys', hiddenKey, ...way];
    const elsewhere = { address: '127.0.0.3', port };
    const hidden = await startScene(t, secrecy, 'secondary', hiddenFlags, elsewhere);
    await isLevel(secure, elsewhere.address);
    for (let i = 0; i < 5; i++) await update(t, secure, `add u${i}.${ZONE} 60 A 192.0.2.${i}`);
    await isLevel(secure, FOLLOWER);
    t.is(await secondary.look(`u4.${ZONE}`), 'NOERROR 192.0.2.4');
    await isLevel(secure, elsewhere.address);
    t.is(await hidden.look(`u4.${ZONE}`), 'NOERROR 192.0.2.4');
    // It has a connection on which it waits, and one on which it asks: both are one secondary.
    const heard = (event: string): number =>
      primary.service.lines.filter(({ text }) => new RegExp(`"${event}".*"peer":"127\\.0\\.0\\.3:\\d+"`).test(text))
        .length;
    t.is(heard('secondary\\.registered'), 1);
    await until(() => heard('notify\\.acknowledged'), { what: 'what it acknowledges is told' });
    t.deepEqual(
      forms(primary).filter((form) => form === 'AXFR'),
      ['AXFR', 'AXFR'],
      'each got the whole zone once',
    );
    await secondary.service.stop();

    const plain = await startScene(t, secrecy, 'secondary', ['--keys', key], { address: FOLLOWER, port });
    const { what } = await plain.service.waitForEvent('refresh.failed', { zone: `${ZONE}.` });
    t.regex(String(what), /REFUSED|transfers with this key need TLS/);
    t.is(await plain.serial(ZONE), undefined);
    await plain.service.stop();
  },
);

testWith(anyTest, ['git', 'dig', 'openssl']).serial(
  'a certificate that is renewed is taken up, by HUP and by itself, and one that is broken is not',
  async (t) => {
    const { ca, own } = await certificates();
    const folder = temporaryFolder(t, 'renewed');
    const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const put = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>): void => {
      copyFileSync(cert, files.cert);
      copyFileSync(key, files.key);
    };
    put(own);
    const repository = await makeRepository(t, { [ZONE]: zoneText(1) });
    const port = await freePort(OURS);
    const tlsPort = await freePort(OURS);
    const flags = ['--remote', repository.path, '--tls-cert', files.cert, '--tls-key', `@${files.key}`];
    const { service } = await startScene(t, secrecy, 'primary', [...flags, '--tls-port', `${tlsPort}`], {
      address: OURS,
      port,
    });
    const isPinned = async (pin: string): Promise<boolean> => {
      const args = [`@${OURS}`, '-p', `${tlsPort}`, '+tls', `+tls-pin=${pin}`, '+retry=0', ZONE, 'SOA'];
      return /NOERROR/.test((await run('kdig', args)).stdout);
    };
    t.true(await isPinned(own.pin));
    const next = await ca.sign(['ns.mirage']);
    put(next);
    service.signal('SIGHUP');
    await service.waitForEvent('tls.renewed');
    t.true(await isPinned(next.pin));
    t.false(await isPinned(own.pin));
    const from = service.lines.length;
    copyFileSync(own.cert, files.cert);
    service.signal('SIGHUP');
    await service.waitForEvent('tls.failed', {}, { from });
    t.true(await isPinned(next.pin), 'what was in force stays');
    copyFileSync(own.key, files.key);
    await service.waitForEvent('tls.renewed', {}, { from });
    t.true(await isPinned(own.pin));
    t.notRegex(service.text(), /PRIVATE KEY/);
  },
);

testWith(anyTest, ['git', 'dig', 'openssl']).serial(
  'our tools ask, update and transfer over TLS, which a key may demand',
  async (t) => {
    const { ca, own } = await certificates();
    const key = secrecy.newKey(`admin._update.${ZONE}`);
    const repository = await makeRepository(t, {
      [`${ZONE}._keys`]: `${keyLine(key)} TXT "transport=tls"\n`,
      [ZONE]: zoneText(1),
    });
    const [port, tlsPort] = [await freePort(OURS), await freePort(OURS)];
    const tls = ['--tls-cert', own.cert, '--tls-key', own.key, '--tls-port', `${tlsPort}`];
    const primary = await startScene(t, secrecy, 'primary', ['--remote', repository.path, ...tls], {
      address: OURS,
      port,
    });
    const named = (address: string): readonly string[] => [key, `new.${ZONE}`, address];
    const plain = await zonewright('update', '--port', `${port}`, OURS, ...named('192.0.2.1'));
    t.is(plain.code, 4, plain.stderr);
    t.regex(plain.stderr, /REFUSED: updates of this key need TLS/);
    const secure = ['--port', `${tlsPort}`, '--tls', `ca:${ca.cert}`];
    const update = await zonewright('update', ...secure, OURS, ...named('192.0.2.2'));
    t.is(update.code, 0, update.stderr);
    t.is(await primary.look(`new.${ZONE}`), 'NOERROR 192.0.2.2');
    const wrong = await zonewright('query', ...secure, '--tls-name', 'other.example', OURS, ZONE, 'SOA');
    t.is(wrong.code, 3);
    t.regex(wrong.stderr, /its certificate is for another name/);
    const pinned = ['--port', `${tlsPort}`, '--tls', `pin:${own.pin}`];
    const whole = await zonewright('query', ...pinned, '--key', key, OURS, ZONE, 'AXFR');
    t.regex(whole.stdout, /new\.mirage\. .*192\.0\.2\.2/, whole.stderr);

    // Nobody answers the request; it stands there, or it does not.
    const folder = temporaryFolder(t);
    const files = ['key', 'csr', 'certificate'].flatMap((name) => [`--${name}`, join(folder, name)]);
    const certify = (...way: readonly string[]) =>
      zonewright('certify', '--wait', '0', '--dns-key', key, ...files, ...way, OURS, `new.${ZONE}`);
    const open = await certify('--port', `${port}`);
    t.is(open.code, 4, open.stderr);
    t.regex(open.stderr, /updates of this key need TLS/);
    const foreign = await certify('--port', `${tlsPort}`, '--tls', `pin:${ca.pin}`);
    t.is(foreign.code, 3);
    t.regex(foreign.stderr, /the pin of its key is/);
    t.is(await primary.look(`_letsencrypt._tcp.new.${ZONE}`, 'TLSA'), 'NXDOMAIN');
    const posted = await certify(...pinned);
    t.regex(posted.stderr, /no certificate at/);
    t.regex(await primary.look(`_letsencrypt._tcp.new.${ZONE}`, 'TLSA'), /^NOERROR 3 255 0 /);
  },
);
