/**
 * A repository behind a network as a store: a bare repository beside it holds its objects, as a cache.
 *
 * The local branch is what was fetched, or pushed, last. It moves only after all that its root needs was seen in the cache. A
 * cache that turns out damaged is emptied and fetched again; one that has grown is tidied when told what is needed. Operations on one store run one after the other.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { initBare } from './bare.ts';
import { readCommit, readSeen, readTreeOf, type Tree, writeCommit } from './commit.ts';
import { makeFolder, writeDurably } from './durable.ts';
import { Failure, settle } from './fault.ts';
import { fetchOlder, fetchTip, type Route } from './fetch.ts';
import { historyOf, readCommitText } from './history.ts';
import { inspectRemote } from './inspect.ts';
import { readLog } from './log.ts';
import { MAX_BLOB, ObjectStore } from './objects.ts';
import { pushCommits } from './push.ts';
import { removeLeftovers } from './received-pack.ts';
import { readBranch, removeOldLocks, setBranch } from './ref.ts';
import type { Transport } from './session.ts';
import { readShallow } from './shallow.ts';
import type { GitStore } from './store.ts';
import { TIDY_LIMITS, Tidying, type TidyLimits } from './tidy.ts';
import { Watch } from './watch.ts';

export interface RemoteStoreOptions {
  readonly gitdir: string;
  readonly branch: string;
  /** The remote as text; a cache of another remote is not believed. */
  readonly description: string;
  /** Milliseconds that the remote may be silent. */
  readonly timeout: number;
  /** Whether the cache goes when the store is closed. */
  readonly isTemporary: boolean;
  /** What the cache may have beyond what is needed. */
  readonly tidy?: TidyLimits;
}

/** How many older commits are fetched at first, then, and then (`undefined`: all), where somebody asks for them. */
const OLDER: readonly [number, ...(number | undefined)[]] = [100, 2000, undefined];

/** How long an operation that has been ended may take to say so, in milliseconds. */
const GRACE = 2000;

/** The store of a remote; `options.gitdir` is made where it is not there. */
export async function remoteStore(transport: Transport, options: RemoteStoreOptions): Promise<GitStore> {
  const { gitdir, branch } = options;
  await prepareCache(options);
  const closed = new AbortController();
  let objects = new ObjectStore(gitdir);
  /** The tree seen last, with all that its root needs. */
  let last: Tree | undefined;
  /** Has the remote said that it sends older commits where they are asked for? */
  let hasPast = false;
  const tidying = new Tidying(gitdir, options.tidy ?? TIDY_LIMITS);
  /** How often older commits were fetched. */
  let deepenings = 0;
  let turn: Promise<unknown> = Promise.resolve();
  /** What still runs, also where its caller has been told of a time-out. */
  const underWay = new Set<Promise<unknown>>();

  /** Runs operations one after the other. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const unlessClosed = async (): Promise<T> => {
      // What waited for its turn must not write into a folder that is being removed.
      if (closed.signal.aborted) throw new Failure('unreachable', 'the store has been closed');
      return await work();
    };
    const mine = turn.then(unlessClosed);
    turn = mine.catch(() => {});
    return mine;
  };
  const watched = async <T>(work: (watch: Watch) => Promise<T>, signal = closed.signal): Promise<T> => {
    const watch = new Watch(transport.peer, options.timeout, signal);
    const running = work(watch);
    underWay.add(running);
    const done = (): boolean => underWay.delete(running);
    running.then(done, done);
    try {
      return await watch.run(running, GRACE);
    } finally {
      watch.stop();
    }
  };

  /** The tree of a commit, once everything its root names is known to be there. */
  const verify = (tip: string, readTree = readTreeOf): Tree => {
    if (tip === last?.commit) return last;
    const tree = readTree(objects, tip, last);
    for (const [name, oid] of tree.files) {
      if (last?.files.get(name) === oid || objects.has(oid)) continue;
      throw new Failure('corrupt', `the repository lacks the object ${oid}`);
    }
    last = tree;
    return tree;
  };

  const read = (oid: string, limit: number): Uint8Array => {
    try {
      return objects.readTyped(oid, 'blob', limit);
    } catch (error) {
      // What was seen is not there any more: the next fetch looks again.
      if (isCorrupt(error)) last = undefined;
      throw error;
    }
  };

  const emptyCache = async (): Promise<void> => {
    objects.close();
    await setBranch(gitdir, branch, undefined);
    for (const part of ['shallow', 'objects']) await rm(join(gitdir, part), { recursive: true, force: true });
    await makeFolder(join(gitdir, 'objects', 'pack'));
    objects = new ObjectStore(gitdir);
    last = undefined;
  };

  const hears: Route['hears'] = (capabilities) => {
    hasPast = capabilities.has('shallow');
  };
  const route = (watch: Watch): Route => ({ transport, watch, branch, gitdir, objects, hears });

  /** Looks into the cache: `undefined` where that shows that it is damaged. What comes over the network is no reason to doubt it. */
  const unlessDamaged = <T>(look: () => T): { readonly seen: T } | undefined => {
    try {
      return { seen: look() };
    } catch (error) {
      if (isCorrupt(error)) return undefined;
      throw error;
    }
  };

  const fetchAndHeal = async (watch: Watch): Promise<Tree | undefined> => {
    if (unlessDamaged(() => readBranch(gitdir, branch)) === undefined) await emptyCache();
    let tip = await fetchTip(route(watch), readBranch(gitdir, branch));
    watch.rest();
    // An operation that was given up must not move the branch under the next one.
    watch.signal.throwIfAborted();
    let tree = unlessDamaged(() => (tip === undefined ? undefined : verify(tip)));
    if (tree === undefined) {
      await emptyCache();
      tip = await fetchTip(route(watch), undefined);
      watch.rest();
      watch.signal.throwIfAborted();
      tree = { seen: tip === undefined ? undefined : verify(tip) };
    }
    await setBranch(gitdir, branch, tip);
    return tree.seen;
  };

  const deepen = async (watch: Watch): Promise<boolean> => {
    const have = readBranch(gitdir, branch);
    const before = await readShallow(gitdir);
    if (have === undefined || before.size === 0) return false;
    await fetchOlder(route(watch), have, OLDER[Math.min(deepenings++, OLDER.length - 1)]);
    const after = await readShallow(gitdir);
    return [...before].some((oid) => !after.has(oid));
  };
  const deepenInTurn = (signal: AbortSignal | undefined): Promise<boolean> =>
    inTurn(() => watched(deepen, signal && AbortSignal.any([closed.signal, signal])));

  return {
    head: () =>
      settle(async () => {
        const tip = readBranch(gitdir, branch);
        return tip === undefined ? undefined : verify(tip);
      }),
    fetch: () => settle(() => inTurn(() => watched(fetchAndHeal))),
    at: (commit) => settle(async () => verify(commit, readSeen)),
    log: (since, tip, pick) => settle(async () => readLog(objects, since, tip, pick)),
    deepen: () => settle(() => deepenInTurn(undefined)),
    history: (request) =>
      historyOf(
        { objects: () => objects, shallow: () => readShallow(gitdir), deepen: () => deepenInTurn(request.signal) },
        request,
      ),
    about: (commit) => settle(async () => readCommitText(objects, commit)),
    read: (oid, limit) => settle(async () => read(oid, limit ?? MAX_BLOB)),
    commit: (parent, request) => settle(() => inTurn(() => writeCommit(objects, parent, request))),
    push: (parent, next) =>
      settle(() =>
        inTurn(async () => {
          readCommit(objects, next.commit);
          await watched((watch) => pushCommits(transport, watch, objects, branch, parent?.commit, next));
          await setBranch(gitdir, branch, next.commit);
          last = next;
        }),
      ),
    tidy: (needed) =>
      settle(() =>
        inTurn(async () => {
          // What was given up may still write.
          const isQuiet = underWay.size === 0;
          if (!isQuiet || !hasPast || readBranch(gitdir, branch) !== needed.commit) return undefined;
          const tidied = await tidying.tidy(objects, needed);
          if (tidied !== undefined) deepenings = 0;
          return tidied;
        }),
      ),
    // Touches nothing here, so it need not wait for its turn.
    inspect: () => settle(() => watched((watch) => inspectRemote(transport, watch))),
    close: async () => {
      closed.abort();
      await turn;
      await Promise.race([Promise.allSettled(underWay), delay(GRACE, undefined, { ref: false })]);
      objects.close();
      if (options.isTemporary) await rm(gitdir, { recursive: true, force: true });
    },
  };
}

const isCorrupt = (error: unknown): boolean => error instanceof Failure && error.fault.kind === 'corrupt';

/** A bare repository at `gitdir`, for its owner only if it is made now; where it held another remote, its branches are forgotten. */
async function prepareCache(options: RemoteStoreOptions): Promise<void> {
  const { gitdir, description } = options;
  const made = await initBare(gitdir, options.branch);
  if (!made.ok) throw new Failure(made.fault.kind, made.fault.what, made.fault.hint);
  await removeLeftovers(join(gitdir, 'objects'));
  await removeOldLocks(gitdir, options.branch);
  const origin = join(gitdir, 'zonewright-remote');
  const before = await readFile(origin, 'utf8').catch(() => undefined);
  if (before === `${description}\n`) return;
  await rm(join(gitdir, 'refs', 'heads'), { recursive: true, force: true });
  await makeFolder(join(gitdir, 'refs', 'heads'));
  await writeDurably(origin, `${description}\n`);
}
