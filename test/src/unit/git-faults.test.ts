/**
 * Repositories and connections that go wrong, with real git on the other side: what a push means that was cut off, that nothing is
 * lost or done twice, and that a cache survives what comes over the network.
 */
import { cp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseHostKeyPin } from '@zonewright/common/git/host-key';
import { parseRemote } from '@zonewright/common/git/remote';
import { generateSshKey, publicLine } from '@zonewright/common/git/ssh-key';
import {
  type CommitRequest,
  type GitStore,
  openStore,
  type StoreOptions,
  type Tree,
} from '@zonewright/common/git/store';
import test from 'ava';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting.ts';
import { git, type Peer, type Sshd, startGitDaemon, startHttpBackend, startSshd } from '../support/git-peers.ts';
import { testWith } from '../support/needs.ts';
import { forFile, type Owner, temporaryFolder } from '../support/owner.ts';
import { given } from '../support/records.ts';
import { makeRepository } from '../support/repository.ts';

/** A transport, through a proxy that can be told to cut. */
interface Way {
  readonly proxy: CuttingProxy;
  /** The URL of a repository, by its path. */
  url(path: string): string;
  readonly options: StoreOptions;
}

/** A way to all repositories of tests; its server is started once. */
interface Ways {
  readonly needs: readonly string[];
  start(): Promise<Peer>;
  url(path: string, port: number): string;
  options(): StoreOptions;
}

const owner = forFile(test);
const clientKey = generateSshKey();
/** Below it the repositories of tests are. */
const root = tmpdir();
let sshd: Sshd | undefined;

const ways: Readonly<Record<string, Ways>> = {
  'git://': {
    needs: ['git'],
    start: () => startGitDaemon(root),
    url: (path, port) => `git://127.0.0.1:${port}/${relative(root, path)}`,
    options: () => ({}),
  },
  http: {
    needs: ['git'],
    start: () => startHttpBackend(root),
    url: (path, port) => `http://127.0.0.1:${port}/${relative(root, path)}`,
    options: () => ({}),
  },
  ssh: {
    needs: ['git', 'sshd', 'ssh-keygen'],
    start: async () => {
      sshd = await startSshd({ authorizedKeys: [publicLine(clientKey)] });
      return sshd;
    },
    url: (path, port) => `ssh://${sshd!.user}@127.0.0.1:${port}${path}`,
    options: () => ({ sshKey: clientKey, authenticator: [given(parseHostKeyPin(sshd!.hostKeyFingerprint))] }),
  },
};

const peers = new Map<string, Promise<Peer>>();

async function openWay(t: Owner, name: string): Promise<Way> {
  const { start, url, options } = ways[name]!;
  if (!peers.has(name)) {
    const peer = start();
    peers.set(name, peer);
    owner.teardown(async () => (await peer).stop());
  }
  const { port } = await peers.get(name)!;
  const proxy = await startCuttingProxy(t, port);
  return { proxy, options: options(), url: (path) => url(path, proxy.port) };
}

const change = (files: Readonly<Record<string, string | null>>): CommitRequest => ({
  files: new Map(Object.entries(files).map(([name, text]) => [name, text === null ? null : Buffer.from(text)])),
  author: { name: 'x', email: 'x@example.org' },
  time: 1_700_000_000,
  message: 'change',
});

const open = async (t: Owner, url: string, options: StoreOptions = {}): Promise<GitStore> => {
  const store = given(await openStore(given(parseRemote(url)), options));
  t.teardown(() => store.close());
  return store;
};

const LINES = Array.from({ length: 2000 }, (_, n) => `host${n} A 192.0.2.${n % 250}\n`);
/** The most that a push is given to end by itself, in milliseconds. */
const SILENCE = 1000;

for (const [name, { needs }] of Object.entries(ways)) {
  const check = testWith(test, needs);

  for (const how of ['cut', 'stall'] as const) {
    check(`${name}: a push whose connection is ${how} anywhere is not lost, and not done twice`, async (t) => {
      const world = await makeRepository(t, { mirage: LINES.join('') });
      const { proxy, url, options } = await openWay(t, name);
      let count = 0;
      /** A push on a repository of its own, with a cut; then, as a writer does, another look and another try. */
      const pushed = async (cut: Parameters<CuttingProxy['set']>[0]): Promise<string> => {
        const path = join(world.folder, `r${count++}.git`);
        await cp(world.path, path, { recursive: true });
        const isTimed = how === 'stall' && cut !== undefined;
        const store = await open(t, url(path), { ...options, ...(isTimed ? { timeout: SILENCE } : {}) });
        /** What is there; again where the machine was too busy. */
        const fetched = async (): Promise<Tree> => {
          for (;;) {
            const found = await store.fetch();
            if (found.ok) return found.value!;
            if (!isTimed || found.fault.kind !== 'timeout') throw new Error(found.fault.what);
          }
        };
        proxy.set(undefined);
        const tree = await fetched();
        const next = given(await store.commit(tree, change({ mirage: LINES.join('').replace('host7 ', 'host7x ') })));
        proxy.set(cut);
        const first = await store.push(tree, next);
        const kind = first.ok ? 'ok' : first.fault.kind;
        const label = `${kind} after ${JSON.stringify(cut)}`;
        t.true(['ok', 'unknown', 'unreachable', 'timeout'].includes(kind), label);
        const octets = proxy.passed;
        proxy.set(undefined);
        let base: Tree = tree;
        for (let result = first; !result.ok; ) {
          base = await fetched();
          if (result === first && kind !== 'unknown') t.is(base.commit, tree.commit, `${label}: nothing has changed`);
          if (base.commit === next.commit) break;
          result = await store.push(base, next);
          if (!result.ok) t.true(isTimed || result.fault.kind === 'moved', label);
        }
        t.is(await git(path, 'rev-list', 'main'), `${next.commit}\n${tree.commit}`, label);
        await store.close();
        totals = octets;
        return kind;
      };
      let totals: CuttingProxy['passed'] = { sent: 0, received: 0 };
      t.is(await pushed(undefined), 'ok');
      const { sent, received } = totals;
      const kinds = new Set<string>();
      const places = how === 'cut' ? 5 : 1;
      for (const [where, all] of [
        ['sent', sent],
        ['received', received],
      ] as const)
        for (let place = 0; place <= places; place++) {
          const after = Math.floor((all * place) / places) - (place === places ? 1 : 0);
          kinds.add(await pushed({ where, after, how }));
        }
      t.true(kinds.has(how === 'cut' ? 'unreachable' : 'timeout'), [...kinds].join());
      t.true(kinds.has('unknown') || how === 'stall', [...kinds].join());
      t.log(`${sent} octets sent, ${received} received; ${[...kinds].join(', ')}`);
    });
  }

  check(`${name}: a fetch whose connection is cut anywhere leaves what is known as it is`, async (t) => {
    const world = await makeRepository(t, { mirage: LINES.join('') });
    const { proxy, url, options } = await openWay(t, name);
    const directory = temporaryFolder(t, 'cache');
    const store = await open(t, url(world.path), { ...options, directory });
    const before = given(await store.fetch())!;
    const commit = await world.push({ mirage: LINES.join('').replaceAll('192.0.2', '198.51.100') });
    const saved = join(temporaryFolder(t, 'copies'), 'measure');
    await cp(directory, saved, { recursive: true });
    proxy.set(undefined);
    t.is(given(await (await open(t, url(world.path), { ...options, directory: saved })).fetch())!.commit, commit);
    const { received } = proxy.passed;
    for (let place = 0; place < 6; place++) {
      proxy.set({ where: 'received', after: Math.floor((received * place) / 6), how: 'cut' });
      const failed = await store.fetch();
      t.is(failed.ok ? 'ok' : failed.fault.kind, 'unreachable', `after ${place} sixths`);
      t.is(given(await store.head())!.commit, before.commit);
      t.is(Buffer.from(given(await store.read(before.files.get('mirage')!))).toString(), LINES.join(''));
    }
    proxy.set(undefined);
    t.is(given(await store.fetch())!.commit, commit);
    t.deepEqual(
      (await readdir(join(directory, 'objects', 'pack'))).filter((file) => file.startsWith('tmp_')),
      [],
    );
  });

  check(`${name}: a line that changes in a large file is sent as a line, with the serial at the top`, async (t) => {
    const lines = Array.from({ length: 100_000 }, (_, n) => `host${n} A 10.0.${(n >> 8) & 255}.${n & 255}\n`);
    const text = (serial: number, host: string): string =>
      `@ SOA ns x ${serial} 3600 600 86400 300\n${lines.join('').replace('host99000 ', `${host} `)}`;
    const world = await makeRepository(t, { mirage: text(1, 'host99000') });
    const { proxy, url, options } = await openWay(t, name);
    const store = await open(t, url(world.path), options);
    const tree = given(await store.fetch())!;
    const before = new Map([['mirage', Buffer.from(text(1, 'host99000'))]]);
    const next = given(await store.commit(tree, { ...change({ mirage: text(2, 'changed') }), before }));
    proxy.set(undefined);
    given(await store.push(tree, next));
    t.true(proxy.passed.sent < 20_000, `${proxy.passed.sent} octets`);
    t.is(await world.read('mirage'), text(2, 'changed').trimEnd());
    await world.git('fsck', '--strict', '--full');
    // Without what was there before at hand, it is read.
    const last = given(await store.commit(next, change({ mirage: text(3, 'again'), new: 'x\n', other: 'x\n' })));
    proxy.set(undefined);
    given(await store.push(next, last));
    t.true(proxy.passed.sent < 20_000, `${proxy.passed.sent} octets`);
    await world.git('fsck', '--strict', '--full');
  });

  check(`${name}: a cache whose index or branch is damaged is fetched anew`, async (t) => {
    const world = await makeRepository(t, { mirage: 'one\n' });
    const { url, options } = await openWay(t, name);
    for (const [path, content] of [
      ['objects/pack/pack-0123.idx', 'no index'],
      ['refs/heads/main', 'no name\n'],
      ['refs/heads/main', ''],
    ] as const) {
      const directory = temporaryFolder(t, 'cache');
      const first = given(await openStore(given(parseRemote(url(world.path))), { ...options, directory }));
      given(await first.fetch());
      await first.close();
      await writeFile(join(directory, path), content);
      const store = await open(t, url(world.path), { ...options, directory });
      const tree = given(await store.fetch())!;
      t.is(Buffer.from(given(await store.read(tree.files.get('mirage')!))).toString(), 'one\n', path);
    }
  });
}
