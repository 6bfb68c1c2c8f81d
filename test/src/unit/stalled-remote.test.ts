/**
 * Remotes that stop amid a conversation, by each way to them: in the first words, amid the pack, amid a push; silent, or an octet at a
 * time. A file of its own, since what takes this process long would look like a remote that does.
 */
import { randomBytes } from 'node:crypto';
import { parseHostKeyPin } from '@zonewright/common/git/host-key';
import { parseRemote } from '@zonewright/common/git/remote';
import { generateSshKey, publicLine } from '@zonewright/common/git/ssh-key';
import { type GitFault, type GitStore, openStore, type StoreOptions } from '@zonewright/common/git/store';
import type { Result } from '@zonewright/common/result';
import anyTest, { type ExecutionContext } from 'ava';
import {
  type Peer,
  type Sshd,
  startGitDaemon,
  startHttpBackend,
  startSilentServer,
  startSshd,
} from '../support/git-peers.ts';
import { type Hindrance, startHindered } from '../support/hindered.ts';
import { testWith } from '../support/needs.ts';
import { forFile, temporaryFolder } from '../support/owner.ts';
import { makeRepository, type Repository } from '../support/repository.ts';
import { until } from '../support/until.ts';

const test = testWith(anyTest, ['git', 'sshd', 'ssh-keygen']);
const file = forFile(anyTest);

const must = <T, F>(result: Result<T, F>): T => {
  if (!result.ok) throw new Error(`a fault where none was expected: ${JSON.stringify(result.fault)}`);
  return result.value;
};

const faultOf = <T>(t: ExecutionContext<unknown>, result: Result<T, GitFault>, kind: GitFault['kind']): GitFault => {
  if (result.ok) throw new Error(`success where ${kind} was expected`);
  t.is(result.fault.kind, kind, JSON.stringify(result.fault));
  return result.fault;
};

const ownKey = generateSshKey();
let repository: Repository;
let sshd: Sshd;
let daemon: Peer;
let web: Peer;

test.serial('the servers start', async (t) => {
  repository = await makeRepository(file, { mirage: 'one\n', large: randomBytes(400_000) });
  sshd = await startSshd({ authorizedKeys: [publicLine(ownKey)] });
  file.teardown(() => sshd.stop());
  daemon = await startGitDaemon(repository.folder);
  file.teardown(() => daemon.stop());
  web = await startHttpBackend(repository.folder);
  file.teardown(() => web.stop());
  t.pass();
});

const open = async (t: ExecutionContext<unknown>, url: string, options: StoreOptions = {}): Promise<GitStore> => {
  const store = must(await openStore(must(parseRemote(url)), options));
  t.teardown(() => store.close());
  return store;
};

interface Way {
  readonly port: () => number;
  readonly url: (port?: number) => string;
  readonly options: () => StoreOptions;
}

const WAYS: Readonly<Record<string, Way>> = {
  ssh: {
    port: () => sshd.port,
    url: (port = sshd.port) => `ssh://${sshd.user}@127.0.0.1:${port}${repository.path}`,
    options: () => ({ sshKey: ownKey, authenticator: [must(parseHostKeyPin(sshd.hostKeyFingerprint))] }),
  },
  'git://': {
    port: () => daemon.port,
    url: (port = daemon.port) => `git://127.0.0.1:${port}/zones.git`,
    options: () => ({}),
  },
  http: {
    port: () => web.port,
    url: (port = web.port) => `http://127.0.0.1:${port}/zones.git`,
    options: () => ({}),
  },
};

/** Milliseconds of silence that these tests allow: as much as it takes to come to the point on a busy machine. */
const PATIENCES = [1500, 6000, 24_000];

test('https: a server that takes a connection and begins no TLS is given up in time, and left at once on closing', async (t) => {
  const silent = await startSilentServer();
  t.teardown(() => silent.stop());
  const url = `https://127.0.0.1:${silent.port}/zones.git`;
  faultOf(t, await (await open(t, url, { timeout: 200 })).fetch(), 'timeout');
  const patient = must(await openStore(must(parseRemote(url)), {}));
  const pending = patient.fetch();
  await until(() => silent.connections.size > 0, { what: 'it is connected' });
  await patient.close();
  t.regex(faultOf(t, await pending, 'unreachable').what, /closed/);
});

for (const [name, way] of Object.entries(WAYS)) {
  const hindered = async (t: ExecutionContext<unknown>, how: Omit<Hindrance, 'port'>) => {
    const proxy = await startHindered({ port: way.port(), ...how });
    t.teardown(() => proxy.stop());
    return proxy;
  };
  const gone = async (proxy: { open(): number }): Promise<void> => {
    await until(() => proxy.open() === 0, { what: 'the connection is closed' });
  };

  for (const how of ['stall', 'drip'] as const) {
    for (const [where, after] of [
      ['amid the pack', 100_000],
      ['in its first words', 10],
    ] as const) {
      test(`${name}: a server that begins to ${how} ${where} is given up in time`, async (t) => {
        let isThere = false;
        for (const timeout of PATIENCES) {
          const proxy = await hindered(t, { direction: 'from-server', after, how });
          const store = await open(t, way.url(proxy.port), { ...way.options(), timeout });
          const { what } = faultOf(t, await store.fetch(), 'timeout');
          t.regex(what, /^127\.0\.0\.1(?: port |:)\d+ did not answer within [\d.]+ s$/);
          t.true(what.endsWith(` ${timeout / 1000} s`));
          await gone(proxy);
          isThere = proxy.hindered() > 0;
          if (isThere) break;
        }
        t.true(isThere, 'it came to the point');
      });
    }
  }

  test(`${name}: closing ends a fetch that has stalled, at once`, async (t) => {
    const proxy = await hindered(t, { direction: 'from-server', after: 100_000, how: 'stall' });
    const store = must(await openStore(must(parseRemote(way.url(proxy.port))), way.options()));
    const pending = store.fetch();
    await until(() => proxy.hindered() > 0, { what: 'it has stalled' });
    const before = performance.now();
    await store.close();
    t.regex(faultOf(t, await pending, 'unreachable').what, /closed/);
    const took = performance.now() - before;
    t.true(took < 5000, `long before its time-out: ${Math.round(took)} ms`);
    await gone(proxy);
  });

  test(`${name}: a server that stops taking a push is given up, its outcome is unknown, and a fetch tells it`, async (t) => {
    const branch = `push-${name.replace(/\W/g, '')}`;
    await repository.git('branch', branch, 'main');
    const directory = temporaryFolder(t, 'cache');
    const url = `${way.url()}#${branch}`;
    const before = must(await openStore(must(parseRemote(url)), { ...way.options(), directory }));
    const tree = must(await before.fetch());
    const files = new Map([['more', randomBytes(6_000_000)]]);
    const author = { name: 'x', email: 'x@example.org' };
    const next = must(await before.commit(tree, { files, author, time: 1_700_000_000, message: 'more' }));
    await before.close();
    let isThere = false;
    for (const timeout of PATIENCES) {
      const proxy = await hindered(t, { direction: 'to-server', after: 50_000, how: 'stall' });
      const hurried = { ...way.options(), directory, timeout };
      const store = must(await openStore(must(parseRemote(`${way.url(proxy.port)}#${branch}`)), hurried));
      const pushed = await store.push(tree, next);
      await store.close();
      isThere = proxy.hindered() > 0;
      if (!isThere) continue;
      t.regex(faultOf(t, pushed, 'unknown').what, /did not answer within/);
      break;
    }
    t.true(isThere, 'it came to the point');
    t.is(must(await (await open(t, url, way.options())).fetch())?.commit, tree!.commit);
  });
}
