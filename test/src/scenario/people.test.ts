/**
 * What people do in git while updates are under way: merges that drop or keep our commits, reverts, files that are included by others, keys
 * that are taken away. What somebody wrote last stands; what was acknowledged and is in no commit of the branch yet is written.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { git, startGitDaemon } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { freePort } from '../support/ports.ts';
import { type Files, makeRepository, type Repository, says } from '../support/repository.ts';
import { PRIMARY, pull, type Scene, startScene, zoneText } from '../support/scene.ts';
import { keyLine, secrecyOf } from '../support/secrecy.ts';
import { until } from '../support/until.ts';

const secrecy = secrecyOf(anyTest);
const test = testWith(anyTest, ['git', 'dig', 'nsupdate']);
const admin = secrecy.newKey('admin._update');
const helper = secrecy.newKey('helper._update.mirage');

interface Setting {
  readonly repository: Repository;
  readonly primary: Scene;
  /** Another one in its place. */
  start(): Promise<Scene>;
  /** Git in a clone, which is at the head. */
  clone(...args: readonly string[]): Promise<string>;
  /** Puts the branch to what the clone has, also while the hook declines; gives the commit. */
  publish(): Promise<string>;
  /** Lets commits of the primary in, or not. */
  open(isOpen: boolean): void;
}

const setUp = async (t: ExecutionContext<unknown>, files: Files = { mirage: zoneText(1) }): Promise<Setting> => {
  const repository = await makeRepository(t, { _keys: keyLine(admin), ...files });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const data = temporaryFolder(t, 'data');
  const flags = ['--remote', `git://127.0.0.1:${peer.port}/zones.git`, '--data', data];
  const start = async (): Promise<Scene> => startScene(t, secrecy, 'primary', flags, { port: await freePort(PRIMARY) });
  const folder = join(repository.folder, 'clone');
  const hook = join(repository.path, 'hooks', 'pre-receive');
  return {
    repository,
    primary: await start(),
    start,
    clone: (...args) => git(folder, ...args),
    publish: async () => {
      await repository.git('fetch', '--quiet', folder, '+HEAD:main');
      return repository.head();
    },
    open: (isOpen) => {
      rmSync(hook, { force: true });
      if (isOpen) return;
      writeFileSync(hook, '#!/bin/sh\nexit 1\n');
      chmodSync(hook, 0o755);
    },
  };
};

const ADDRESS = 'NOERROR 192.0.2.9';
const GONE = 'NXDOMAIN';

const add = async (t: ExecutionContext<unknown>, primary: Scene, name: string, key = admin): Promise<void> => {
  const { code, text } = await primary.update(key, 'zone mirage', `add ${name}.mirage 60 A 192.0.2.9`);
  t.is(code, 0, text);
};

/** Acknowledged, and in the branch: its commit. */
const written = async (
  t: ExecutionContext<unknown>,
  { primary, repository }: Setting,
  name: string,
): Promise<string> => {
  const from = primary.service.lines.length;
  await add(t, primary, name);
  const { commit } = await primary.service.waitForEvent('commit.pushed', {}, { from });
  t.is(commit, await repository.head());
  return String(commit);
};

/** Nothing is written any more, and what is served is what the file says. */
const isSettled = async (t: ExecutionContext<unknown>, { repository }: Setting, primary: Scene): Promise<void> => {
  await until(async () => (await repository.read('mirage')).includes(`hostmaster ${await primary.serial('mirage')} `), {
    what: 'what is served is what the file says',
  });
  const before = await repository.head();
  const commit = await repository.push({ readme: before });
  await pull(primary, commit);
  await add(t, primary, 'last');
  await says(repository, /^last\b/m);
  t.is(await repository.git('rev-list', '--count', `${commit}..main`), '1', 'only this');
};

test('a merge with the strategy "ours" that drops a commit of ours stands, and an update that is open is written on it', async (t) => {
  const setting = await setUp(t);
  const { primary, repository, clone, publish, open } = setting;
  const start = await repository.head();
  const ours = await written(t, setting, 'dropped');
  open(false);
  await add(t, primary, 'open');
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });

  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', start);
  await clone('commit', '--quiet', '--allow-empty', '-m', 'a branch of its own');
  await clone('merge', '--quiet', '--no-edit', '-s', 'ours', ours);
  const merge = await publish();
  open(true);
  await pull(primary, merge);
  const text = await says(repository, /^open\b/m);
  t.notRegex(text, /^dropped\b/m);
  t.is(await primary.look('dropped.mirage'), GONE);
  t.is(await primary.look('open.mirage'), ADDRESS);
  t.false(primary.service.text().includes('branch.forced'), 'a merge is no rewritten history');
  t.regex(text, /hostmaster ([4-9]) /, 'above all that was served');
  await isSettled(t, setting, primary);
});

test('an octopus brings a commit of ours together with branches of others: it is not written again', async (t) => {
  const setting = await setUp(t, { mirage: zoneText(1), 'one.example': zoneText(1), 'two.example': zoneText(1) });
  const { primary, repository, clone, publish } = setting;
  const start = await repository.head();
  const ours = await written(t, setting, 'merged');
  const side = async (zone: string): Promise<string> => {
    await clone('reset', '--quiet', '--hard', start);
    writeFileSync(join(repository.folder, 'clone', zone), zoneText(2, 'side A 192.0.2.1\n'));
    await clone('commit', '--quiet', '-am', zone);
    return clone('rev-parse', 'HEAD');
  };
  const sides = [await side('one.example'), await side('two.example')];
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', start);
  await clone('commit', '--quiet', '--allow-empty', '-m', 'a branch of its own');
  await clone('merge', '--quiet', '--no-edit', ours, ...sides);
  const merge = await publish();
  t.is((await repository.git('log', '-1', '--format=%P', merge)).split(' ').length, 4);
  await pull(primary, merge);
  for (const zone of ['one.example', 'two.example']) t.is(await primary.look(`side.${zone}`), 'NOERROR 192.0.2.1');
  t.is(await primary.look('merged.mirage'), ADDRESS);
  t.is(await repository.head(), merge, 'there is nothing to write');
  t.false(primary.service.text().includes('branch.forced'));
  await isSettled(t, setting, primary);
  t.is((await repository.read('mirage')).match(/^merged\b/gm)?.length, 1);
});

test('a revert of a commit of ours stands, also over a restart, with a serial above the one served; an open update is written', async (t) => {
  const setting = await setUp(t);
  const { primary, repository, clone, publish, open, start } = setting;
  const ours = await written(t, setting, 'reverted');
  await written(t, setting, 'kept');
  open(false);
  await add(t, primary, 'open');
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  await clone('revert', '--no-commit', '--strategy-option=theirs', ours).catch(() => undefined);
  const text = (await repository.read('mirage'))
    .replace(/^reverted.*\n/m, '')
    .replace(/hostmaster 3 /, 'hostmaster 1 ');
  writeFileSync(join(repository.folder, 'clone', 'mirage'), text);
  // As `git revert` would say it, with our whole message behind it.
  const message = await repository.git('log', '-1', '--format=%B', ours);
  await clone('commit', '--quiet', '-am', `Revert "${message}`);
  const revert = await publish();
  open(true);
  await primary.service.stop('SIGKILL');
  const again = await start();
  await says(repository, /^open\b/m);
  t.is(await again.look('reverted.mirage'), GONE);
  t.is(await again.look('kept.mirage'), ADDRESS);
  t.is(await again.look('open.mirage'), ADDRESS);
  t.notRegex(await repository.read('mirage'), /^reverted\b/m);
  t.true(Number(await again.serial('mirage')) > 4);
  t.is(await repository.git('merge-base', revert, 'main'), revert);
  await isSettled(t, setting, again);
});

test('a revert of an update that was not known to have arrived stands as well', async (t) => {
  const setting = await setUp(t);
  const { primary, repository, clone, publish, open, start } = setting;
  // The commit arrives, and its author is killed before it learns that.
  const hook = join(repository.path, 'hooks', 'post-receive');
  writeFileSync(hook, `#!/bin/sh\nkill -9 ${primary.service.pid}\n`);
  chmodSync(hook, 0o755);
  await add(t, primary, 'reverted');
  await primary.service.ended;
  rmSync(hook);
  open(true);
  t.regex(await repository.read('mirage'), /^reverted\b/m);
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  await clone('revert', '--no-edit', 'HEAD');
  const revert = await publish();
  const again = await start();
  await again.service.waitForEvent('commit.loaded', { commit: revert });
  t.is(await again.look('reverted.mirage'), GONE);
  await says(repository, /hostmaster 3 /);
  t.notRegex(await repository.read('mirage'), /^reverted\b/m);
  await isSettled(t, setting, again);
});

test('an included file that changes alone takes open updates of the zone, also of records that stand in it', async (t) => {
  const setting = await setUp(t, {
    mirage: zoneText(1, 'www A 192.0.2.1\n$INCLUDE hosts ; of all rooms\nend A 192.0.2.3\n'),
    hosts: 'desk A 192.0.2.10\nlamp A 192.0.2.11\nsofa A 192.0.2.12\n',
  });
  const { primary, repository, clone, publish, open } = setting;
  open(false);
  await add(t, primary, 'new');
  const moved = ['zone mirage', 'del desk.mirage A', 'add desk.mirage 60 A 192.0.2.99', 'del sofa.mirage A'];
  t.is((await primary.update(admin, ...moved)).code, 0);
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
  // The one record changes, another one goes, a third is new; the zone file itself is not touched.
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  const hosts = 'desk A 192.0.2.20\nsofa A 192.0.2.12\nsofa A 192.0.2.13\nshelf A 192.0.2.14\n';
  writeFileSync(join(repository.folder, 'clone', 'hosts'), hosts);
  await clone('commit', '--quiet', '-am', 'only what is included');
  const commit = await publish();
  open(true);
  await pull(primary, commit);
  const text = await says(repository, /^new\b/m);
  t.is(await repository.read('hosts'), hosts.trimEnd(), 'what is included is not changed');
  t.is(await primary.look('desk.mirage'), 'NOERROR 192.0.2.99');
  t.is(await primary.look('shelf.mirage'), 'NOERROR 192.0.2.14');
  t.is(await primary.look('lamp.mirage'), GONE);
  t.is(await primary.look('sofa.mirage'), GONE);
  t.notRegex(text, /^\$INCLUDE/m);
  t.notRegex(text, /192\.0\.2\.20|^lamp|^sofa/m);
  await isSettled(t, setting, primary);
});

test('an included file that changes alone, again and again, is read with each commit, and served with serials above the last', async (t) => {
  const setting = await setUp(t, { mirage: zoneText(1, '$INCLUDE hosts\n'), hosts: 'desk A 192.0.2.10\n' });
  const { primary, repository } = setting;
  for (let n = 1; n <= 3; n++) {
    const commit = await repository.push({ hosts: `desk A 192.0.2.${10 + n}\n` });
    await add(t, primary, `new${n}`);
    primary.service.signal('SIGHUP');
    await primary.shows(`NOERROR 192.0.2.${10 + n}`, 'desk.mirage');
    await says(repository, new RegExp(`^new${n}\\b`, 'm'));
    t.is(await repository.git('merge-base', commit, 'main'), commit);
  }
  t.regex(await repository.read('mirage'), /^\$INCLUDE hosts$/m);
  await isSettled(t, setting, primary);
});

test('a key that is taken away keeps what was acknowledged with it, and can do nothing new', async (t) => {
  const setting = await setUp(t, { mirage: zoneText(1), 'mirage._keys': keyLine(helper) });
  const { primary, repository, clone, publish, open, start } = setting;
  open(false);
  await add(t, primary, 'open', helper);
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  await clone('rm', '--quiet', 'mirage._keys');
  await clone('commit', '--quiet', '-m', 'that key is lost');
  const commit = await publish();
  await pull(primary, commit);
  const refused = await primary.update(helper, 'zone mirage', 'add x.mirage 60 A 192.0.2.9');
  t.regex(refused.text, /NOTAUTH|REFUSED|BADKEY/);
  t.is(await primary.look('open.mirage'), ADDRESS);
  await primary.service.stop('SIGKILL');
  open(true);
  const again = await start();
  await says(repository, /^open\b/m);
  t.is(await repository.git('log', '-1', '--format=%an'), 'helper._update.mirage via zonewright');
  t.regex((await again.update(helper, 'zone mirage', 'add x.mirage 60 A 192.0.2.9')).text, /NOTAUTH|REFUSED|BADKEY/);
  await isSettled(t, setting, again);
});

test('an open update that somebody else has done by hand is left out: the log names it, and no commit is made for that', async (t) => {
  const setting = await setUp(t);
  const { primary, repository, clone, publish, open, start } = setting;
  open(false);
  await add(t, primary, 'same');
  await primary.service.waitForEvent('write.failed', { kind: 'rejected' });
  await clone('fetch', '--quiet', 'origin', 'main');
  await clone('reset', '--quiet', '--hard', 'FETCH_HEAD');
  writeFileSync(join(repository.folder, 'clone', 'mirage'), zoneText(2, 'same 60 A 192.0.2.9\n'));
  await clone('commit', '--quiet', '-am', 'by hand');
  const commit = await publish();
  open(true);
  await pull(primary, commit);
  const dropped = await primary.service.waitForEvent('update.dropped');
  t.like(dropped, { level: 'error', zone: 'mirage.', key: 'admin._update.', position: 1 });
  t.deepEqual(dropped.operations, ['+ same 60 IN A 192.0.2.9']);
  t.regex(String(dropped.message), /it changes nothing any more/);
  t.is(await primary.serial('mirage'), 2);
  t.is(await repository.head(), commit);
  await primary.service.stop('SIGKILL');
  const again = await start();
  t.is(await again.look('same.mirage'), ADDRESS);
  await isSettled(t, setting, again);
  t.false(again.service.text().includes('update.dropped'), 'it is said once');
});
