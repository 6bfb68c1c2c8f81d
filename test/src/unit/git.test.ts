/**
 * The repository as a store: one contract for every transport, run against real peers, and what only one of them has.
 */

import { execFile } from 'node:child_process';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { chmod, link, mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { initBare } from '@zonewright/common/git/bare';
import { applyDelta, makeDelta } from '@zonewright/common/git/delta';
import { parseHostKeyPin } from '@zonewright/common/git/host-key';
import { describeRemote, parseRemote, type Remote } from '@zonewright/common/git/remote';
import { clientKeyText, generateSshKey, parseSshKey, privateText, publicLine } from '@zonewright/common/git/ssh-key';
import {
  type CommitRequest,
  type GitStore,
  openStore,
  type StoreOptions,
  type Tree,
} from '@zonewright/common/git/store';
import { filesOf, findFile, formatTree, parseTree, type TreeEntry } from '@zonewright/common/git/tree';
import type { Result } from '@zonewright/common/result';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  git,
  gitEnvironment,
  type HttpBackendOptions,
  type Peer,
  type Sshd,
  startGitDaemon,
  startHttpBackend,
  startSilentServer,
  startSshd,
  temporaryFolder,
} from '../support/git-peers.ts';
import { needed, testWith } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { busyTime } from '../support/thread-time.ts';

const run = promisify(execFile);

const must = <T, F>(result: Result<T, F>): T => {
  if (!result.ok) throw new Error(`a fault where none was expected: ${JSON.stringify(result.fault)}`);
  return result.value;
};

const faultOf = <T, F extends { kind: string; what: string }>(
  t: ExecutionContext,
  result: Result<T, F>,
  ...kinds: F['kind'][]
): F => {
  if (result.ok) throw new Error(`success where one of ${kinds.join(', ')} was expected`);
  t.true(kinds.includes(result.fault.kind), JSON.stringify(result.fault));
  t.false(JSON.stringify(result.fault).includes('s3cret'), 'no secret in a fault');
  return result.fault;
};

const change = (files: Record<string, string | null>, message = 'change'): CommitRequest => ({
  files: new Map(Object.entries(files).map(([name, text]) => [name, text === null ? null : Buffer.from(text)])),
  author: { name: 'x._update.mirage', email: 'update@example.org' },
  time: 1_700_000_000,
  message,
});

const textOf = async (store: GitStore, tree: Tree | undefined, name: string): Promise<string> =>
  Buffer.from(must(await store.read(tree!.files.get(name)!))).toString();

// ---- peers, started once ------------------------------------------------------------------------------------------

let root: string;
let sshd: Sshd | undefined;
let daemon: Peer | undefined;
let web: Peer | undefined;
const clientKey = generateSshKey();
const rsaKey = must(
  parseSshKey(
    generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    }).privateKey,
  ),
);

const sshNeeds = ['git', 'sshd', 'ssh-keygen'];
const isThere = (names: readonly string[]): boolean => {
  try {
    return names.every((name) => needed(name) !== '');
  } catch {
    return false;
  }
};

test.before(async () => {
  root = await temporaryFolder();
  if (!isThere(['git'])) return;
  daemon = await startGitDaemon(root);
  web = await startHttpBackend(root);
  if (isThere(sshNeeds)) sshd = await startSshd({ authorizedKeys: [publicLine(clientKey), publicLine(rsaKey)] });
});

test.after.always(async () => {
  await Promise.all([sshd?.stop(), daemon?.stop(), web?.stop()]);
  await rm(root, { recursive: true, force: true });
});

// ---- the contract -------------------------------------------------------------------------------------------------

/** How one transport is reached: a URL for a path below the root, at a port (default: that of the real peer). */
interface Reach {
  readonly needs: readonly string[];
  readonly isRemote: boolean;
  url(path: string, port?: number): string;
  options(): StoreOptions;
}

const reaches: Record<string, Reach> = {
  local: { needs: ['git'], isRemote: false, url: (path) => path, options: () => ({}) },
  ssh: {
    needs: sshNeeds,
    isRemote: true,
    url: (path, port) => `ssh://${sshd!.user}@127.0.0.1:${port ?? sshd!.port}${path}`,
    options: () => ({ sshKey: clientKey, authenticator: [must(parseHostKeyPin(sshd!.hostKeyFingerprint))] }),
  },
  'git://': {
    needs: ['git'],
    isRemote: true,
    url: (path, port) => `git://127.0.0.1:${port ?? daemon!.port}${path.slice(root.length)}`,
    options: () => ({}),
  },
  http: {
    needs: ['git'],
    isRemote: true,
    url: (path, port) => `http://127.0.0.1:${port ?? web!.port}${path.slice(root.length)}`,
    options: () => ({}),
  },
};

let count = 0;
const newPath = (): string => join(root, `r${++count}.git`);

async function newRepository(): Promise<string> {
  const path = newPath();
  await git(root, 'init', '-q', '--bare', '-b', 'main', path);
  return path;
}

const storeOf = async (
  t: ExecutionContext,
  reach: Reach,
  path: string,
  branch = '',
  options: StoreOptions = {},
): Promise<GitStore> => {
  const store = must(await openStore(must(parseRemote(reach.url(path) + branch)), { ...reach.options(), ...options }));
  t.teardown(() => store.close());
  return store;
};

/** Somebody else's commit, made with native git and no work tree of ours: files of the root, on a branch. */
async function commitNatively(path: string, files: Record<string, string | null>, branch = 'main'): Promise<string> {
  const work = await temporaryFolder();
  try {
    await git(root, 'clone', '-q', path, work);
    await git(work, 'checkout', '-q', '-B', branch, ...((await hasBranch(path, branch)) ? [`origin/${branch}`] : []));
    for (const [name, text] of Object.entries(files)) {
      if (text === null) await git(work, 'rm', '-q', name);
      else {
        await mkdir(join(work, name, '..'), { recursive: true });
        await writeFile(join(work, name), text);
      }
    }
    await git(work, 'add', '-A');
    await git(work, 'commit', '-q', '-m', 'by hand');
    await git(work, 'push', '-q', 'origin', branch);
    return await git(work, 'rev-parse', 'HEAD');
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const hasBranch = async (path: string, branch: string): Promise<boolean> =>
  (await git(path, 'for-each-ref', `refs/heads/${branch}`)) !== '';

for (const [name, reach] of Object.entries(reaches)) {
  const check = testWith(test, reach.needs);

  check(`${name}: an empty repository has no tree, and takes a first commit`, async (t) => {
    const path = await newRepository();
    const store = await storeOf(t, reach, path);
    t.is(must(await store.head()), undefined);
    t.is(must(await store.fetch()), undefined);
    const first = must(
      await store.commit(undefined, change({ mirage: 'a\n', 'mirage._keys': 'k\n' }, 'first\n\nsource: test')),
    );
    t.false(await hasBranch(path, 'main'), 'a commit moves no branch');
    must(await store.push(undefined, first));
    t.is(await git(path, 'rev-parse', 'main'), first.commit);
    t.is(await git(path, 'show', 'main:mirage'), 'a');
    t.is(
      await git(path, 'log', '--format=%an <%ae> %at %B', 'main'),
      'x._update.mirage <update@example.org> 1700000000 first\n\nsource: test\n',
    );
    t.is(await git(path, 'fsck', '--strict', '--full'), '');
    const again = must(await store.fetch());
    t.deepEqual(again, first);
    t.is(await textOf(store, again, 'mirage._keys'), 'k\n');
  });

  check(`${name}: a commit of many files arrives, and is one pack where it was made`, async (t) => {
    const path = await newRepository();
    const directory = await temporaryFolder();
    const store = await storeOf(t, reach, path, '', { directory });
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`z${i}`, `${i >> 1}\n`.repeat(i * 100)]));
    const first = must(await store.commit(undefined, change(files, 'many')));
    must(await store.push(undefined, first));
    t.is(await git(path, 'fsck', '--strict', '--full'), '');
    t.is(await git(path, 'show', 'main:z199'), files.z199!.trimEnd());
    const again = must(await store.fetch());
    for (const [file, text] of Object.entries(files)) t.is(await textOf(store, again, file), text);
    const written = name === 'local' ? path : directory;
    t.regex(await git(written, 'count-objects', '-v'), /^count: 0\n.*^packs: 1\n/ms);
  });

  check(`${name}: fetch, commit and push leave everything else in the repository as it is`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, {
      mirage: 'one\n',
      'users/alice': 'secret\n',
      'a\\047b': 'odd name\n',
      'README.md': 'read me\n',
    });
    const store = await storeOf(t, reach, path);
    const tree = must(await store.fetch());
    t.deepEqual([...tree!.files.keys()].sort(), ['README.md', 'a\\047b', 'mirage']);
    t.is(await textOf(store, tree, 'a\\047b'), 'odd name\n');
    const next = must(await store.commit(tree, change({ mirage: 'two\n', 'README.md': null })));
    must(await store.push(tree, next));
    t.is(await git(path, 'show', 'main:users/alice'), 'secret');
    t.is(await git(path, 'diff', '--name-status', 'main~1', 'main'), 'D\tREADME.md\nM\tmirage');
    t.is(await git(path, 'fsck', '--strict', '--full'), '');
    t.is(must(await store.head())!.commit, next.commit);
  });

  check(`${name}: a fetch after somebody else's push brings what is new`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n', big: 'x'.repeat(100_000) });
    const store = await storeOf(t, reach, path);
    const before = must(await store.fetch());
    const pushed = await commitNatively(path, { mirage: 'two\n', other: 'new\n' });
    const after = must(await store.fetch());
    t.is(after!.commit, pushed);
    t.is(after!.files.get('big'), before!.files.get('big'));
    t.is(await textOf(store, after, 'mirage'), 'two\n');
    t.is(await textOf(store, after, 'big'), 'x'.repeat(100_000));
    t.is(await textOf(store, before, 'mirage'), 'one\n', 'the old tree can still be read');
    t.is(must(await store.fetch()), after, 'what has not moved is not read again');
    t.is(must(await store.head()), after);
    const own = must(await store.commit(after, change({ mirage: 'three\n' })));
    must(await store.push(after, own));
    t.is(must(await store.fetch()), own, 'nor what we wrote ourselves');
  });

  check(`${name}: several commits are pushed at once`, async (t) => {
    const path = await newRepository();
    const long = Array.from({ length: 3000 }, (_, line) => `host${line} A 192.0.2.1\n`).join('');
    await commitNatively(path, { mirage: long });
    const store = await storeOf(t, reach, path);
    const start = must(await store.fetch());
    let tree = start!;
    for (const host of ['host7 ', 'host2999 ', 'host1500 ']) {
      const text = (await textOf(store, tree, 'mirage')).replace(host, `changed-${host}`);
      tree = must(await store.commit(tree, change({ mirage: text })));
    }
    must(await store.push(start, tree));
    t.is(await git(path, 'rev-list', '--count', 'main'), '4');
    t.regex(await git(path, 'show', 'main:mirage'), /^changed-host7 .*^changed-host1500 .*^changed-host2999 /ms);
    t.is(await git(path, 'fsck', '--strict', '--full'), '');
  });

  check(`${name}: a push onto a branch that has moved is refused, and redone after a fetch`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n' });
    const store = await storeOf(t, reach, path);
    const tree = must(await store.fetch());
    const mine = must(await store.commit(tree, change({ mirage: 'mine\n' })));
    const theirs = await commitNatively(path, { other: 'theirs\n' });
    faultOf(t, await store.push(tree, mine), 'moved');
    t.is(await git(path, 'rev-parse', 'main'), theirs);
    faultOf(t, await store.push(undefined, mine), 'moved');
    const now = must(await store.fetch());
    const redone = must(await store.commit(now, change({ mirage: 'mine\n' })));
    must(await store.push(now, redone));
    t.is(await git(path, 'show', 'main:other'), 'theirs');
  });

  check(`${name}: of two writers at the same time exactly one wins`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n' });
    const stores = await Promise.all([storeOf(t, reach, path), storeOf(t, reach, path)]);
    const tries = stores.map(async (store, index) => {
      const tree = must(await store.fetch());
      const next = must(await store.commit(tree, change({ mirage: `writer ${index}\n` })));
      return { next, tree, store };
    });
    const ready = await Promise.all(tries);
    const results = await Promise.all(ready.map(({ store, tree, next }) => store.push(tree, next)));
    t.deepEqual(results.map((result) => (result.ok ? 'ok' : result.fault.kind)).sort(), ['moved', 'ok']);
    t.is(await git(path, 'rev-parse', 'main'), ready[results.findIndex((result) => result.ok)]!.next.commit);
    t.is(await git(path, 'rev-list', '--count', 'main'), '2');
  });

  check(`${name}: a force-pushed branch is followed, a deleted one is gone`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n' });
    await commitNatively(path, { mirage: 'two\n' });
    const store = await storeOf(t, reach, path);
    must(await store.fetch());
    const unrelated = newPath();
    await git(root, 'init', '-q', '--bare', '-b', 'main', unrelated);
    const other = await commitNatively(unrelated, { mirage: 'other history\n' });
    await git(unrelated, 'push', '-q', '--force', path, 'main');
    const tree = must(await store.fetch());
    t.is(tree!.commit, other);
    t.is(await textOf(store, tree, 'mirage'), 'other history\n');
    await git(path, 'update-ref', '-d', 'refs/heads/main');
    t.is(must(await store.fetch()), undefined);
    t.is(must(await store.head()), undefined);
  });

  check(`${name}: another branch than main is read and written, and main is left alone`, async (t) => {
    const path = await newRepository();
    const main = await commitNatively(path, { mirage: 'main\n' });
    await commitNatively(path, { mirage: 'staging\n' }, 'next/staging');
    await git(path, 'symbolic-ref', 'HEAD', 'refs/heads/nowhere');
    const store = await storeOf(t, reach, path, '#next/staging');
    const tree = must(await store.fetch());
    t.is(await textOf(store, tree, 'mirage'), 'staging\n');
    const next = must(await store.commit(tree, change({ mirage: 'staged\n' })));
    must(await store.push(tree, next));
    t.is(await git(path, 'rev-parse', 'main'), main);
    t.is(await git(path, 'show', 'next/staging:mirage'), 'staged');
    t.is(must(await (await storeOf(t, reach, path, '#absent')).fetch()), undefined);
  });

  check(`${name}: a tree shows plain files only, and says why it ignores the others`, async (t) => {
    const path = await newRepository();
    const blob = await hashed(path, 'data\n');
    const empty = await made(path, []);
    const lines = [
      `100644 blob ${blob}\tmirage`,
      `100755 blob ${blob}\tprogram`,
      `120000 blob ${blob}\tlink`,
      `160000 commit ${'1'.repeat(40)}\tmodule`,
      `040000 tree ${empty}\tusers`,
      `100644 blob ${blob}\t"tab\\there"`,
      `100644 blob ${blob}\t"latin\\351"`,
    ];
    const commit = await git(path, 'commit-tree', '-m', 'odd', await made(path, lines));
    await git(path, 'update-ref', 'refs/heads/main', commit);
    const store = await storeOf(t, reach, path);
    const tree = must(await store.fetch());
    t.deepEqual([...tree!.files.keys()], ['mirage', 'program'], 'what is in a file does not depend on its mode');
    t.deepEqual(tree!.ignored.map(({ name }) => name).sort(), ['latin\u00e9', 'link', 'module', 'tab?here']);
    const next = must(await store.commit(tree, change({ mirage: 'changed\n' })));
    must(await store.push(tree, next));
    t.is(await git(path, 'diff', '--name-only', 'main~1', 'main'), 'mirage', 'odd entries are carried over');
    must(await store.push(next, must(await store.commit(next, change({ program: 'changed\n' })))));
    t.regex(await git(path, 'ls-tree', 'main', 'program'), /^100755 /, 'a file that is changed keeps its mode');
    faultOf(t, await store.commit(tree, change({ link: 'x' })), 'usage');
    faultOf(t, await store.commit(tree, change({ '../x': 'x' })), 'usage');
    faultOf(t, await store.read(tree!.files.get('mirage')!, 3), 'limit');
    faultOf(t, await store.read('1'.repeat(40)), reach.isRemote ? 'corrupt' : 'damaged');
  });

  check(`${name}: a repository that is not there is refused`, async (t) => {
    const opened = await openStore(must(parseRemote(reach.url(newPath()))), reach.options());
    if (!opened.ok) {
      faultOf(t, opened, 'refused');
      return;
    }
    t.teardown(() => opened.value.close());
    faultOf(t, await opened.value.fetch(), 'refused');
    const next = must(await opened.value.commit(undefined, change({ mirage: 'x' })));
    faultOf(t, await opened.value.push(undefined, next), 'refused');
  });

  if (!reach.isRemote) continue;

  check(`${name}: a hook that declines a commit is heard, and nothing has changed`, async (t) => {
    const path = await newRepository();
    const before = await commitNatively(path, { mirage: 'one\n' });
    await mkdir(join(path, 'hooks'), { recursive: true });
    await writeFile(join(path, 'hooks', 'pre-receive'), '#!/bin/sh\necho "zone mirage is broken" >&2\nexit 1\n');
    await chmod(join(path, 'hooks', 'pre-receive'), 0o755);
    const store = await storeOf(t, reach, path);
    const tree = must(await store.fetch());
    const next = must(await store.commit(tree, change({ mirage: 'broken\n' })));
    const fault = faultOf(t, await store.push(tree, next), 'rejected');
    t.regex(fault.what, /zone mirage is broken/);
    t.is(must(await store.head())!.commit, before);
    t.is(must(await store.fetch())!.commit, before);
  });

  check(`${name}: objects that are kept in a folder serve a later run, also without the remote`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n', other: 'x\n' });
    const directory = join(await temporaryFolder(), 'cache');
    t.teardown(() => rm(join(directory, '..'), { recursive: true, force: true }));
    const first = must(await openStore(must(parseRemote(reach.url(path))), { ...reach.options(), directory }));
    const tree = must(await first.fetch());
    await first.close();
    const second = await storeOf(t, reach, path, '', { directory });
    t.deepEqual(must(await second.head()), tree);
    t.is(await textOf(second, tree, 'mirage'), 'one\n');
    await commitNatively(path, { mirage: 'two\n' });
    t.is(await textOf(second, must(await second.fetch()), 'mirage'), 'two\n');
    t.is(await git(directory, 'fsck', '--strict'), '');
  });

  check(`${name}: a damaged cache is fetched anew`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n', other: 'x\n' });
    const directory = await temporaryFolder();
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const store = await storeOf(t, reach, path, '', { directory });
    must(await store.fetch());
    await rm(join(directory, 'objects'), { recursive: true });
    await mkdir(join(directory, 'objects', 'pack'), { recursive: true });
    const later = await storeOf(t, reach, path, '', { directory });
    faultOf(t, await later.head(), 'corrupt');
    t.is(await textOf(later, must(await later.fetch()), 'mirage'), 'one\n');
  });

  check(`${name}: what the cache loses while it is used is fetched anew`, async (t) => {
    const path = await newRepository();
    await commitNatively(path, { mirage: 'one\n', other: 'x\n' });
    const directory = await temporaryFolder();
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const store = await storeOf(t, reach, path, '', { directory });
    const tree = must(await store.fetch())!;
    const oid = tree.files.get('mirage')!;
    await rm(join(directory, 'objects', oid.slice(0, 2), oid.slice(2)));
    faultOf(t, await store.read(oid), 'corrupt');
    must(await store.fetch());
    t.is(await textOf(store, tree, 'mirage'), 'one\n');
  });

  check(`${name}: what a fetch left behind that was ended is removed by the next run`, async (t) => {
    const directory = await temporaryFolder();
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    const packs = join(directory, 'objects', 'pack');
    await mkdir(packs, { recursive: true });
    await writeFile(join(packs, 'tmp_pack_0123'), 'half a pack');
    await storeOf(t, reach, await newRepository(), '', { directory });
    t.deepEqual(await readdir(packs), []);
  });

  check(`${name}: a port where nobody listens is unreachable`, async (t) => {
    const store = must(await openStore(must(parseRemote(reach.url(newPath(), await freePort()))), reach.options()));
    t.teardown(() => store.close());
    faultOf(t, await store.fetch(), 'unreachable');
    const next = must(await store.commit(undefined, change({ mirage: 'x' })));
    faultOf(t, await store.push(undefined, next), 'unreachable');
  });

  check(
    `${name}: a server that says nothing is given up after the time-out, and its connection is closed`,
    async (t) => {
      const silent = await startSilentServer();
      t.teardown(() => silent.stop());
      const remote = must(parseRemote(reach.url(newPath(), silent.port)));
      const store = must(await openStore(remote, { ...reach.options(), timeout: 150 }));
      t.teardown(() => store.close());
      faultOf(t, await store.fetch(), 'timeout');
      await until(() => silent.connections.size === 0);
      const patient = must(await openStore(remote, reach.options()));
      const pending = patient.fetch();
      await until(() => silent.connections.size === 1);
      await patient.close();
      faultOf(t, await pending, 'unreachable');
      await until(() => silent.connections.size === 0);
      t.pass();
    },
  );
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function withInput(path: string, args: readonly string[], input: string): Promise<string> {
  const running = run(needed('git'), [...args], { cwd: path, env: gitEnvironment });
  running.child.stdin!.end(input);
  return (await running).stdout.trim();
}
const hashed = (path: string, text: string): Promise<string> => withInput(path, ['hash-object', '-w', '--stdin'], text);
const made = (path: string, lines: readonly string[]): Promise<string> =>
  withInput(path, ['mktree', '--missing'], lines.map((line) => `${line}\n`).join(''));

// ---- what only one transport has ----------------------------------------------------------------------------------

test('a local repository is made, written and read without git', async (t) => {
  const path = join(root, 'no-git.git');
  must(await initBare(path, 'trunk'));
  const store = must(await openStore(must(parseRemote(`${path}#trunk`)), {}));
  const first = must(await store.commit(undefined, change({ mirage: 'a' })));
  must(await store.push(undefined, first));
  must(await initBare(path, 'main'));
  t.is(await readFile(join(path, 'refs/heads/trunk'), 'utf8'), `${first.commit}\n`);
  t.is(await readFile(join(path, 'HEAD'), 'utf8'), 'ref: refs/heads/trunk\n');
  t.is(await textOf(store, must(await store.fetch()), 'mirage'), 'a');
  await store.close();
});

test('the repositories that are made are for their owner only, and a folder that is there keeps its mode', async (t) => {
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  const made = join(root, 'private', 'bare.git');
  must(await initBare(made));
  const open = async (directory: string): Promise<void> => {
    const remote = must(parseRemote(`git://127.0.0.1:${await freePort()}/zones.git`));
    await must(await openStore(remote, { directory })).close();
  };
  const cache = join(root, 'data', 'git');
  await open(cache);
  for (const path of [made, join(made, '..'), cache, join(cache, '..')]) t.is(await modeOf(path), 0o700, path);
  const theirs = join(root, 'theirs');
  for (const path of [theirs, join(theirs, 'git')]) {
    await mkdir(path);
    await chmod(path, 0o755);
  }
  await open(join(theirs, 'git'));
  t.is(await modeOf(theirs), 0o755);
  t.is(await modeOf(join(theirs, 'git')), 0o755);
});

test('a local branch that another process has locked is not written', async (t) => {
  const path = join(root, 'locked.git');
  must(await initBare(path));
  const store = must(await openStore(must(parseRemote(path)), {}));
  const first = must(await store.commit(undefined, change({ mirage: 'a' })));
  const lock = await open(join(path, 'refs/heads/main.lock'), 'wx');
  const blocked = store.push(undefined, first);
  t.is(must(await store.fetch()), undefined);
  faultOf(t, await blocked, 'unreachable');
  await lock.close();
  await rm(join(path, 'refs/heads/main.lock'));
  must(await store.push(undefined, first));
  t.is((await stat(join(path, 'refs/heads'))).isDirectory(), true);
});

testWith(test, ['git'])("the lock of a process that was killed is in nobody's way", async (t) => {
  const path = join(root, 'killed.git');
  must(await initBare(path));
  const lock = join(path, 'refs/heads/main.lock');
  const leaveBehind = async (age: number): Promise<void> => {
    const own = join(path, 'zonewright-0123456789abcdef.lock');
    await writeFile(own, `${'1'.repeat(40)}\n`);
    const then = Date.now() / 1000 - age;
    await utimes(own, then, then);
    await link(own, lock);
  };
  const isLocked = (): Promise<boolean> =>
    stat(lock).then(
      () => true,
      () => false,
    );
  await leaveBehind(10);
  const store = must(await openStore(must(parseRemote(path)), {}));
  t.false(await isLocked(), 'a start removes it');
  const first = must(await store.commit(undefined, change({ mirage: 'a' })));
  await leaveBehind(10);
  must(await store.push(undefined, first));
  const second = must(await store.commit(first, change({ mirage: 'b' })));
  await leaveBehind(0);
  must(await store.push(first, second));
  t.is(await git(path, 'rev-parse', 'main'), second.commit);
  t.false(await isLocked());
  t.deepEqual(
    (await readdir(path)).filter((name) => name.startsWith('zonewright')),
    [],
  );
});

testWith(test, ['git'])('a local repository is read before and after git gc packs it', async (t) => {
  const path = await newRepository();
  for (let round = 0; round < 5; round++)
    await commitNatively(path, { mirage: `line\n`.repeat(200) + round, [`f${round}`]: 'x' });
  const store = await storeOf(t, reaches.local!, path);
  const before = must(await store.fetch())!;
  await git(path, 'gc', '-q', '--prune=now');
  const after = must(await store.fetch())!;
  t.deepEqual(after, before);
  t.is(await textOf(store, after, 'mirage'), `${'line\n'.repeat(200)}4`);
  const next = must(await store.commit(after, change({ mirage: 'new' })));
  must(await store.push(after, next));
  await git(path, 'gc', '-q', '--prune=now', '--aggressive');
  t.is(await textOf(store, must(await store.fetch()), 'mirage'), 'new');
  t.is(await git(path, 'fsck', '--strict', '--full'), '');
});

testWith(test, ['git'])('a work tree, a SHA-256 repository and a plain folder are refused with a hint', async (t) => {
  const work = join(root, 'work');
  await git(root, 'init', '-q', work);
  faultOf(t, await openStore(must(parseRemote(work)), {}), 'usage');
  faultOf(t, await openStore(must(parseRemote(join(work, '.git'))), {}), 'usage');
  const modern = join(root, 'sha256.git');
  await git(root, 'init', '-q', '--bare', '--object-format=sha256', modern);
  faultOf(t, await openStore(must(parseRemote(modern)), {}), 'usage');
  t.truthy(faultOf(t, await openStore(must(parseRemote(root)), {}), 'refused').hint);
});

testWith(test, sshNeeds)('ssh: an RSA client key, an RSA host key and a whole host key as pin work', async (t) => {
  const path = await newRepository();
  const commit = await commitNatively(path, { mirage: 'one\n' });
  for (const pin of [
    sshd!.rsaFingerprint,
    `${sshd!.hostKeyFingerprint}=`,
    sshd!.hostKeyLine,
    sshd!.hostKeyLine.split(' ')[1]!,
  ]) {
    const store = await storeOf(t, reaches.ssh!, path, '', {
      sshKey: rsaKey,
      authenticator: [must(parseHostKeyPin(pin))],
    });
    t.is(must(await store.fetch())!.commit, commit);
  }
});

testWith(test, sshNeeds)('ssh: a server with another host key than the pinned one learns nothing', async (t) => {
  const path = await newRepository();
  const wrong = `SHA256:${createHash('sha256').update('another key').digest('base64')}`;
  const store = await storeOf(t, reaches.ssh!, path, '', { authenticator: [must(parseHostKeyPin(wrong))] });
  const fault = faultOf(t, await store.fetch(), 'hostkey');
  t.true(fault.what.includes(sshd!.hostKeyFingerprint));
});

testWith(test, sshNeeds)('ssh: a key that is not authorized is refused', async (t) => {
  const store = await storeOf(t, reaches.ssh!, await newRepository(), '', { sshKey: generateSshKey() });
  faultOf(t, await store.fetch(), 'refused');
});

test('ssh: without a pin, or without a login, nothing is tried', async (t) => {
  const remote = must(parseRemote('git@192.0.2.1:zones.git'));
  const fault = faultOf(t, await openStore(remote, { sshKey: clientKey }), 'usage');
  t.regex(fault.hint ?? '', /ssh-keyscan HOST \| ssh-keygen -lf -/);
  const authenticator = [must(parseHostKeyPin(`SHA256:${'A'.repeat(43)}`))];
  faultOf(t, await openStore(remote, { authenticator }), 'usage');
  faultOf(t, await openStore(remote, { authenticator, sshKey: clientKey, sshPassword: 's3cret' }), 'usage');
});

const serve = async (t: ExecutionContext, options: HttpBackendOptions): Promise<Peer> => {
  const peer = await startHttpBackend(root, options);
  t.teardown(() => peer.stop());
  return peer;
};
const connected = async (t: ExecutionContext, url: string, options: StoreOptions = {}): Promise<GitStore> => {
  const store = must(await openStore(must(parseRemote(url)), options));
  t.teardown(() => store.close());
  return store;
};

testWith(test, ['git'])('http: basic authentication lets in who knows the password', async (t) => {
  const path = (await newRepository()).slice(root.length);
  const { port } = await serve(t, { credentials: { user: 'zone', password: 's3cret%' } });
  const store = await connected(t, `http://zone:s3cret%25@127.0.0.1:${port}${path}`);
  const first = must(await store.commit(undefined, change({ mirage: 'x' })));
  must(await store.push(undefined, first));
  t.is(must(await store.fetch())!.commit, first.commit);
  faultOf(t, await (await connected(t, `http://zone:s3cret@127.0.0.1:${port}${path}`)).fetch(), 'refused');
  faultOf(t, await (await connected(t, `http://127.0.0.1:${port}${path}`)).fetch(), 'refused');
});

testWith(test, ['git', 'openssl'])(
  'https: a certificate of a private authority is trusted only if it is given',
  async (t) => {
    const folder = await temporaryFolder();
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
    await run(needed('openssl'), [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test',
      '-addext',
      'subjectAltName=IP:127.0.0.1',
      '-keyout',
      keyFile,
      '-out',
      certFile,
    ]);
    const cert = await readFile(certFile, 'utf8');
    const { port } = await serve(t, { tls: { key: await readFile(keyFile, 'utf8'), cert } });
    const path = await newRepository();
    const commit = await commitNatively(path, { mirage: 'one\n' });
    const url = `https://127.0.0.1:${port}${path.slice(root.length)}`;
    t.is(must(await (await connected(t, url, { tlsCa: cert })).fetch())!.commit, commit);
    faultOf(t, await (await connected(t, url)).fetch(), 'hostkey');
  },
);

testWith(test, ['git'])('http: a redirect is followed, but credentials go to no other host', async (t) => {
  const path = await newRepository();
  const commit = await commitNatively(path, { mirage: 'one\n' });
  const seen: (string | undefined)[] = [];
  const target = await serve(t, {
    intercept: (request) => {
      seen.push(request.headers.authorization);
      return false;
    },
  });
  const { port } = await serve(t, {
    intercept: (request, response) => {
      const location = `http://127.0.0.1:${target.port}${request.url?.replace('/old', path.slice(root.length))}`;
      response.writeHead(301, { location }).end();
      return true;
    },
  });
  t.is(must(await (await connected(t, `http://127.0.0.1:${port}/old`)).fetch())!.commit, commit);
  seen.length = 0;
  faultOf(t, await (await connected(t, `http://u:s3cret@127.0.0.1:${port}/old`)).fetch(), 'refused');
  t.deepEqual(seen, []);
});

testWith(test, ['git'])(
  'http: a connection that is lost mid push leaves the outcome unknown, and a fetch tells it',
  async (t) => {
    const path = await newRepository();
    const { port } = await serve(t, {
      intercept: (request, response) => {
        if (request.method !== 'POST' || request.url?.endsWith('git-receive-pack') !== true) return false;
        // The push arrives, its report does not.
        response.writeHead = () => response;
        response.write = () => true;
        response.end = () => {
          response.destroy();
          return response;
        };
        return false;
      },
    });
    const store = await connected(t, `http://127.0.0.1:${port}${path.slice(root.length)}`);
    const first = must(await store.commit(undefined, change({ mirage: 'x' })));
    faultOf(t, await store.push(undefined, first), 'unknown');
    t.is(must(await store.fetch())!.commit, first.commit);
    must(await store.push(undefined, first));
  },
);

testWith(test, ['git'])('http: a push that is ended before it is answered is of unknown outcome', async (t) => {
  const path = await newRepository();
  let isAsked = false;
  const { port } = await serve(t, {
    intercept: (request) => {
      isAsked ||= request.method === 'POST';
      return request.method === 'POST';
    },
  });
  const url = `http://127.0.0.1:${port}${path.slice(root.length)}`;
  const store = await connected(t, url);
  const first = must(await store.commit(undefined, change({ mirage: 'x' })));
  const pushed = store.push(undefined, first);
  await until(() => isAsked);
  await store.close();
  faultOf(t, await pushed, 'unknown');
  t.is(must(await (await connected(t, url)).fetch()), undefined);
});

test('http: servers that do not speak git, or lie, give faults and end nothing', async (t) => {
  const replies: [string, string, string[]][] = [
    ['text/html', '<html>', ['refused']],
    ['application/x-git-upload-pack-advertisement', 'no pkt-line', ['corrupt']],
    ['application/x-git-upload-pack-advertisement', '001e# service=git-upload-pack\n', ['corrupt', 'unreachable']],
    [
      'application/x-git-upload-pack-advertisement',
      `001e# service=git-upload-pack\n00000045${'z'.repeat(40)} refs/heads/main\0caps abcdefgh0000`,
      ['corrupt', 'unreachable'],
    ],
    [
      'application/x-git-upload-pack-advertisement',
      `001e# service=git-upload-pack\n00000047${'1'.repeat(40)} refs/heads/main\0shallow ofs-d\n0000`,
      ['corrupt', 'unreachable', 'refused'],
    ],
  ];
  for (const [type, body, kinds] of replies) {
    const { port } = await serve(t, {
      intercept: (_, response) => {
        response.writeHead(200, { 'content-type': type }).end(body);
        return true;
      },
    });
    const store = await connected(t, `http://127.0.0.1:${port}/x`);
    faultOf(t, await store.fetch(), ...(kinds as 'corrupt'[]));
  }
});

// ---- forms --------------------------------------------------------------------------------------------------------

test('every form of a remote is understood', (t) => {
  const parsed = (text: string): Remote => must(parseRemote(text));
  t.deepEqual(parsed('git@example.org:zones.git#prod'), {
    kind: 'ssh',
    user: 'git',
    host: 'example.org',
    port: 22,
    path: 'zones.git',
    branch: 'prod',
  });
  t.deepEqual(parsed('git@[2001:db8::1]:/z'), {
    kind: 'ssh',
    user: 'git',
    host: '2001:db8::1',
    port: 22,
    path: '/z',
    branch: 'main',
  });
  t.deepEqual(parsed('ssh://u@h:2222/a%20b'), {
    kind: 'ssh',
    user: 'u',
    host: 'h',
    port: 2222,
    path: '/a b',
    branch: 'main',
  });
  t.deepEqual(parsed('ssh://u@h/~/z'), { kind: 'ssh', user: 'u', host: 'h', port: 22, path: '~/z', branch: 'main' });
  t.deepEqual(parsed('git://h/z'), { kind: 'git', host: 'h', port: 9418, path: '/z', branch: 'main' });
  t.deepEqual(parsed('/srv/zones.git#a/b'), { kind: 'local', path: '/srv/zones.git', branch: 'a/b' });
  t.deepEqual(parsed('./a:b'), { kind: 'local', path: './a:b', branch: 'main' });
  t.deepEqual(parsed('file:///srv/z.git'), { kind: 'local', path: '/srv/z.git', branch: 'main' });
  const web = parsed('https://user:s3cret@example.org/zones.git/');
  t.deepEqual(web, {
    kind: 'http',
    url: 'https://example.org/zones.git',
    branch: 'main',
    credentials: { user: 'user', password: 's3cret' },
  });
  t.is(describeRemote(web), 'https://example.org/zones.git#main');
  t.is(describeRemote(parsed('git@[2001:db8::1]:z')), 'ssh://git@[2001:db8::1]:22/~/z#main');
});

test('no text makes parsing a remote, a key or a pin throw, and what is accepted can be described', (t) => {
  const pieces = fc.constantFrom(
    'ssh://',
    'https://',
    'git://',
    'file://',
    '@',
    ':',
    '#',
    '/',
    '[',
    ']',
    '~',
    '%',
    'h',
    '::1',
    '..',
    ' ',
    '\0',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 8 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const parsed = parseRemote(text);
        if (parsed.ok) t.is(typeof describeRemote(parsed.value), 'string');
        else t.is(parsed.fault.kind, 'usage');
        parseSshKey(text);
        parseHostKeyPin(text);
      },
    ),
  );
});

test('a remote that cannot be meant is a usage fault without its text', (t) => {
  for (const text of [
    '',
    '#main',
    'a#b#c',
    '/p#',
    '/p#a..b',
    '/p#-x',
    'ftp://s3cret@h/p',
    'ssh://u:s3cret@h/p',
    'ssh://u@h',
    'git://u@h/p',
    'https://u:s3cret@/p',
    'https://h/p?token=s3cret',
    'host:path',
    's3cret@host:',
    'https://h/%00',
    'a\nb',
  ]) {
    faultOf(t, parseRemote(text), 'usage');
  }
});

testWith(test, ['ssh-keygen'])('ssh keys go in and out as ed25519:BASE64 and as files of OpenSSH', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const key = generateSshKey();
  const file = join(folder, 'ours');
  await writeFile(file, clientKeyText(key), { mode: 0o600 });
  t.is((await run(needed('ssh-keygen'), ['-y', '-f', file])).stdout.trim(), publicLine(key));
  t.is(publicLine(must(parseSshKey(privateText(key)))), publicLine(key));
  for (const type of ['ed25519', 'rsa', 'ecdsa']) {
    const theirs = join(folder, type);
    await run(needed('ssh-keygen'), ['-q', '-t', type, '-N', '', '-C', 'me', '-f', theirs]);
    const read = must(parseSshKey(await readFile(theirs, 'utf8')));
    t.is(publicLine(read, 'me'), (await readFile(`${theirs}.pub`, 'utf8')).trim());
    t.is(JSON.stringify(read).includes('PRIVATE'), false);
  }
  await run(needed('ssh-keygen'), ['-q', '-t', 'ed25519', '-N', 'passphrase', '-f', join(folder, 'locked')]);
  faultOf(t, parseSshKey(await readFile(join(folder, 'locked'), 'utf8')), 'usage');
});

test('an ssh key or a pin in an unknown form is a usage fault', (t) => {
  for (const text of ['', 's3cret', 'rsa:s3cret', 'ed25519:s3cret', 'ed25519:', '-----BEGIN PRIVATE KEY-----\ns3cret'])
    faultOf(t, parseSshKey(text), 'usage');
  for (const text of ['', 'SHA256:', 'MD5:aa', 'AAAA', 'ssh-ed25519', 'SHA256:tooshort'])
    faultOf(t, parseHostKeyPin(text), 'usage');
});

test('a delta rebuilds its target', (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }),
      (head, a, b, tail) => {
        const [base, target] = [Buffer.concat([head, a, tail]), Buffer.concat([head, b, tail])];
        t.deepEqual(Buffer.from(applyDelta(base, makeDelta(base, target), 1e6)), target);
      },
    ),
  );
  const base = Buffer.alloc(300_000, 'abc');
  const target = Buffer.concat([base.subarray(0, 200_000), Buffer.from('!'), base.subarray(200_000)]);
  const delta = makeDelta(base, target);
  t.true(delta.length < 100);
  t.deepEqual(Buffer.from(applyDelta(base, delta, 1e6)), target);
});

/** Edits that leave islands between large differences, which were once passed over for what is the same behind them. */
const ISLANDS: readonly (readonly (readonly [
  at: number,
  kind: 'change' | 'remove' | 'insert' | 'many' | 'fewer',
])[])[] = [
  [
    [1890, 'fewer'],
    [1842, 'insert'],
    [1939, 'change'],
    [2275, 'insert'],
    [1936, 'many'],
    [2221, 'insert'],
  ],
  [
    [910, 'fewer'],
    [1034, 'remove'],
    [1245, 'change'],
    [981, 'insert'],
    [1144, 'many'],
    [908, 'many'],
    [971, 'many'],
    [1482, 'change'],
    [1111, 'many'],
  ],
];

test('a delta of an edit in several places is hardly longer than what is new', (t) => {
  const line = (n: number): string => `host${n}   A 10.0.${(n >> 8) & 255}.${n & 255}\n`;
  const edits = fc.array(
    fc.record({
      at: fc.integer({ min: 0, max: 2999 }),
      kind: fc.constantFrom('change', 'remove', 'insert', 'many', 'fewer'),
    }),
    { minLength: 1, maxLength: 12 },
  );
  fc.assert(
    fc.property(edits, (all) => {
      const before = Array.from({ length: 3000 }, (_, n) => line(n));
      const after = [...before];
      for (const { at, kind } of all) {
        if (kind === 'change') after[at] = `host${at} 60 AAAA 2001:db8::${at}\n`;
        else if (kind === 'remove') after[at] = '';
        else if (kind === 'insert') after[at] += `new${at} A 192.0.2.1\n`;
        else if (kind === 'many')
          after[at] += Array.from({ length: 50 }, (_, n) => `more${at}-${n} TXT "x"\n`).join('');
        else for (let n = at; n < Math.min(at + 200, 3000); n++) after[n] = '';
      }
      const [base, target] = [Buffer.from(before.join('')), Buffer.from(after.join(''))];
      const delta = makeDelta(base, target);
      t.true(target.equals(applyDelta(base, delta, 1e7)));
      const fresh = all.reduce((sum, { kind }) => sum + (kind === 'many' ? 2500 : 300), 0);
      t.true(delta.length < fresh + 300, `${delta.length} octets for ${JSON.stringify(all)}`);
    }),
    { numRuns: 60, examples: ISLANDS.map((all) => [all.map(([at, kind]) => ({ at, kind }))]) },
  );
});

test('a delta of edits at even distances is hardly longer than what is new', (t) => {
  const zone = Array.from({ length: 80_000 }, (_, n) => `host${n} 300 A 10.${n >> 16}.${(n >> 8) & 255}.${n & 255}\n`);
  const oidOf = (n: number): string => createHash('sha1').update(`${n}`).digest('binary');
  const tree = Array.from({ length: 20_000 }, (_, n) => `100644 zone${n}.example\0${oidOf(n)}`);
  /** What each edit may take: what is new, and what says where. */
  const cases: readonly (readonly [readonly string[], number, (old: string, n: number) => string])[] = [
    [zone, 12, (old) => old.replace('\n', '0\n')],
    [zone, 12, () => ''],
    [zone, 40, (_, n) => `new${n} 60 A 192.0.2.9\n`],
    [zone, 40, (old, n) => `${old}new${n} 60 A 192.0.2.9\n`],
    [tree, 30, (old, n) => old.replace(/\0.*$/s, `\0${oidOf(-n)}`)],
  ];
  for (const [before, most, edit] of cases) {
    for (const distance of [5, 30, 1000]) {
      const after = before.map((old, n) => (n % distance === 3 ? edit(old, n) : old));
      const [base, target] = [Buffer.from(before.join(''), 'latin1'), Buffer.from(after.join(''), 'latin1')];
      const delta = makeDelta(base, target);
      t.true(target.equals(applyDelta(base, delta, 1e7)));
      const edits = Math.ceil(before.length / distance);
      t.true(delta.length < edits * most + 300, `${delta.length} octets for ${edits} edits`);
    }
  }
});

test('a delta of what was moved names where it was', (t) => {
  const lines = Array.from({ length: 80_000 }, (_, n) => `host${n} A 10.${n >> 16}.${(n >> 8) & 255}.${n & 255}\n`);
  const moved = [...lines.slice(20_000, 30_000), ...lines.slice(0, 20_000), ...lines.slice(30_000)];
  const [base, target] = [Buffer.from(lines.join('')), Buffer.from(moved.join(''))];
  const delta = makeDelta(base, target);
  t.true(target.equals(applyDelta(base, delta, 1e7)));
  t.true(delta.length < 500, `${delta.length} octets`);
});

test('a delta of versions that have nothing, or everything, in common takes no longer than their length', (t) => {
  const lines = (count: number, text: (n: number) => string): Buffer =>
    Buffer.from(Array.from({ length: count }, (_, n) => text(n)).join(''));
  const pairs = [
    [lines(100_000, (n) => `a${n} A 192.0.2.1\n`), lines(100_000, (n) => `b${n * 7} TXT "x"\n`)],
    [lines(200_000, () => 'same A 192.0.2.1\n'), lines(210_000, () => 'same A 192.0.2.1\n')],
    [lines(100_000, (n) => `a${n} A 192.0.2.1\n`), lines(100_000, (n) => `a${n} A 192.0.2.${n & 1}\n`)],
    [lines(100_000, (n) => `a${n} A 192.0.2.1\n`), lines(100_000, (n) => `a${100_000 - n} A 192.0.2.1\n`)],
    [Buffer.alloc(2_000_000, 'ab'), Buffer.alloc(2_000_000, 'aab')],
    [Buffer.alloc(2_000_000, '\n'), Buffer.alloc(2_000_000, `${'\n'.repeat(15)}a`)],
    [Buffer.concat([Buffer.alloc(2_000_000), Buffer.of(1)]), Buffer.concat([Buffer.of(2), Buffer.alloc(2_000_001)])],
  ] as const;
  for (const [base, target] of pairs) {
    const ended = busyTime();
    const delta = makeDelta(base, target);
    const busy = ended();
    t.true(busy < 3000, `${busy} ms`);
    t.true(delta.length < target.length * 1.2 + 100);
    t.true(target.equals(applyDelta(base, delta, 1e8)));
  }
});

test('a tree is written as it was read, and names that stand twice are no files', (t) => {
  const oid = '1'.repeat(40);
  const entries = [
    { mode: '100644', name: 'a.b', oid },
    { mode: '40000', name: 'a', oid },
    { mode: '100644', name: 'a0', oid },
  ];
  t.deepEqual(
    parseTree(formatTree(entries).octets).entries.map(({ name }) => name),
    ['a.b', 'a', 'a0'],
  );
  const twice = filesOf([...entries, { mode: '100644', name: 'a.b', oid }, { mode: '100644', name: '.GIT', oid }]);
  t.deepEqual([...twice.files.keys()], ['a0']);
  t.deepEqual(
    twice.ignored.map(({ name }) => name),
    ['a.b', '.GIT'],
  );
});

test('of a root that cannot be read the entry is named, in printable characters', (t) => {
  const good = formatTree([{ mode: '100644', name: 'a', oid: '1'.repeat(40) }]).octets;
  const bad = Buffer.concat([good, Buffer.from('10x644 \x1b[1m\xe9\0', 'latin1'), Buffer.alloc(20)]);
  const root = 'the root of the repository is damaged: entry 2';
  t.is(t.throws(() => parseTree(bad)).message, `${root}, "\\x1b[1m\\xe9", has the mode "10x644"`);
  t.is(t.throws(() => parseTree(bad.subarray(0, -1))).message, `${root} is cut short`);
  t.is(t.throws(() => findFile(bad.subarray(0, -1), 'a')).message, `${root} is cut short`);
});

test('a tree that is read beside an older one is the same as without it', (t) => {
  const entry = fc.record({
    mode: fc.constantFrom('100644', '100755', '40000', '120000'),
    name: fc.oneof(fc.constantFrom('a', 'a.b', 'a0', '.git', 'b', '\xe9', 'zone'), fc.stringMatching(/^[a-e]{1,3}$/)),
    oid: fc.constantFrom('1'.repeat(40), '2'.repeat(40), '0a'.repeat(20)),
  });
  const octetsOf = (entries: readonly TreeEntry[]): Buffer =>
    Buffer.concat(
      entries.flatMap(({ mode, name, oid }) => [Buffer.from(`${mode} ${name}\0`, 'latin1'), Buffer.from(oid, 'hex')]),
    );
  fc.assert(
    fc.property(fc.array(entry), fc.array(entry), fc.boolean(), fc.nat(), (some, others, isSorted, at) => {
      const edited = [...some.slice(0, at % (some.length + 1)), ...others, ...some.slice((at % (some.length + 1)) + 1)];
      const [older, newer] = [some, edited].map((entries) =>
        isSorted ? formatTree(entries).octets : octetsOf(entries),
      ) as [Buffer, Buffer];
      const alone = parseTree(newer);
      const beside = parseTree(newer, parseTree(older));
      t.deepEqual(beside, alone);
      t.deepEqual(filesOf(beside.entries), filesOf(alone.entries));
      if (!isSorted) t.deepEqual(alone.entries, edited);
    }),
  );
});
