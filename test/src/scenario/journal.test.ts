/**
 * A primary with a journal as its operator has it: what was acknowledged is not lost by a kill, by a remote that is away or declines, by
 * commits of others, or by a file that is broken. The repository is a real one, pushed to over the git protocol.
 */
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { type Peer, startGitDaemon } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { makeRepository, type Repository, says } from '../support/repository.ts';
import { PRIMARY, pull, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';
import { tool } from '../support/zonewright.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);
const admin = secrecy.newKey('admin._update');
const wrong = secrecy.newKey('admin._update');

interface Setting {
  readonly repository: Repository;
  readonly peer: Peer;
  readonly data: string;
  readonly primary: Scene;
  /** Another one in its place. */
  start(...flags: readonly string[]): Promise<Scene>;
}

const setUp = async (t: ExecutionContext<unknown>, ...flags: readonly string[]): Promise<Setting> => {
  const repository = await makeRepository(t, {
    _keys: keyLine(admin),
    mirage: zoneText(1),
    'other.example': zoneText(1),
  });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const data = temporaryFolder(t, 'data');
  const start = async (...more: readonly string[]): Promise<Scene> => {
    const all = ['--remote', `git://127.0.0.1:${peer.port}/zones.git`, '--data', data, '--axfr', ...more];
    return startScene(t, secrecy, 'primary', all, { port: await freePort(PRIMARY) });
  };
  return { repository, peer, data, primary: await start(...flags), start };
};

const add = async (t: ExecutionContext<unknown>, primary: Scene, name: string): Promise<void> => {
  const { code, text } = await primary.update(admin, 'zone mirage', `add ${name}.mirage 60 A 192.0.2.9`);
  t.is(code, 0, text);
};

const decline = (repository: Repository, code: number): void => {
  const hook = join(repository.path, 'hooks', 'pre-receive');
  writeFileSync(hook, `#!/bin/sh\necho "the freeze is on" >&2\nexit ${code}\n`);
  chmodSync(hook, 0o755);
};

test.serial(
  'what was acknowledged while the remote was away survives a kill, with its serials and its history, and gets there once',
  async (t) => {
    const { repository, peer, primary, start } = await setUp(t);
    t.is((await primary.service.waitForEvent('ready')).ack, 'journal');
    await peer.stop();
    for (const name of ['a', 'b', 'c']) await add(t, primary, name);
    t.is(await primary.serial('mirage'), 4);
    await primary.service.waitForEvent('write.failed', { kind: 'unreachable' });
    await primary.service.stop('SIGKILL');

    const again = await start();
    t.is(await again.serial('mirage'), 4);
    for (const name of ['a', 'b', 'c']) t.is(await again.look(`${name}.mirage`), 'NOERROR 192.0.2.9');
    const changes = (await again.ask('mirage', 'IXFR=2')).answer.map(({ type }) => type);
    t.deepEqual(changes, ['SOA', 'SOA', 'SOA', 'A', 'A', 'SOA'], 'two of the changes, not the whole zone');
    await add(t, again, 'd');
    t.is((await again.ask('mirage', 'IXFR=2')).answer.length, 7);

    const back = await startGitDaemon(repository.folder, peer.port);
    t.teardown(() => back.stop());
    again.service.signal('SIGHUP');
    const text = await says(repository, /^d\b/m);
    for (const name of ['a', 'b', 'c', 'd']) t.is(text.match(new RegExp(`^${name}\\b`, 'gm'))?.length, 1, name);
    t.regex(text, /hostmaster 5 /);
    t.is(await again.serial('mirage'), 5);
    t.is(await repository.git('rev-list', '--count', 'main'), '2', 'as one commit');
    const commit = await repository.git('log', '-1', '--format=%an%n%B');
    t.regex(commit, /^admin\._update via zonewright\nmirage: 4 updates\n/);
    t.regex(commit, /\nZonewright-Journal: [0-9a-f]{32} 4 [0-9a-f]{32}\s*$/);
  },
);

test.serial(
  'a hook that declines keeps nobody from updating, up to the limit; all is pushed when it relents',
  async (t) => {
    const http = await freePort(PRIMARY);
    const { repository, primary } = await setUp(t, '--max-unpushed', '2', '--http', `${http}`);
    decline(repository, 1);
    await add(t, primary, 'a');
    await add(t, primary, 'b');
    const failed = await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
    t.regex(String(failed.message), /the freeze is on|declined/);
    t.regex((await primary.update(admin, 'zone mirage', 'add c.mirage 60 A 192.0.2.9')).text, /SERVFAIL/);
    const full = await primary.service.waitForEvent('update.failed');
    t.regex(String(full.message), /^2 updates wait .*, the oldest for \d+ s, and --max-unpushed is 2: .*declined/);
    await primary.update(wrong, 'zone mirage', 'add c.mirage 60 A 192.0.2.9');
    t.like(await primary.service.waitForEvent('request.refused'), { level: 'warn', reason: 'badsig', count: 1 });
    const page = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${http}${path}`)).text();
    const { unpushed, zones } = JSON.parse(await page('/status')) as Record<string, unknown>;
    t.like(unpushed, { updates: 2 });
    t.regex(String((unpushed as { waitsFor?: string }).waitsFor), /declined/);
    const ofZone = (zones as Readonly<Record<string, unknown>>[]).find(({ zone }) => zone === 'mirage.');
    t.like(ofZone, { zone: 'mirage.', unpushed: 2 });
    const metrics = await page('/metrics');
    t.regex(metrics, /^zonewright_updates_unpushed 2$/m);
    t.regex(metrics, /^zonewright_requests_refused_total\{reason="badsig"\} 1$/m);
    decline(repository, 0);
    await primary.service.waitForEvent('commit.pushed');
    await says(repository, /^b\b/m);
    await add(t, primary, 'c');
    await says(repository, /^c\b/m);
  },
);

test.serial('updates go on while others push, and all of both is there in the end', async (t) => {
  const { repository, primary } = await setUp(t);
  const pushes = async (): Promise<void> => {
    for (let n = 0; n < 6; n++)
      await repository.push((read) => ({ mirage: `${read('mirage')}theirs${n} A 192.0.2.${n}\n` }));
  };
  const updates = async (): Promise<void> => {
    for (let n = 0; n < 12; n++) await add(t, primary, `ours${n}`);
  };
  await Promise.all([pushes(), updates()]);
  const text = await says(repository, /^ours11\b/m);
  for (let n = 0; n < 6; n++) t.regex(text, new RegExp(`^theirs${n}\\b`, 'm'));
  for (let n = 0; n < 12; n++) t.regex(text, new RegExp(`^ours${n}\\b`, 'm'));
  primary.service.signal('SIGHUP');
  await until(async () => (await repository.read('mirage')).includes(`hostmaster ${await primary.serial('mirage')} `), {
    what: 'what is served is what the file says',
  });
});

test.serial(
  'a file that is broken takes updates all the same, also over a kill; they are written once it is good',
  async (t) => {
    const { repository, primary, start } = await setUp(t);
    await pull(primary, await repository.push({ mirage: zoneText(2, 'www A nonsense\n') }));
    await add(t, primary, 'a');
    await primary.service.waitForEvent('update.waits', { zone: 'mirage.', file: 'mirage' });
    const other = await primary.update(admin, 'zone other.example', 'add x.other.example 60 A 192.0.2.9');
    t.is(other.code, 0, other.text);
    await says(repository, /^x\b/m, 'other.example');
    t.regex(await repository.read('mirage'), /nonsense/);
    await primary.service.stop('SIGKILL');
    const again = await start();
    t.is(await again.look('a.mirage'), 'NOERROR 192.0.2.9');
    await again.service.waitForEvent('zone.rejected', { zone: 'mirage.' });
    await add(t, again, 'b');
    await pull(again, await repository.push({ mirage: zoneText(3, 'www A 192.0.2.3\n') }));
    t.is(await again.look('www.mirage'), 'NOERROR 192.0.2.3');
    const text = await says(repository, /^b\b/m);
    t.regex(text, /^a\b/m);
    t.regex(text, /^www A 192\.0\.2\.3$/m);
  },
);

test.serial(
  'a zone that is put back from an older version after a kill gets a serial that was not served',
  async (t) => {
    const { repository, primary, start } = await setUp(t);
    await pull(primary, await repository.push({ mirage: zoneText(7, 'old A 192.0.2.1\n') }));
    await pull(primary, await repository.push({ mirage: undefined }));
    await primary.service.stop('SIGKILL');
    const again = await start();
    await pull(again, await repository.push({ mirage: zoneText(7, 'new A 192.0.2.2\n') }));
    t.is(await again.look('new.mirage'), 'NOERROR 192.0.2.2');
    t.is(await again.serial('mirage'), 8);
    await says(repository, /hostmaster 8 /);
  },
);

test.serial('what is stopped pushes what waits, and what it cannot push is there after the next start', async (t) => {
  const { repository, peer, primary, start } = await setUp(t);
  await add(t, primary, 'a');
  t.deepEqual(await primary.service.stop(), { code: 0, signal: null });
  t.regex(await repository.read('mirage'), /^a\b/m);
  const again = await start();
  await peer.stop();
  await add(t, again, 'b');
  t.deepEqual(await again.service.stop('SIGTERM', 9000), { code: 0, signal: null });
  const last = await start();
  t.is(await last.look('b.mirage'), 'NOERROR 192.0.2.9');
});

test.serial('--ack journal needs a folder, and a folder is of one process', async (t) => {
  const { repository, data } = await setUp(t);
  const flags = ['--remote', repository.path, '--listen', PRIMARY, '--port', `${await freePort(PRIMARY)}`];
  const without = await tool('zonewright', ['primary', ...flags, '--ack', 'journal']);
  t.is(without.code, 2);
  t.regex(without.stderr, /--ack journal needs --data/);
  const second = await tool('zonewright', ['primary', ...flags, '--data', data]);
  t.is(second.code, 2);
  t.regex(second.stderr, /another process has it/);
});

test.serial(
  'a repository given by its path that is away is waited for, at the start as well: nothing is lost',
  async (t) => {
    const repository = await makeRepository(t, { _keys: keyLine(admin), mirage: zoneText(1) });
    const away = `${repository.path}.away`;
    const http = await freePort(PRIMARY);
    const flags = ['--remote', repository.path, '--data', temporaryFolder(t, 'data'), '--http', `${http}`];
    const start = async (): Promise<Scene> =>
      startScene(t, secrecy, 'primary', flags, { port: await freePort(PRIMARY) });
    const status = async () =>
      (await (await fetch(`http://127.0.0.1:${http}/status`)).json()) as {
        unpushed: { updates: number; waitsFor?: string };
      };

    const primary = await start();
    await primary.shows('NOERROR 127.0.0.1', 'ns.mirage');
    renameSync(repository.path, away);
    await add(t, primary, 'a');
    const failed = await primary.service.waitForEvent('write.failed', { kind: 'unreachable' });
    t.regex(String(failed.message), /zones\.git is not there \(is it mounted\?/);
    t.regex((await status()).unpushed.waitsFor ?? '', /is not there/);
    await add(t, primary, 'b');
    primary.service.signal('SIGHUP');
    const pulled = await primary.service.waitForEvent('pull.failed');
    t.is(pulled.kind, 'unreachable');
    await primary.service.stop('SIGKILL');

    const again = await start();
    const first = await again.service.waitForEvent('pull.failed');
    t.like(first, { level: 'error', kind: 'unreachable' });
    t.regex(String(first.message), /is it mounted/);
    t.is(await again.look('ns.mirage'), 'SERVFAIL');
    const signed = await again.update(admin, 'zone mirage', 'add c.mirage 60 A 192.0.2.9');
    t.regex(signed.text, /SERVFAIL/);
    t.notRegex(signed.text, /BADKEY|NOTAUTH/, 'nobody looks for a wrong key');
    t.is((await status()).unpushed.updates, 2);
    renameSync(away, repository.path);
    await again.shows('NOERROR 192.0.2.9', 'b.mirage');
    t.is(await again.serial('mirage'), 3);
    t.regex(await says(repository, /^b\b/m), /^a\b/m);
  },
);
