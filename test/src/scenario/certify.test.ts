/**
 * `certify` against a primary of ours, with the test in the place of the ACME secondary: what it says while it waits, when it fetches
 * a newer certificate, hooks, and the daemon. With a real CA there is the service that docs/certificates.md shows; more of that is in
 * letsencrypt.test.ts.
 */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Answering, REAL_ORIGIN, startAnswering } from '../support/answered.ts';
import { testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { startPebble } from '../support/pebble.ts';
import { freePort } from '../support/ports.ts';
import { run, startProgram } from '../support/process.ts';
import { secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { root } from '../support/zonewright.ts';

const secrecy = secrecyOf(test);
const owner = forFile(test);
const real = testWith(test, ['git', 'dig', 'nsupdate']);

let server: Promise<Answering> | undefined;
/** One for all tests of the file, started by the first. */
const answering = (): Promise<Answering> => {
  server ??= startAnswering(owner, secrecy);
  return server;
};

real('while it waits, certify says what is said beside its request', async (t) => {
  const { primary, host: hostOf } = await answering();
  const host = hostOf(t, 'waits');
  await host.update(
    `add _letsencrypt._tcp.${host.hostname} 60 TXT "status=refused reason=\\"what was asked before\\""`,
  );
  const certify = await host.begin('--wait', '60');
  await certify.waitForLine('waiting up to 60 s');
  t.deepEqual(await host.records(), ['3 255 0']);
  await host.say('status=ordered');
  await certify.waitForLine(/^ordered$/);
  await host.say('v=spf1 -all');
  await host.say(
    'status=waiting reason="the CA is away" next=2036-11-22T03:42:07Z failures=1 request=0123456789abcdef',
  );
  await host.say('status=waiting reason="the CA is away" next=2036-11-22T03:42:07Z failures=1');
  await certify.waitForLine('waiting: the CA is away; next try at 2036-11-22T03:42:07Z');
  await host.issue(90);
  const { code } = await certify.ended;
  t.is(code, 0, certify.text());
  t.false(certify.text().includes('what was asked before'));
  t.is(certify.lines.filter(({ text }) => text.includes('the CA is away')).length, 1, 'each is said once');
  t.regex(certify.text(), /holds a certificate for waits\.certified\.test until \S+$/m);
  const registered = primary.service.lines.filter(({ text }) => /secondary\.registered.*client\._update/.test(text));
  t.deepEqual(registered, [], 'who asks for a certificate is no secondary');
  for (const ending of ['.key', '.req']) t.is(statSync(host.path(ending)).mode & 0o777, 0o600);
});

real(
  'a request that is refused ends certify at once, with 4 and the reason; one that may yet be met does not',
  async (t) => {
    const host = (await answering()).host(t, 'refused');
    t.is((await host.certify(['--wait', '0'])).code, 3);
    await host.say('status=refused reason="CAA of certified.test allows other CAs" next=2036-11-22T03:42:07Z');
    const refused = await host.certify(['--wait', '60']);
    t.is(refused.code, 4, refused.stderr);
    t.regex(refused.stderr, /refused: CAA of certified\.test allows other CAs; next try at 2036/);
    await host.say('status=waiting reason="the CA is away"');
    const late = await host.certify(['--wait', '1']);
    t.is(late.code, 3);
    t.regex(late.stderr, /no certificate at \S+ after 1 s: waiting: the CA is away/);
  },
);

real('a good certificate leaves nothing to do, also while the server is away; a newer one is fetched', async (t) => {
  const host = (await answering()).host(t, 'good');
  await host.certify(['--wait', '0']);
  await host.issue(90, 1);
  const first = await host.certify([], { isKeyless: true });
  t.is(first.code, 0, first.stderr);
  const pem = readFileSync(host.path('.pem'), 'utf8');
  const away = await host.certify([], { port: await freePort() });
  t.is(away.code, 0, away.stderr);
  t.regex(away.stderr, /it is not known whether there is a newer certificate/);
  t.regex(away.stdout, /nothing to do/);
  const same = await host.certify([], { isKeyless: true });
  t.is(same.stderr, '');
  t.regex(same.stdout, /nothing to do/);
  // Lifetimes shrink: what is newer ends sooner.
  await host.issue(45);
  const newer = await host.certify([], { isKeyless: true });
  t.is(newer.code, 0);
  t.regex(newer.stderr, /found a newer certificate/);
  t.not(readFileSync(host.path('.pem'), 'utf8'), pem);
});

real('a certificate that nobody renews has its request posted again in the last third of its life', async (t) => {
  const host = (await answering()).host(t, 'late');
  await host.certify(['--wait', '0']);
  await host.issue(90, 70);
  t.is((await host.certify()).code, 0);
  await host.update(`delete _letsencrypt._tcp.${host.hostname} TLSA`);
  const again = await host.certify();
  t.is(again.code, 0, again.stderr);
  t.regex(again.stdout, /nothing to do/);
  t.deepEqual(await host.records(), ['3 255 0']);
  await host.say('status=waiting reason="the CA is away"');
  t.regex((await host.certify()).stderr, /time for a newer certificate: waiting: the CA is away/);
});

real('a request of another server for the same key and names is left in its place', async (t) => {
  const host = (await answering()).host(t, 'copied');
  await host.certify(['--wait', '0']);
  rmSync(host.path('.req'));
  const copied = await host.certify(['--wait', '0']);
  t.regex(copied.stderr, /the signing request is already at/);
});

real('the deploy hook runs with each new certificate until it succeeds, without any key of ours', async (t) => {
  const host = (await answering()).host(t, 'hook');
  const hook = ['--deploy-hook', 'env > hook.env; date >> hook.runs; test -e ready'];
  const runs = (): number => readFileSync(join(host.folder, 'hook.runs'), 'utf8').trim().split('\n').length;
  await host.certify(['--wait', '0', ...hook]);
  t.false(existsSync(join(host.folder, 'hook.runs')));
  await host.issue(90);
  const failed = await host.certify(hook);
  t.is(failed.code, 1, failed.stderr);
  t.regex(failed.stderr, /the deploy hook ended with 1/);
  t.true(existsSync(host.path('.pem.undeployed')));
  writeFileSync(join(host.folder, 'ready'), '');
  t.is((await host.certify(hook)).code, 0);
  t.is((await host.certify(hook)).code, 0);
  t.is(runs(), 2);
  t.false(existsSync(host.path('.pem.undeployed')));
  const env = readFileSync(join(host.folder, 'hook.env'), 'utf8');
  t.notRegex(env, /^ZONEWRIGHT_/m);
  t.true(env.includes(`CERTIFY_CERTIFICATE=${host.path('.pem')}\n`));
  t.true(env.includes(`CERTIFY_KEY=${host.path('.key')}\n`));
  t.true(env.includes(`CERTIFY_HOSTS=${host.hostname}\n`));
  secrecy.look(env);
});

real('the daemon keeps the certificate renewed, whatever happens, and stops when it is told to', async (t) => {
  const host = (await answering()).host(t, 'daemon');
  const daemon = await host.begin('--daemon', '--deploy-hook', 'echo taken >> taken');
  await daemon.waitForEvent('ready');
  await daemon.waitForEvent('certificate.progress', { message: 'waiting up to 300 s for the certificate' });
  await host.issue(30);
  const first = await daemon.waitForEvent('certificate.fetched', { host: host.hostname });

  await host.issue(60);
  daemon.signal('SIGHUP');
  const from = daemon.lines.length;
  const second = await daemon.waitForEvent('certificate.fetched', {}, { from });
  t.true(String(second.until) > String(first.until));

  const csr = readFileSync(host.path('.req'));
  writeFileSync(host.path('.req'), 'spoiled');
  daemon.signal('SIGHUP');
  const failed = await daemon.waitForEvent('certificate.failed', { fault: 'csr' });
  t.true(Date.parse(String(failed.retry)) > Date.now());
  writeFileSync(host.path('.req'), csr);
  await host.issue(90);
  const later = daemon.lines.length;
  daemon.signal('SIGHUP');
  await daemon.waitForEvent('certificate.fetched', {}, { from: later });
  await until(() => readFileSync(join(host.folder, 'taken'), 'utf8'), {
    what: 'the hook has run three times',
    holds: (text) => text === 'taken\n'.repeat(3),
  });
  const { code } = await daemon.stop();
  t.is(code, 0, daemon.text());
  secrecy.look(daemon.text());
});

real('a daemon that waits, or runs a hook, stops at once', async (t) => {
  const host = (await answering()).host(t, 'stops');
  const waiting = await host.begin('--daemon');
  await waiting.waitForEvent('certificate.progress', { message: 'waiting up to 300 s for the certificate' });
  t.is((await waiting.stop('SIGTERM', 8_000)).code, 0, waiting.text());
  await host.issue(90);
  const hooked = await host.begin('--daemon', '--deploy-hook', 'exec sleep 300');
  await hooked.waitForEvent('certificate.progress', { message: 'running the deploy hook' });
  t.is((await hooked.stop('SIGTERM', 8_000)).code, 0, hooked.text());
  t.true(existsSync(host.path('.pem.undeployed')), 'it is run again next time');
});

const withCa = testWith(test, ['git', 'dig', 'pebble', 'openssl']);

withCa('the service of the documentation gets its certificate from a real CA, and clients trust it', async (t) => {
  const { primary, acme, key } = await answering();
  const pebble = await startPebble(t, { dnsServer: `${primary.address}:${primary.port}` });
  const peers = ['--dns-server', primary.address, '--port', `${primary.port}`, '--directory', pebble.directory];
  const account = ['--ca-file', pebble.caFile, '--account-key-seed', 'a seed for tests'];
  await secrecy.start(t, 'letsencrypt', [...peers, ...account], { env: { ZONEWRIGHT_DNS_KEY: acme } });

  const folder = temporaryFolder(t, 'certify');
  const hostname = `www.${REAL_ORIGIN}`;
  const port = await freePort();
  writeFileSync(join(folder, 'dns.key'), `${key}\n`, { mode: 0o600 });
  const page = readFileSync(join(root, 'docs', 'certificates.md'), 'utf8');
  const code = /^```js\n([\s\S]+?)^```$/m.exec(page)![1]!;
  const changed = [
    ['10.0.42.2', `${primary.address}:${primary.port}`],
    ['/etc/certify/dns.key', join(folder, 'dns.key')],
    ['www.example.com', hostname],
    ['/var/lib/www', folder],
    ['443', `${port}, () => console.log('listening')`],
  ] as const;
  const ours = changed.reduce((text, [from, to]) => text.replace(from, to), code);
  const service = await startProgram(t, process.execPath, ['--input-type=module', '-e', ours], { cwd: root });
  await service.waitForLine('listening', { timeout: 60_000 });
  secrecy.look(service.text());

  writeFileSync(join(folder, 'root.pem'), await pebble.root());
  const trust = ['-CAfile', join(folder, 'root.pem'), '-verify_return_error'];
  const named = ['-servername', hostname, '-verify_hostname', hostname];
  const shaken = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-brief', ...trust, ...named]);
  t.is(shaken.code, 0, shaken.stderr);
  t.regex(shaken.stderr, /Verification: OK/);
  const file = join(folder, `${hostname}.pem`);
  const verified = await run('openssl', ['verify', ...trust.slice(0, 2), '-untrusted', file, file]);
  t.is(verified.code, 0, verified.stderr);
});
