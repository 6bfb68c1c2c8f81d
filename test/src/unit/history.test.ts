/**
 * The history of files, compared with what `git log -- FILE` says of the same repositories: merges, removals, clones without their
 * past, which fetch it step by step over each transport.
 */
import { join } from 'node:path';
import { parseHostKeyPin } from '@zonewright/common/git/host-key';
import { parseRemote } from '@zonewright/common/git/remote';
import { generateSshKey, publicLine } from '@zonewright/common/git/ssh-key';
import { type Change, type GitFault, type GitStore, openStore, type StoreOptions } from '@zonewright/common/git/store';
import { findFile } from '@zonewright/common/git/tree';
import { ok, type Result } from '@zonewright/common/result';
import anyTest, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { importCommits, type PlannedCommit } from '../support/commits.ts';
import { git, startGitDaemon, startHttpBackend, startSshd } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { type Owner, temporaryFolder } from '../support/owner.ts';

const test = testWith(anyTest, ['git']);

const must = <T, F>(result: Result<T, F>): T => {
  if (!result.ok) throw new Error(`a fault where none was expected: ${JSON.stringify(result.fault)}`);
  return result.value;
};

const open = async (t: ExecutionContext, url: string, options: StoreOptions = {}): Promise<GitStore> => {
  const store = must(await openStore(must(parseRemote(url)), options));
  t.teardown(() => store.close());
  return store;
};

/** All changes of a file, and how the history ended. */
const changesOf = async (
  store: GitStore,
  from: string,
  fileName: string,
  since?: number,
): Promise<{ changes: Change[]; end: Result<{ isWhole: boolean }, GitFault> }> => {
  const history = store.history({
    from,
    ...(since === undefined ? {} : { since }),
    stateOf: async (lookup) => ok(lookup(fileName)),
  });
  const changes: Change[] = [];
  for (;;) {
    const step = await history.next();
    if (step.done === true) return { changes, end: step.value };
    changes.push(step.value);
  }
};

const START = 1_700_000_000;

const line = (count: number, filesOf: (number: number) => PlannedCommit['files']): readonly PlannedCommit[] =>
  Array.from({ length: count }, (_, number) => ({
    parents: number === 0 ? [] : [number - 1],
    time: START + number,
    files: filesOf(number)!,
  }));

const histories = fc.array(
  fc.record({
    back: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    /** What the file says; -1: it is not there. */
    content: fc.integer({ min: -1, max: 2 }),
    /** Keeps the file of the first parent. */
    isAside: fc.boolean(),
  }),
  { minLength: 1, maxLength: 30 },
);

test('what changed a file is what git says, whatever was merged', async (t) => {
  await fc.assert(
    fc.asyncProperty(histories, async (drawn) => {
      const commits: PlannedCommit[] = [];
      for (const [number, { back, content, isAside }] of drawn.entries()) {
        const parents = [...new Set(back.map((each) => number - each))].filter((parent) => parent >= 0);
        const first = commits[parents[0] ?? -1]?.files?.zone;
        const text = isAside && parents.length > 0 ? first : content < 0 ? undefined : String(content);
        const files = { other: String(number), ...(text === undefined ? {} : { zone: text }) };
        commits.push({ parents, time: START + number, files });
      }
      const { path, oids } = await importCommits(temporaryFolder(t, 'history'), commits);
      const store = await open(t, path);
      const { changes, end } = await changesOf(store, oids.at(-1)!, 'zone');
      t.deepEqual(must(end), { isWhole: true });
      const said = (await git(path, 'log', '--format=%H', 'main', '--', 'zone')).split('\n').filter((it) => it !== '');
      t.deepEqual(
        changes.map(({ commit }) => commit),
        said,
      );
    }),
    { numRuns: 40 },
  );
});

test('a file is found in a tree by its name, and not by the octets of a hash', (t) => {
  const entry = (mode: string, name: string, hash: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), hash]);
  const plain = Buffer.alloc(20, 7);
  const nasty = Buffer.concat([Buffer.from('100644 b\0'), Buffer.alloc(11, 1)]);
  const tree = Buffer.concat([entry('100644', 'a', nasty), entry('100644', 'bb', plain)]);
  t.is(findFile(tree, 'a'), nasty.toString('hex'));
  t.is(findFile(tree, 'b'), undefined);
  t.is(findFile(tree, 'bb'), plain.toString('hex'));
  t.is(findFile(Buffer.concat([tree, entry('40000', 'c', plain)]), 'c'), undefined, 'a folder is no file');
  t.is(findFile(Buffer.concat([entry('100644', 'a', plain), tree]), 'a'), undefined, 'of two there is none');
});

test('a commit of before the time that is wanted is not told, nor what leads to it', async (t) => {
  const { path, oids } = await importCommits(
    temporaryFolder(t, 'history'),
    line(10, (number) => ({ zone: `${number}` })),
  );
  const store = await open(t, path);
  const { changes } = await changesOf(store, oids.at(-1)!, 'zone', START + 7);
  t.deepEqual(
    changes.map(({ commit }) => commit),
    [oids[9], oids[8], oids[7]],
  );
});

// ---- clones without their past --------------------------------------------------------------------------------------

interface Place {
  readonly url: string;
  readonly options: StoreOptions;
}

const places: Readonly<Record<string, (t: Owner, root: string) => Promise<Place>>> = {
  'git://': async (t, root) => {
    const peer = await startGitDaemon(root);
    t.teardown(() => peer.stop());
    return { url: `git://127.0.0.1:${peer.port}/r.git`, options: {} };
  },
  http: async (t, root) => {
    const peer = await startHttpBackend(root);
    t.teardown(() => peer.stop());
    return { url: `http://127.0.0.1:${peer.port}/r.git`, options: {} };
  },
  ssh: async (t, root) => {
    const key = generateSshKey();
    const peer = await startSshd({ authorizedKeys: [publicLine(key)] });
    t.teardown(() => peer.stop());
    const authenticator = [must(parseHostKeyPin(peer.hostKeyFingerprint))];
    return { url: `ssh://${peer.user}@127.0.0.1:${peer.port}${root}/r.git`, options: { sshKey: key, authenticator } };
  },
};

const LONG = 2500;

for (const [name, startPlace] of Object.entries(places)) {
  const check = testWith(anyTest, name === 'ssh' ? ['git', 'sshd', 'ssh-keygen'] : ['git']);
  check(`${name}: older commits are fetched when they are needed, in steps, until all are there`, async (t) => {
    const root = temporaryFolder(t, 'history');
    const { path, oids } = await importCommits(
      root,
      line(LONG, (number) => ({ zone: `${number - (number % 3)}`, other: `${number}` })),
    );
    const place = await startPlace(t, root);
    const cache = join(temporaryFolder(t, 'cache'), 'git');
    const store = await open(t, place.url, { ...place.options, directory: cache });
    const head = must(await store.fetch())!;
    const count = async (): Promise<number> => Number(await git(cache, 'rev-list', '--count', head.commit));
    t.is(await count(), 1, 'the tip alone at first');

    const history = store.history({ from: head.commit, stateOf: async (lookup) => ok(lookup('zone')) });
    const first = await history.next();
    t.false(first.done);
    t.is(await count(), 101);

    const { changes, end } = await changesOf(store, head.commit, 'zone');
    t.deepEqual(must(end), { isWhole: true });
    t.is(await count(), LONG);
    t.deepEqual(
      changes.map(({ commit }) => commit),
      (await git(path, 'log', '--format=%H', 'main', '--', 'zone')).split('\n'),
    );
    t.is(await git(cache, 'fsck', '--strict'), '');
    t.is(must(await store.deepen()), false, 'there is nothing older');
    t.is(must(await store.about(oids[0]!)).message, '0');
  });

  check(`${name}: what is fetched after a step backwards fits to it`, async (t) => {
    const root = temporaryFolder(t, 'history');
    const { path } = await importCommits(
      root,
      line(300, (number) => ({ zone: `${number}` })),
    );
    const place = await startPlace(t, root);
    const cache = join(temporaryFolder(t, 'cache'), 'git');
    const store = await open(t, place.url, { ...place.options, directory: cache });
    must(await store.fetch());
    t.true(must(await store.deepen()));
    const work = temporaryFolder(t, 'work');
    await git(work, 'clone', '-q', path, 'c');
    for (const text of ['x', 'y']) {
      await git(join(work, 'c'), 'commit', '-q', '--allow-empty', '-m', text);
      await git(join(work, 'c'), 'push', '-q', 'origin', 'HEAD:main');
      // With the branch elsewhere meanwhile, older commits come all the same.
      if (text === 'x') t.true(must(await store.deepen()));
    }
    const head = must(await store.fetch())!;
    const { changes, end } = await changesOf(store, head.commit, 'zone');
    t.deepEqual(must(end), { isWhole: true });
    t.is(changes.length, 300);
    t.is(await git(cache, 'fsck', '--strict'), '');
  });
}

test('a server that sends no older commits is said to be one, and what is there is told', async (t) => {
  const root = temporaryFolder(t, 'history');
  await importCommits(
    root,
    line(5, (number) => ({ zone: `${number}` })),
  );
  let posts = 0;
  const peer = await startHttpBackend(root, {
    intercept: (request, response) => {
      if (request.method !== 'POST' || ++posts < 2) return false;
      response.writeHead(403).end();
      return true;
    },
  });
  t.teardown(() => peer.stop());
  const store = await open(t, `http://127.0.0.1:${peer.port}/r.git`);
  const head = must(await store.fetch())!;
  const { changes, end } = await changesOf(store, head.commit, 'zone');
  t.deepEqual(changes, []);
  t.false(end.ok);
  if (!end.ok) t.is(end.fault.kind, 'refused');
});

test('a local clone without its past tells what it has, and that there was more', async (t) => {
  const root = temporaryFolder(t, 'history');
  const { path, oids } = await importCommits(
    root,
    line(9, (number) => ({ zone: `${number}` })),
  );
  await git(root, 'clone', '-q', '--bare', '--depth=3', `file://${path}`, 'shallow.git');
  const store = await open(t, join(root, 'shallow.git'));
  const { changes, end } = await changesOf(store, oids.at(-1)!, 'zone');
  t.deepEqual(must(end), { isWhole: false });
  t.deepEqual(
    changes.map(({ commit }) => commit),
    [oids[8], oids[7], oids[6]],
  );
  t.deepEqual(
    changes.map(({ isCut }) => isCut),
    [false, false, true],
  );
});

test('a history that is broken off says that it is not whole', async (t) => {
  const root = temporaryFolder(t, 'history');
  const { path, oids } = await importCommits(
    root,
    line(9, (number) => ({ zone: `${number}` })),
  );
  const store = await open(t, path);
  const end = new AbortController();
  const history = store.history({
    from: oids.at(-1)!,
    signal: end.signal,
    stateOf: async (lookup) => ok(lookup('zone')),
  });
  t.false((await history.next()).done);
  end.abort();
  const step = await history.next();
  t.deepEqual(step, { done: true, value: ok({ isWhole: false }) });
});
