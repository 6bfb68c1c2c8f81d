/**
 * A bare repository on this machine as the store itself: nothing is copied, and no git is needed.
 *
 * A push is a compare-and-swap of the branch under git's own lock. Hooks are not run: they are a matter of the remote's
 * receive-pack, which is not there.
 *
 * Always holds: a repository that is away as a whole is `unreachable`; it is neither empty, nor damaged.
 */
import { ok } from '../result.ts';
import { checkHere } from './bare.ts';
import { readSeen, readTreeOf, type Tree, writeCommit } from './commit.ts';
import { Failure, settle } from './fault.ts';
import { historyOf, readCommitText } from './history.ts';
import { inspectLocal } from './inspect.ts';
import { readLog } from './log.ts';
import { MAX_BLOB, ObjectStore } from './objects.ts';
import { moveBranch, readBranch } from './ref.ts';
import type { Remote } from './remote.ts';
import { readShallow } from './shallow.ts';
import type { GitStore } from './store.ts';

/** The store of a local path. The path has been checked. */
export function localStore(remote: Remote & { kind: 'local' }): GitStore {
  const { path, branch } = remote;
  const objects = new ObjectStore(path);
  let last: Tree | undefined;
  const check = (): void => {
    try {
      checkHere(path);
    } catch (error) {
      // What comes back may be another disk.
      objects.close();
      throw error;
    }
  };
  /** As `settle`. What is not found may be away with all the rest. */
  const settled = <T>(work: () => Promise<T>) =>
    settle(async () => {
      try {
        const value = await work();
        if (value === undefined) check();
        return value;
      } catch (error) {
        if (!(error instanceof Failure) || error.fault.kind !== 'unknown') check();
        throw error;
      }
    });
  /** As `settled`; what is still known of a repository that is away does not count. */
  const checked = <T>(work: () => Promise<T>) =>
    settled(async () => {
      check();
      return await work();
    });
  const head = () =>
    checked(async (): Promise<Tree | undefined> => {
      const tip = readBranch(path, branch);
      last = tip === undefined ? undefined : readTreeOf(objects, tip, last);
      return last;
    });
  const read = (oid: string, limit: number): Uint8Array => {
    try {
      return objects.readTyped(oid, 'blob', limit);
    } catch (error) {
      // There is nowhere to get it from: it concerns one file, and is no reason to try again.
      if (error instanceof Failure && error.fault.kind === 'corrupt') throw new Failure('damaged', error.message);
      throw error;
    }
  };
  return {
    head,
    fetch: head,
    at: (commit) => checked(async () => readSeen(objects, commit, last)),
    log: (since, tip, pick) => checked(async () => readLog(objects, since, tip, pick)),
    // Whoever made it without its past has to see to that.
    deepen: () => settle(async () => false),
    history: (request) =>
      historyOf({ objects: () => objects, shallow: () => readShallow(path), deepen: async () => false }, request),
    about: (commit) => checked(async () => readCommitText(objects, commit)),
    read: (oid, limit) => settled(async () => read(oid, limit ?? MAX_BLOB)),
    commit: (parent, request) => checked(() => writeCommit(objects, parent, request)),
    push: (parent, next) =>
      checked(async () => {
        // Written a moment ago; but somebody may prune what no branch leads to.
        if (!objects.has(next.commit)) throw new Failure('moved', 'what was written is not here any more');
        await moveBranch(path, branch, parent?.commit, next.commit);
        last = next;
      }),
    inspect: () => checked(() => inspectLocal(path)),
    // It is not ours alone: `git gc` does that.
    tidy: async () => ok(undefined),
    close: async () => objects.close(),
  };
}
