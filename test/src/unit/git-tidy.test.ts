/**
 * The cache of a remote is tidied: what is needed stays, the rest goes, and a process that is killed amid that leaves a cache that is as
 * good as any. With real git on the other side, and native git as a second opinion of what is left.
 */
import { randomBytes } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseRemote } from '@zonewright/common/git/remote';
import { SWEEP_STEPS } from '@zonewright/common/git/step';
import { type GitStore, openStore, type StoreOptions, type Tree } from '@zonewright/common/git/store';
import { sizeOf } from '@zonewright/common/git/sweep';
import anyTest, { type ExecutionContext } from 'ava';
import { git, startGitDaemon } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { temporaryFolder } from '../support/owner.ts';
import { run } from '../support/process.ts';
import { given } from '../support/records.ts';
import { makeRepository, type Repository } from '../support/repository.ts';

const test = testWith(anyTest, ['git']);

/** Tidies whenever there is anything to be removed. */
const EAGER = { spareOctets: 0, spareFiles: 0 };
const AUTHOR = { name: 'a key', email: 'noreply@example.org' };
/** Digits, of half as many octets: more than what is taken apart. */
const LARGE = 2_200_000;
const programs = fileURLToPath(new URL('../support/', import.meta.url));
const killer = new URL('../crash/killer.js', import.meta.url).href;

/** Text that cannot be compressed to nothing. */
const noise = (octets: number): string => randomBytes(octets / 2).toString('hex');

interface Setting {
  readonly repository: Repository;
  readonly url: string;
  readonly directory: string;
  open(options?: StoreOptions): Promise<GitStore>;
}

const setUp = async (t: ExecutionContext<unknown>): Promise<Setting> => {
  const repository = await makeRepository(t, {
    mirage: noise(200_000),
    other: 'other\n',
    'folder/below/readme': 'carried along\n',
  });
  const peer = await startGitDaemon(repository.folder);
  t.teardown(() => peer.stop());
  const url = `git://127.0.0.1:${peer.port}/zones.git`;
  const directory = join(temporaryFolder(t, 'cache'), 'git');
  const open: Setting['open'] = async (options = {}) => {
    const store = given(await openStore(given(parseRemote(url)), { directory, ...options }));
    t.teardown(() => store.close());
    return store;
  };
  return { repository, url, directory, open };
};

/** A commit of ours, pushed. */
const write = async (store: GitStore, parent: Tree, content: string): Promise<Tree> => {
  const files = new Map([['mirage', Buffer.from(content)]]);
  const next = given(await store.commit(parent, { files, author: AUTHOR, time: 1_700_000_000, message: 'ours' }));
  given(await store.push(parent, next));
  return next;
};

const textOf = async (store: GitStore, tree: Tree, name: string): Promise<string> =>
  Buffer.from(given(await store.read(tree.files.get(name)!))).toString();

/** The cache has the commit with all that it leads to, and is a shallow repository that native git finds nothing wrong with. */
const isWhole = async (t: ExecutionContext<unknown>, directory: string, commit: string): Promise<void> => {
  t.is(await git(directory, 'rev-list', '--count', commit), '1');
  t.is(await git(directory, 'fsck', '--no-dangling', '--no-progress', commit), '');
  t.is(await git(directory, 'show', `${commit}:folder/below/readme`), 'carried along');
};

test.serial('a cache keeps one commit with its files, and what is named beside it; all the rest goes', async (t) => {
  const { repository, directory, open } = await setUp(t);
  const store = await open({ tidy: EAGER });
  const first = given(await store.fetch())!;
  let tree = first;
  for (let n = 0; n < 10; n++) tree = await write(store, tree, noise(200_000));
  // Of others: a pack of more than a megabyte stays a pack.
  for (let n = 0; n < 3; n++) await repository.push({ large: noise(LARGE), mirage: noise(200_000) });
  tree = given(await store.fetch())!;
  const before = sizeOf(directory).octets;
  const text = await textOf(store, tree, 'mirage');
  const kept = first.files.get('mirage')!;
  const tidied = given(await store.tidy({ commit: tree.commit, objects: [kept] }))!;
  t.is(tidied.before, before);
  t.is(tidied.after, sizeOf(directory).octets);
  t.true(tidied.after < 1_500_000 && before > 4_000_000, `${before} ${tidied.after}`);
  t.is(await textOf(store, tree, 'mirage'), text);
  t.is(await textOf(store, first, 'mirage'), await repository.git('cat-file', 'blob', kept));
  t.is(given(await store.at(tree.commit)).commit, tree.commit);
  await isWhole(t, directory, tree.commit);

  tree = await write(store, tree, 'on it goes\n');
  t.is(await repository.head(), tree.commit);
  const commit = await repository.push({ other: 'new\n' });
  tree = given(await store.fetch())!;
  t.is(tree.commit, commit);
  t.is(await textOf(store, tree, 'other'), 'new\n');
  t.false(given(await store.log(first.commit, commit, () => undefined)).isForced);
});

test.serial('what was removed of the past is fetched again where somebody asks for it', async (t) => {
  const { repository, open } = await setUp(t);
  const store = await open({ tidy: EAGER });
  const first = given(await store.fetch())!;
  let tree = first;
  for (let n = 0; n < 5; n++) tree = await write(store, tree, noise(2000));
  const commits = async (): Promise<number> => {
    const stateOf = async (lookup: (name: string) => string | undefined) =>
      ({ ok: true, value: lookup('mirage') }) as const;
    let count = 0;
    for await (const { commit } of store.history({ from: tree.commit, stateOf })) count += commit.length === 40 ? 1 : 0;
    return count;
  };
  t.is(await commits(), 6);
  for (let n = 0; n < 3; n++) {
    t.not(given(await store.tidy({ commit: tree.commit, objects: [] })), undefined);
    t.like(await store.at(first.commit), { ok: false, fault: { kind: 'gone' } });
    t.is(await commits(), 6);
    tree = await write(store, tree, noise(2000));
    await repository.push({ other: `${n}` });
    tree = given(await store.fetch())!;
    await repository.push({ mirage: `${n}` });
    tree = given(await store.fetch())!;
    t.is(await commits(), 8);
    tree = given(await store.fetch())!;
    if (n < 2) {
      await repository.git('update-ref', 'refs/heads/main', first.commit);
      tree = given(await store.fetch())!;
      t.is(tree.commit, first.commit);
      for (let again = 0; again < 5; again++) tree = await write(store, tree, noise(2000));
    }
  }
});

test.serial('a side branch from before what is here is merged, and all of it is read', async (t) => {
  const { repository, open } = await setUp(t);
  const clone = join(repository.folder, 'clone');
  await repository.push({ old: 'as old as it gets\n' });
  const fork = await repository.push({ other: 'before\n' });
  const store = await open({ tidy: EAGER });
  let tree = given(await store.fetch())!;
  for (let n = 0; n < 3; n++) tree = await write(store, tree, noise(200_000));
  given(await store.tidy({ commit: tree.commit, objects: [] }));
  await git(clone, 'fetch', '--quiet', 'origin', 'main');
  await git(clone, 'reset', '--quiet', '--hard', `${fork}~1`);
  writeFileSync(join(clone, 'side'), 'from the side\n');
  await git(clone, 'add', '--all');
  await git(clone, 'commit', '--quiet', '-m', 'side');
  await git(clone, 'merge', '--quiet', '--no-edit', 'FETCH_HEAD');
  await git(clone, 'push', '--quiet', 'origin', 'HEAD:main');
  const since = tree.commit;
  tree = given(await store.fetch())!;
  t.is(await textOf(store, tree, 'side'), 'from the side\n');
  t.is(await textOf(store, tree, 'old'), 'as old as it gets\n');
  t.false(given(await store.log(since, tree.commit, () => undefined)).isForced);
  tree = await write(store, tree, 'ours again\n');
  t.is(await repository.head(), tree.commit);
});

test.serial(
  'little is not worth while, nor is what cannot be removed; the cache of a commit that is not the last stays',
  async (t) => {
    const { directory, open } = await setUp(t);
    const patient = await open();
    const first = given(await patient.fetch())!;
    let tree = first;
    for (let n = 0; n < 5; n++) tree = await write(patient, tree, noise(n === 4 ? 200_000 : 2000));
    t.is(given(await patient.tidy({ commit: tree.commit, objects: [] })), undefined);
    await patient.close();
    const store = await open({ tidy: { spareOctets: 0, spareFiles: 1000 } });
    t.is(
      given(await store.tidy({ commit: tree.commit, objects: [] })),
      undefined,
      'nothing is known of the remote yet',
    );
    tree = given(await store.fetch())!;
    t.is(given(await store.tidy({ commit: first.commit, objects: [] })), undefined);
    t.not(given(await store.tidy({ commit: tree.commit, objects: [] })), undefined);
    const { octets } = sizeOf(directory);
    for (let n = 0; n < 5; n++) {
      tree = await write(store, tree, noise(2000));
      const tidied = given(await store.tidy({ commit: tree.commit, objects: [] }));
      t.is(tidied, undefined, 'it has not doubled');
    }
    t.true(sizeOf(directory).octets < 2 * octets);
  },
);

for (const step of SWEEP_STEPS)
  for (const count of step === 'sweep.removing' ? [1, 7] : [1])
    test.serial(`a process that is killed while it tidies, at ${step} ${count}, leaves what is needed`, async (t) => {
      const { repository, url, directory, open } = await setUp(t);
      const store = await open();
      const first = given(await store.fetch())!;
      let tree = first;
      for (let n = 0; n < 5; n++) tree = await write(store, tree, noise(50_000));
      for (let n = 0; n < 3; n++) await repository.push({ large: noise(LARGE), other: 'new\n' });
      tree = given(await store.fetch())!;
      const kept = first.files.get('mirage')!;
      await store.close();
      const notes = join(temporaryFolder(t, 'notes'), 'notes');
      writeFileSync(notes, '');
      const args = ['--import', killer, join(programs, 'sweep-program.js'), url, directory, tree.commit, kept];
      const tidy = (env: Readonly<Record<string, string>>) => run(process.execPath, args, { env });
      const ran = await tidy({ CRASH_STEP: step, CRASH_COUNT: `${count}`, CRASH_NOTES: notes });
      t.is(ran.signal, 'SIGKILL', ran.stderr);
      t.regex(readFileSync(notes, 'utf8'), new RegExp(`^ended ${step}$`, 'm'));

      // What others would see, and do, with the cache as it is now.
      const copy = `${directory}-copy`;
      cpSync(directory, copy, { recursive: true });
      t.is(await git(copy, 'fsck', '--no-dangling', '--no-progress', tree.commit), '');
      const cut = await open({ directory: copy });
      t.is(await textOf(cut, given(await cut.at(tree.commit)), 'other'), 'new\n');
      t.is(await textOf(cut, first, 'mirage'), await repository.git('cat-file', 'blob', kept));
      const next = await write(cut, given(await cut.fetch())!, 'ours\n');
      t.is(await repository.head(), next.commit);
      await repository.git('update-ref', 'refs/heads/main', tree.commit);

      const again = await tidy({});
      t.is(again.code, 0, again.stderr);
      await isWhole(t, directory, tree.commit);
      t.true(sizeOf(directory).octets < 1_500_000);
      const packs = readdirSync(join(directory, 'objects', 'pack'));
      t.deepEqual(
        packs.filter((name) => !/\.(idx|pack)$/.test(name)),
        [],
      );
      t.is(packs.filter((name) => name.endsWith('.pack')).length, packs.filter((name) => name.endsWith('.idx')).length);
    });
