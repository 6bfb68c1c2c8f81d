/**
 * A bare repository on this machine as the store itself: nothing is copied, and no git is needed.
 *
 * A push is a compare-and-swap of the branch under git's own lock. Hooks are not run: they are a matter of the remote's
 * receive-pack, which is not there.
 */
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
  const head = () =>
    settle(async (): Promise<Tree | undefined> => {
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
    at: (commit) => settle(async () => readSeen(objects, commit, last)),
    log: (since, tip, pick) => settle(async () => readLog(objects, since, tip, pick)),
    // Whoever made it without its past has to see to that.
    deepen: () => settle(async () => false),
    history: (request) =>
      historyOf({ objects: () => objects, shallow: () => readShallow(path), deepen: async () => false }, request),
    about: (commit) => settle(async () => readCommitText(objects, commit)),
    read: (oid, limit) => settle(async () => read(oid, limit ?? MAX_BLOB)),
    commit: (parent, request) => settle(() => writeCommit(objects, parent, request)),
    push: (parent, next) =>
      settle(async () => {
        // Written a moment ago; but somebody may prune what no branch leads to.
        if (!objects.has(next.commit)) throw new Failure('moved', 'what was written is not here any more');
        await moveBranch(path, branch, parent?.commit, next.commit);
        last = next;
      }),
    inspect: () => settle(() => inspectLocal(path)),
    close: async () => objects.close(),
  };
}
