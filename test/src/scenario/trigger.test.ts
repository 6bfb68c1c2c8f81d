/**
 * What makes a primary pull beside NOTIFY and HUP, and what it tells its operator of the remote: as whole programs, with commits that
 * nobody announces by DNS.
 */
import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { git, startGitDaemon, startHttpBackend } from '../support/git-peers.ts';
import { needed, testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository } from '../support/repository.ts';
import { PRIMARY, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { tool } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig']);
const testSsh = testWith(anyTest, ['git', 'dig', 'ssh-keygen']);
const admin = secrecy.newKey('admin._update');
const files = { _keys: keyLine(admin), mirage: zoneText(1, 'www A 192.0.2.1\n') };

const startPrimary = async (
  t: ExecutionContext<unknown>,
  remote: string,
  flags: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Scene> =>
  startScene(t, secrecy, 'primary', ['--remote', remote, ...flags], { port: await freePort(PRIMARY), env });

test.serial('a webhook makes a primary pull, and a storm of them costs one pull at a time', async (t) => {
  const repository = await makeRepository(t, files);
  let pulls = 0;
  let atOnce = 0;
  let most = 0;
  let isFailing = false;
  const peer = await startHttpBackend(repository.folder, {
    intercept: (request, response) => {
      if (request.url?.endsWith('/info/refs?service=git-upload-pack') !== true) return false;
      pulls++;
      most = Math.max(most, ++atOnce);
      response.once('close', () => atOnce--);
      if (isFailing) setTimeout(() => response.writeHead(503).end(), 500);
      return isFailing;
    },
  });
  t.teardown(() => peer.stop());
  const secret = randomBytes(24).toString('base64');
  const file = join(temporaryFolder(t, 'secret'), 'hook');
  writeFileSync(file, `${secret}\n`);
  const http = await freePort(PRIMARY);
  const remote = `http://127.0.0.1:${peer.port}/zones.git`;
  const primary = await startPrimary(t, remote, ['--http', `${http}`], { ZONEWRIGHT_HOOK_SECRET: `@${file}` });
  const hook = async (ref: string, key = secret): Promise<number> => {
    const body = JSON.stringify({ ref });
    const signature = createHmac('sha256', key).update(body).digest('hex');
    const response = await fetch(`http://127.0.0.1:${http}/hook`, {
      method: 'POST',
      headers: { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` },
      body,
    });
    await response.text();
    return response.status;
  };

  await repository.push({ mirage: zoneText(2, 'www A 192.0.2.2\n') });
  t.is(await hook('refs/heads/main'), 202);
  await primary.shows('NOERROR 192.0.2.2', 'www.mirage');
  await primary.service.waitForEvent('hook.received', { form: 'github', ref: 'refs/heads/main', pulls: true });

  const before = pulls;
  t.is(await hook('refs/heads/other'), 200);
  t.is(await hook('refs/heads/main', 'wrong'), 403);
  t.is(pulls, before);
  const pushed = repository.push({ mirage: zoneText(3, 'www A 192.0.2.3\n') });
  for (let wave = 0; wave < 5; wave++) {
    const answers = await Promise.all(Array.from({ length: 40 }, () => hook('refs/heads/main')));
    t.deepEqual(new Set(answers), new Set([202]));
  }
  await pushed;
  t.is(await hook('refs/heads/main'), 202);
  await primary.shows('NOERROR 192.0.2.3', 'www.mirage');
  t.is(most, 1);
  t.true(pulls - before < 100, `${pulls - before} pulls for 201 hooks`);

  isFailing = true;
  await Promise.all(Array.from({ length: 40 }, () => hook('refs/heads/main')));
  await primary.service.waitForEvent('pull.failed');
  await until(() => hook('refs/heads/main'), { what: 'a hook is taken', holds: (code) => code === 202 });
  const failures = primary.service.lines.filter(({ text }) => text.includes('"pull.failed"')).length;
  t.true(failures < 10, `${failures} failures for 40 hooks that found the remote failing`);
  const metrics = await (await fetch(`http://127.0.0.1:${http}/metrics`)).text();
  t.regex(metrics, /^zonewright_hooks_received_total 244$/m);
  t.regex(metrics, /^zonewright_hooks_refused_total 1$/m);
  t.false(primary.service.text().includes(secret));
});

test.serial('without a secret there is no hook; a secret without a listener is a usage fault', async (t) => {
  const repository = await makeRepository(t, files);
  const http = await freePort(PRIMARY);
  await startPrimary(t, repository.path, ['--http', `${http}`]);
  t.is((await fetch(`http://127.0.0.1:${http}/hook`, { method: 'POST', body: '{}' })).status, 404);
  const port = `${await freePort(PRIMARY)}`;
  const args = ['primary', '--remote', repository.path, '--listen', PRIMARY, '--port', port];
  const refused = await tool('zonewright', [...args, '--hook-secret', 'a-s3cret-of-some-length']);
  t.is(refused.code, 2);
  t.regex(refused.stderr, /--hook-secret without --http/);
  t.false(`${refused.stdout}${refused.stderr}`.includes('s3cret'));
  t.is((await tool('zonewright', [...args, '--poll', '0'])).code, 2);
});

test.serial('with --poll a commit that nobody told of is served', async (t) => {
  const repository = await makeRepository(t, files);
  const primary = await startPrimary(t, repository.path, ['--poll', '1']);
  for (const serial of [2, 3]) {
    await repository.push({ mirage: zoneText(serial, `www A 192.0.2.${serial}\n`) });
    await primary.shows(`NOERROR 192.0.2.${serial}`, 'www.mirage');
  }
  t.is(await primary.serial('mirage'), 3);
});

test.serial('a remote that cannot be pushed to is said at the start, and so are the branches there are', async (t) => {
  const repository = await makeRepository(t, files);
  const peer = await startGitDaemon(repository.folder, undefined, true);
  t.teardown(() => peer.stop());
  const remote = `git://127.0.0.1:${peer.port}/zones.git`;
  const readOnly = await startPrimary(t, remote, []);
  const denied = await readOnly.service.waitForEvent('push.denied');
  t.regex(String(denied.message), /neither updates nor raised serials .*service not enabled/);
  t.is(await readOnly.look('www.mirage'), 'NOERROR 192.0.2.1');

  await git(repository.path, 'branch', '-m', 'main', 'live');
  const lost = await startPrimary(t, `${repository.path}#mian`, []);
  const { message, branches } = await lost.service.waitForEvent('repository.empty');
  t.regex(String(message), /no branch mian .*--remote URL#live/);
  t.deepEqual(branches, ['live']);
  await git(repository.path, 'branch', 'mian', 'live');
  await lost.shows('NOERROR 192.0.2.1', 'www.mirage');
});

testSsh.serial('a passphrase that is missing or wrong is one line and exit code 2', async (t) => {
  const folder = temporaryFolder(t, 'ssh');
  const keygen = ['-q', '-t', 'ed25519', '-N', 'the right s3cret', '-f', join(folder, 'key')];
  execFileSync(needed('ssh-keygen'), keygen);
  const pin = `SHA256:${'A'.repeat(43)}`;
  const flags = ['primary', '--remote', 'git@127.0.0.1:z', '--listen', PRIMARY, '--port', `${await freePort(PRIMARY)}`];
  const args = [...flags, '--authenticator', pin, '--ssh-key', `@${join(folder, 'key')}`];
  for (const [words, env] of [
    [/has a passphrase, and none is given/, {}],
    [/cannot be read with the passphrase/, { ZONEWRIGHT_SSH_PASSPHRASE: 'a wrong s3cret' }],
  ] as const) {
    const { code, stdout, stderr } = await tool('zonewright', args, { env });
    t.is(code, 2, stderr);
    t.regex(stderr, words);
    t.is(stderr.trim().split('\n').length, 1);
    t.false(`${stdout}${stderr}`.includes('s3cret'));
  }
});
