/**
 * A bare repository on this machine that native git works on at the same time; and what stands in repositories that nobody should
 * make: each is refused with its reason, and the rest goes on.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { deflateSync } from 'node:zlib';
import { readCommit, readMessage } from '@zonewright/common/git/commit';
import { writeDurably } from '@zonewright/common/git/durable';
import { ObjectStore } from '@zonewright/common/git/objects';
import { parseRemote } from '@zonewright/common/git/remote';
import { type CommitRequest, type GitStore, openStore, type Tree } from '@zonewright/common/git/store';
import { GitRepository } from '@zonewright/primary/repository/git-repository';
import type { Reading } from '@zonewright/primary/repository/repository';
import anyTest from 'ava';
import { git } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';
import { busyTime } from '../support/thread-time.ts';

const test = testWith(anyTest, ['git']);

const change = (files: Readonly<Record<string, string | null>>, message = 'change'): CommitRequest => ({
  files: new Map(Object.entries(files).map(([name, text]) => [name, text === null ? null : Buffer.from(text)])),
  author: { name: 'x', email: 'x@example.org' },
  time: 1_700_000_000,
  message,
});

const open = async (t: Owner, path: string): Promise<GitStore> => {
  const store = given(await openStore(given(parseRemote(path)), {}));
  t.teardown(() => store.close());
  return store;
};

const textOf = async (store: GitStore, tree: Tree, name: string): Promise<string> =>
  Buffer.from(given(await store.read(tree.files.get(name)!))).toString();

/** Pushes a change as a writer does: again where somebody else was faster. */
async function written(store: GitStore, files: (tree: Tree) => Promise<Record<string, string>>): Promise<number> {
  for (let tries = 1; ; tries++) {
    const tree = given(await store.fetch())!;
    const next = given(await store.commit(tree, change(await files(tree))));
    const pushed = await store.push(tree, next);
    if (pushed.ok) return tries;
    if (pushed.fault.kind !== 'moved') throw new Error(pushed.fault.what);
  }
}

test('a repository that is away is unreachable whatever is asked of it: neither empty, nor damaged; nothing is made in its place', async (t) => {
  const world = await makeRepository(t, { 'fine.example': 'x' });
  const store = await open(t, world.path);
  const tree = given(await store.fetch())!;
  renameSync(world.path, `${world.path}.away`);
  const asked = async (): Promise<readonly string[]> => {
    const results = [
      await store.head(),
      await store.fetch(),
      await store.at(tree.commit),
      await store.log(undefined, tree.commit, () => undefined),
      await store.read('1'.repeat(40)),
      await store.commit(tree, change({ a: 'b' })),
      await store.push(tree, tree),
      await store.inspect(),
      await openStore(given(parseRemote(world.path)), { wasHere: true }),
    ];
    return results.map((result) => (result.ok ? 'fine' : result.fault.kind));
  };
  t.deepEqual(new Set(await asked()), new Set(['unreachable']));
  t.false(existsSync(world.path));
  mkdirSync(world.path);
  t.deepEqual(new Set(await asked()), new Set(['unreachable']), 'the folder that it was mounted at');
  rmdirSync(world.path);
  const never = await openStore(given(parseRemote(world.path)), {});
  t.is(never.ok ? '' : never.fault.kind, 'refused', 'where there never was one');
  renameSync(`${world.path}.away`, world.path);
  t.is(given(await store.fetch())?.commit, tree.commit);
  t.is(await textOf(store, tree, 'fine.example'), 'x');
});

// ---- beside native git ------------------------------------------------------------------------------------------

test('in a race of hundreds with native git no commit is lost, of either', async (t) => {
  const world = await makeRepository(t, { ours: '', theirs: '' });
  const ours = 100;
  const theirs = 15;
  const writers = [await open(t, world.path), await open(t, world.path)];
  const native = async (number: number): Promise<void> => {
    const clone = join(temporaryFolder(t, 'clone'), 'c');
    await git('.', 'clone', '-q', world.path, clone);
    for (let i = 0; i < theirs; i++) {
      await writeFile(join(clone, `native${number}-${i}`), 'x');
      await git(clone, 'add', '-A');
      await git(clone, 'commit', '-q', '-m', `native ${number} ${i}`);
      for (;;) {
        const isPushed = await git(clone, 'push', '-q', 'origin', 'HEAD:main').then(
          () => true,
          () => false,
        );
        if (isPushed) break;
        await git(clone, 'pull', '-q', '--rebase', 'origin', 'main');
      }
    }
  };
  let tries = 0;
  const own = async (store: GitStore, number: number): Promise<void> => {
    for (let i = 0; i < ours; i++) {
      const needed = await written(store, async (tree) => ({
        ours: `${await textOf(store, tree, 'ours')}${number} ${i}\n`,
        [`own${number}-${i}`]: 'x',
      }));
      tries += needed;
    }
  };
  await Promise.all([...writers.map(own), native(0), native(1)]);
  t.is(Number(await world.git('rev-list', '--count', 'main')), 1 + 2 * ours + 2 * theirs);
  const files = (await world.git('ls-tree', '--name-only', 'main')).split('\n');
  t.is(files.length, 2 + 2 * ours + 2 * theirs);
  t.is((await world.read('ours')).split('\n').length, 2 * ours);
  t.is(await world.git('fsck', '--strict', '--full', '--no-dangling'), '');
  t.is(await world.git('log', '--merges', '--oneline', 'main'), '');
  t.log(`${tries} pushes for ${2 * ours} commits`);
});

test('a repository is read and written while git packs references and objects, and collects garbage', async (t) => {
  const world = await makeRepository(t, { log: '', big: 'line\n'.repeat(50_000) });
  const store = await open(t, world.path);
  let isDone = false;
  const keeping = (async () => {
    const chores = [
      ['pack-refs', '--all'],
      ['repack', '-q', '-a', '-d'],
      ['gc', '-q'],
      ['repack', '-q', '-A', '-d'],
    ];
    let rounds = 0;
    for (; !isDone || rounds < chores.length; rounds++) await world.git(...chores[rounds % chores.length]!);
    return rounds;
  })();
  const count = process.env.OPERATIONS === undefined ? 25 : 80;
  for (let i = 0; i < count; i++)
    await written(store, async (tree) => {
      if (i % 10 === 0) t.is((await textOf(store, tree, 'big')).length, 250_000);
      return { log: `${await textOf(store, tree, 'log')}${i}\n`, [`f${i}`]: `${i}` };
    });
  isDone = true;
  t.true((await keeping) >= 4);
  t.deepEqual(
    (await world.read('log')).split('\n'),
    Array.from({ length: count }, (_, i) => String(i)),
  );
  t.is(Number(await world.git('rev-list', '--count', 'main')), count + 1);
  await world.git('pack-refs', '--all');
  t.false(existsSync(join(world.path, 'refs/heads/main')));
  await written(store, async () => ({ last: 'x' }));
  t.is(given(await store.fetch())!.commit, await world.head());
  t.is(await world.git('fsck', '--strict', '--full', '--no-dangling'), '');
});

/** Removes a folder a thousand times a second: oftener than programs started one after the other, which took a core for it. */
const REMOVER = `
const { rmdirSync } = require('node:fs');
const { workerData: folder } = require('node:worker_threads');
const nobody = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  try {
    rmdirSync(folder);
  } catch {}
  Atomics.wait(nobody, 0, 0, 1);
}`;

test('files are written into a folder that somebody removes whenever it is empty', async (t) => {
  const folder = join(temporaryFolder(t, 'durable'), 'objects', 'ab');
  const remover = new Worker(REMOVER, { eval: true, workerData: folder });
  t.teardown(() => remover.terminate());
  await once(remover, 'online');
  for (let i = 0; i < 20; i++) {
    const path = join(folder, `${i}`);
    await writeDurably(path, `${i}`);
    t.is(readFileSync(path, 'utf8'), `${i}`);
    rmSync(path);
  }
});

test('objects of another repository are read where they are, and new ones stand in the own', async (t) => {
  const world = await makeRepository(t, { mirage: 'one\n' });
  const shared = join(world.folder, 'shared.git');
  await git('.', 'clone', '-q', '--bare', '--shared', world.path, shared);
  writeFileSync(join(shared, 'objects/info/alternates'), '# a comment\n../../zones.git/objects\n/nowhere/at/all\n');
  await world.git('repack', '-q', '-a', '-d');
  const store = await open(t, shared);
  const tree = given(await store.fetch())!;
  t.is(await textOf(store, tree, 'mirage'), 'one\n');
  await written(store, async () => ({ mirage: 'two\n' }));
  t.is(await git(shared, 'show', 'main:mirage'), 'two');
  t.is(await git(shared, 'fsck', '--strict', '--full', '--no-dangling'), '');
  t.is(await world.read('mirage'), 'one');
});

test('a reftable is refused with the reason', async (t) => {
  const world = await makeRepository(t, { mirage: 'one\n' });
  await world.git('config', 'core.repositoryFormatVersion', '1');
  await world.git('config', 'extensions.refStorage', 'reftable');
  const opened = await openStore(given(parseRemote(world.path)), {});
  t.deepEqual(opened.ok ? undefined : [opened.fault.kind, /reftable/.test(opened.fault.what)], ['usage', true]);
});

test('a lock of somebody else is waited for; one that a killed run of ours left is taken away', async (t) => {
  const world = await makeRepository(t, { mirage: 'one\n' });
  const store = await open(t, world.path);
  const lock = join(world.path, 'refs/heads/main.lock');
  const push = async (text: string): Promise<string> => {
    const tree = given(await store.fetch())!;
    const pushed = await store.push(tree, given(await store.commit(tree, change({ mirage: text }))));
    return pushed.ok ? 'ok' : `${pushed.fault.kind}: ${pushed.fault.what} (${pushed.fault.hint})`;
  };
  writeFileSync(lock, '');
  const waiting = push('two\n');
  setTimeout(() => rmSync(lock), 300);
  t.is(await waiting, 'ok');
  writeFileSync(lock, '');
  t.regex(await push('three\n'), /^unreachable: .*locked by another process .*\.lock/);
  t.true(existsSync(lock), 'it is not ours');
  rmSync(lock);
  writeFileSync(join(world.path, 'zonewright-0123456789abcdef.lock'), `${'1'.repeat(40)}\n`);
  linkSync(join(world.path, 'zonewright-0123456789abcdef.lock'), lock);
  t.is(await push('four\n'), 'ok');
  t.is(await world.read('mirage'), 'four');
  t.deepEqual(
    (await readdir(world.path)).filter((name) => name.endsWith('.lock')),
    [],
  );
});

test('a history that was rewritten while nobody looked, a branch that was renamed, and one that was emptied are followed', async (t) => {
  const world = await makeRepository(t, { mirage: 'one\n', other: 'x\n' });
  const repository = new GitRepository(await open(t, world.path));
  const first = given(await repository.take({ from: 'remote' }));
  await world.git('branch', '-m', 'main', 'trunk');
  const renamed = given(await repository.take({ from: 'remote', since: first.commit! }));
  t.deepEqual([renamed.commit, renamed.extent], [undefined, 'none']);
  await world.git('branch', '-m', 'trunk', 'main');
  await world.push({ mirage: undefined, other: undefined });
  const empty = given(await repository.take({ from: 'remote', since: first.commit! }));
  t.deepEqual([...empty.first.gone!].sort(), ['mirage', 'other']);
  t.false(empty.isForced);
  const orphan = await commitOf(world.path, await put(world.path, 'tree', Buffer.alloc(0)));
  const later = new GitRepository(await open(t, world.path));
  const anew = given(await later.take({ from: 'remote', since: first.commit! }));
  t.deepEqual([anew.commit, anew.extent, anew.isForced], [orphan, 'all', true]);
});

// ---- what nobody should make ------------------------------------------------------------------------------------

/** Writes an object, whatever is in it. */
async function put(path: string, type: string, content: Uint8Array): Promise<string> {
  const octets = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content]);
  const oid = createHash('sha1').update(octets).digest('hex');
  await mkdir(join(path, 'objects', oid.slice(0, 2)), { recursive: true });
  await writeFile(join(path, 'objects', oid.slice(0, 2), oid.slice(2)), deflateSync(octets, { level: 1 }));
  return oid;
}

const treeOf = (entries: readonly (readonly [mode: string, name: string, oid: string])[]): Buffer =>
  Buffer.concat(entries.flatMap(([mode, name, oid]) => [Buffer.from(`${mode} ${name}\0`), Buffer.from(oid, 'hex')]));

async function commitOf(path: string, tree: string, before = ''): Promise<string> {
  const text = `tree ${tree}\n${before}author A <a@b> 1700000000 +0000\ncommitter A <a@b> 1700000000 +0000\n\nx\n`;
  const commit = await put(path, 'commit', Buffer.from(text));
  await git(path, 'update-ref', 'refs/heads/main', commit);
  return commit;
}

const ZONE = '$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns.other.\n';

/** What is said of each file of the head. */
async function saidOf(t: Owner, path: string): Promise<ReadonlyMap<string, Reading>> {
  const repository = new GitRepository(await open(t, path));
  const head = given(await repository.take({ from: 'remote' }));
  return new Map(head.first.readings.map((reading) => [reading.fileName, reading]));
}

test('entries of a tree that are no files of ours are told with their reasons, and the zones beside them are served', async (t) => {
  const world = await makeRepository(t, { 'example.com': ZONE });
  const zone = await put(world.path, 'blob', Buffer.from(ZONE));
  const folder = await put(world.path, 'tree', Buffer.alloc(0));
  const entries = [
    ['100644', '.', zone],
    ['100644', '..', zone],
    ['100644', '.GIT', zone],
    ['100644', '.git', zone],
    ['100644', '../../etc/passwd', zone],
    ['100644', 'Example.com', zone],
    ['100644', 'a..b', zone],
    ['100755', 'executable.example', zone],
    ['100644', 'example.com', zone],
    ['100644', 'example.com.', zone],
    ['100644', 'example\\046com', zone],
    ['40000', 'folder.example', folder],
    ['120000', 'link.example', zone],
    ['100644', 'no zone at all', zone],
    ['100600', 'odd-mode.example', zone],
    ['160000', 'submodule.example', '1'.repeat(40)],
    ['100644', 'twice.example', zone],
    ['100644', 'twice.example', folder],
    ['100644', `${'long.'.repeat(60)}example`, zone],
  ] as const;
  await commitOf(world.path, await put(world.path, 'tree', treeOf(entries)));
  const said = await saidOf(t, world.path);
  const reasons = Object.fromEntries(
    [...said].flatMap(([name, reading]) => (reading.kind === 'other' ? [[name.slice(0, 20), reading.reason]] : [])),
  );
  t.like(reasons, {
    '.': 'name is a path',
    '..': 'name is a path',
    '.GIT': 'reserved name',
    '.git': 'reserved name',
    '../../etc/passwd': 'name is a path',
    'Example.com': 'the file of zone Example.com. is named example.com',
    'example.com.': 'the file of zone example.com. is named example.com',
    'link.example': 'symbolic link',
    'odd-mode.example': 'mode 100600',
    'submodule.example': 'submodule',
    'twice.example': 'duplicate name',
  });
  for (const name of ['a..b', 'no zone at all', 'long.long.long.long.']) t.truthy(reasons[name], name);
  const zones = [...said].flatMap(([name, reading]) => (reading.kind === 'zone' && reading.zone ? [name] : []));
  t.deepEqual(zones, ['executable.example', 'example.com']);
});

test('an object that is damaged, missing or not what its name says concerns one zone, until it is repaired', async (t) => {
  const world = await makeRepository(t, { 'fine.example': ZONE });
  const broken = await put(world.path, 'blob', Buffer.from(`${ZONE}a A 192.0.2.1\n`));
  const wrong = await put(world.path, 'blob', Buffer.from(`${ZONE}b A 192.0.2.1\n`));
  const fine = await put(world.path, 'blob', Buffer.from(ZONE));
  const pathOf = (oid: string): string => join(world.path, 'objects', oid.slice(0, 2), oid.slice(2));
  const whole = readFileSync(pathOf(broken));
  writeFileSync(pathOf(broken), whole.subarray(0, 30));
  writeFileSync(pathOf(wrong), readFileSync(pathOf(fine)));
  const entries = [
    ['100644', 'broken.example', broken],
    ['100644', 'fine.example', fine],
    ['100644', 'folder.example', await put(world.path, 'tree', Buffer.alloc(0))],
    ['100644', 'missing.example', '2'.repeat(40)],
    ['100644', 'wrong.example', wrong],
  ] as const;
  const commit = await commitOf(world.path, await put(world.path, 'tree', treeOf(entries)));
  const repository = new GitRepository(await open(t, world.path));
  const head = given(await repository.take({ from: 'remote' }));
  const errors = head.first.readings.flatMap((reading) =>
    reading.kind === 'zone' && reading.errors.length > 0
      ? [[reading.fileName, reading.errors[0]!.rule, reading.errors[0]!.what.replace(/[0-9a-f]{40}/, 'X')]]
      : [],
  );
  t.deepEqual(errors, [
    ['broken.example', 'damaged', 'the object X is damaged'],
    ['folder.example', 'damaged', 'the object X is a tree, not a blob'],
    ['missing.example', 'damaged', 'the repository lacks the object X'],
    ['wrong.example', 'damaged', 'the object X is damaged'],
  ]);
  t.true(head.first.readings.some((reading) => reading.kind === 'zone' && reading.zone !== undefined));
  writeFileSync(pathOf(broken), whole);
  const more = [['100644', 'another.example', fine], ...entries] as const;
  await commitOf(world.path, await put(world.path, 'tree', treeOf(more)));
  const next = given(await repository.take({ from: 'remote', since: commit }));
  t.deepEqual(next.first.gone, [], 'what is damaged is not gone');
  const read = next.first.readings.filter((reading) => reading.kind === 'zone' && reading.zone !== undefined);
  t.deepEqual(
    read.map(({ fileName }) => fileName),
    ['another.example', 'broken.example'],
  );
});

test('a root with a million entries, and one that is cut short, are refused at once and leave what was taken', async (t) => {
  const world = await makeRepository(t, { 'example.com': ZONE });
  const store = await open(t, world.path);
  const before = given(await store.fetch())!;
  const entry = Buffer.concat([Buffer.from('100644 zone0000000\0'), Buffer.alloc(20, 1)]);
  const many = Buffer.alloc(entry.length * 1_000_000, entry);
  for (let i = 0; i < 1_000_000; i++) many.write(String(i).padStart(7, '0'), i * entry.length + 11, 'latin1');
  await commitOf(world.path, await put(world.path, 'tree', many));
  const ended = busyTime();
  const refused = await store.fetch();
  const busy = ended();
  t.deepEqual(refused.ok ? undefined : [refused.fault.kind, /100000 entries/.test(refused.fault.what)], [
    'limit',
    true,
  ]);
  t.true(busy < 2000, `${busy} ms`);
  await commitOf(world.path, await put(world.path, 'tree', many.subarray(0, 100)));
  const cut = await store.fetch();
  t.is(cut.ok ? undefined : cut.fault.kind, 'corrupt');
  t.is(await textOf(store, before, 'example.com'), ZONE);
});

test('commits with hostile headers are refused or read as what they are, and end nothing', async (t) => {
  const world = await makeRepository(t, { 'example.com': ZONE });
  const objects = new ObjectStore(world.path);
  t.teardown(() => objects.close());
  const tree = await world.git('rev-parse', 'main^{tree}');
  const parent = '3'.repeat(40);
  const read = async (text: string): Promise<unknown> => {
    const oid = await put(world.path, 'commit', Buffer.from(text, 'latin1'));
    try {
      return { ...readCommit(objects, oid), message: readMessage(objects, oid) };
    } catch (error) {
      return error instanceof Error ? error.message.replace(oid, 'X') : error;
    }
  };
  const damaged = 'the commit X is damaged';
  t.is(await read(''), damaged);
  t.is(await read(`author A <a@b> 1 +0000\ntree ${tree}\n\nx`), damaged);
  t.is(await read(`tree ${tree.slice(1)}\n\nx`), damaged);
  t.is(await read(`tree ${tree}\0evil\n\nx`), damaged);
  t.is(await read(`tree ${'0'.repeat(64)}\n\nx`), damaged);
  t.deepEqual(await read(`tree ${tree}`), { tree, parents: [], time: 0, message: '' });
  const signed = `tree ${tree}\nparent ${parent}\nauthor A <a@b> 5 +0000\ncommitter > 1 <a> 7 +0000> 1700 +0000\ngpgsig x\n parent ${tree}\nparent ${tree}\ntree ${parent}\ncommitter B <b> 9 +0000\n\nmessage\n\nend\n`;
  t.deepEqual(await read(signed), { tree, parents: [parent], time: 1700, message: 'message\n\nend\n' });
  for (const time of ['-5 +0000', '99999999999999999999 +0000', 'NaN +0000', '']) {
    const found = await read(`tree ${tree}\ncommitter A <a@b> ${time}\n\n\xff\xfe`);
    t.like(found, { time: 0 }, time);
  }
  const lines = `parent ${parent}\n`.repeat(200_000);
  const ended = busyTime();
  const many = await put(world.path, 'commit', Buffer.from(`tree ${tree}\n${lines}committer A <a@b> 1 +0000\n\nx`));
  t.is(readCommit(objects, many).parents.length, 200_000);
  t.true(ended() < 2000);
  // Its parents are not here: it is told what it holds, and that is all there is to be known.
  await git(world.path, 'update-ref', '--no-deref', 'refs/heads/main', await commitOf(world.path, tree, lines));
  const repository = new GitRepository(await open(t, world.path));
  const head = given(await repository.take({ from: 'remote', since: parent, journal: '0'.repeat(32) }));
  t.deepEqual([head.isForced, head.marks, head.first.readings.length], [false, [], 1]);
});
