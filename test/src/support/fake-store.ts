/**
 * A FAKE: a git store in memory, for what a real one cannot be made to do at will: pushes whose outcome stays unknown, a branch
 * that moves each time, objects that cannot be read. It has the remote's branch and nothing of git's formats; that the real
 * stores keep the contract of `GitStore` is for the tests with real git.
 */
import { createHash } from 'node:crypto';
import type {
  CommitRequest,
  Commits,
  CommitText,
  GitFault,
  GitStore,
  History,
  HistoryRequest,
  Inspection,
  Needed,
  PickMessage,
  Tree,
} from '@zonewright/common/git/store';
import { fail, ok, type Result } from '@zonewright/common/result';

/** How one push ends. `lost`: unknown, and it has not arrived; `landed`: unknown, and it has. */
export type PushEnd = 'ok' | 'lost' | 'landed' | 'unreachable' | 'rejected';

const FAULTS = {
  moved: { kind: 'moved', what: 'the branch main of the remote has moved' },
  lost: { kind: 'unknown', what: 'the connection was lost while pushing: the commit may have arrived' },
  landed: { kind: 'unknown', what: 'the connection was lost while pushing: the commit may have arrived' },
  unreachable: { kind: 'unreachable', what: 'cannot reach the fake: connection refused' },
  rejected: { kind: 'rejected', what: 'the remote declined the commit (hook)' },
  corrupt: { kind: 'corrupt', what: 'an object is damaged' },
  gone: { kind: 'gone', what: 'the commit is not here any more' },
  limit: { kind: 'limit', what: 'the object is larger than 64 MiB' },
} as const satisfies Readonly<Record<string, GitFault>>;

const hash = (...parts: readonly (string | Uint8Array)[]): string => {
  const sum = createHash('sha1');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('hex');
};

export class FakeStore implements GitStore {
  /** What the remote's branch is at. */
  remote: Tree | undefined;
  /** What every commit of the branch said, the newest last. */
  readonly messages: string[] = [];
  /** How the next pushes end; those after them are `ok`. */
  pushEnds: PushEnd[] = [];
  /** Runs before each push: somebody else may be faster. */
  beforePush: (() => void) | undefined;
  /** Runs after each push, before its outcome is told. */
  afterPush: (() => void) | undefined;
  /** Is nobody there? */
  isUnreachable = false;
  /** Object names that cannot be read. */
  readonly damaged = new Set<string>();
  /** Object names of content that is larger than is read. */
  readonly oversized = new Set<string>();
  /** What was said to be needed, each time. */
  readonly needed: { readonly commit: string; readonly objects: readonly string[] }[] = [];
  pushes = 0;
  reads = 0;
  #known: Tree | undefined;
  readonly #objects = new Map<string, Uint8Array>();
  readonly #messageOf = new Map<string, string>();
  readonly #parentOf = new Map<string, string | undefined>();
  readonly #trees = new Map<string, Tree>();
  #count = 0;

  constructor(files: Readonly<Record<string, string>>) {
    this.pushElsewhere(files);
  }

  /** A commit that somebody else pushes; `undefined` removes a file. */
  pushElsewhere(files: Readonly<Record<string, string | undefined>>, message = `elsewhere ${this.#count}`): void {
    const changed = Object.entries(files).map(
      ([name, text]) => [name, text === undefined ? null : Buffer.from(text)] as const,
    );
    this.#move(this.#write(this.remote, new Map(changed), message));
  }

  /** The content of a file at the remote's head. */
  text(file: string): string {
    return Buffer.from(this.#objects.get(this.remote?.files.get(file) ?? '') ?? []).toString();
  }

  #write(parent: Tree | undefined, changed: CommitRequest['files'], message: string): Tree {
    const files = new Map(parent?.files);
    for (const [name, content] of changed) {
      if (content === null) files.delete(name);
      else {
        const oid = hash('blob', content);
        this.#objects.set(oid, content);
        files.set(name, oid);
      }
    }
    const commit = hash('commit', String(this.#count++), parent?.commit ?? '', message);
    this.#messageOf.set(commit, message);
    const tree = { commit, files, ignored: [] };
    this.#trees.set(commit, tree);
    this.#parentOf.set(commit, parent?.commit);
    return tree;
  }

  #move(next: Tree): void {
    this.remote = next;
    this.messages.push(this.#messageOf.get(next.commit)!);
  }

  tidy({ commit, objects }: Needed): Promise<Result<undefined, GitFault>> {
    this.needed.push({ commit, objects: [...objects] });
    return Promise.resolve(ok(undefined));
  }

  head(): Promise<Result<Tree | undefined, GitFault>> {
    return Promise.resolve(ok(this.#known));
  }

  fetch(): Promise<Result<Tree | undefined, GitFault>> {
    if (this.isUnreachable) return Promise.resolve(fail(FAULTS.unreachable));
    this.#known = this.remote;
    return Promise.resolve(ok(this.remote));
  }

  at(commit: string): Promise<Result<Tree, GitFault>> {
    const tree = this.#trees.get(commit);
    return Promise.resolve(tree === undefined ? fail(FAULTS.gone) : ok(tree));
  }

  log<T>(since: string | undefined, tip: string, pick: PickMessage<T>): Promise<Result<Commits<T>, GitFault>> {
    const picked: T[] = [];
    let at: string | undefined = tip;
    for (; at !== undefined && at !== since; at = this.#parentOf.get(at)) {
      const found = pick(this.#messageOf.get(at)!, at);
      if (found !== undefined) picked.push(found);
    }
    return Promise.resolve(ok({ picked, isForced: since !== undefined && at === undefined }));
  }

  deepen(): Promise<Result<boolean, GitFault>> {
    return Promise.resolve(ok(false));
  }

  async *history({ from, stateOf }: HistoryRequest): History {
    const read = async (commit: string): Promise<string | undefined> => {
      const state = await stateOf((fileName) => this.#trees.get(commit)?.files.get(fileName));
      return state.ok ? state.value : undefined;
    };
    for (let at: string | undefined = from; at !== undefined; ) {
      const parent = this.#parentOf.get(at);
      const state = await read(at);
      const parents = parent === undefined ? [] : [{ commit: parent, state: await read(parent) }];
      if (state !== parents[0]?.state) yield { commit: at, state, parents, isCut: false };
      at = parent;
    }
    return ok({ isWhole: true });
  }

  about(commit: string): Promise<Result<CommitText, GitFault>> {
    const parent = this.#parentOf.get(commit);
    return Promise.resolve(
      ok({
        author: { name: 'somebody', email: 'somebody@example.org' },
        time: 0,
        parents: parent === undefined ? [] : [parent],
        message: this.#messageOf.get(commit) ?? '',
      }),
    );
  }

  read(oid: string): Promise<Result<Uint8Array, GitFault>> {
    this.reads++;
    if (this.oversized.has(oid)) return Promise.resolve(fail(FAULTS.limit));
    const content = this.damaged.has(oid) ? undefined : this.#objects.get(oid);
    return Promise.resolve(content === undefined ? fail(FAULTS.corrupt) : ok(content));
  }

  commit(parent: Tree | undefined, { files, message }: CommitRequest): Promise<Result<Tree, GitFault>> {
    return Promise.resolve(ok(this.#write(parent, files, message)));
  }

  push(parent: Tree | undefined, next: Tree): Promise<Result<void, GitFault>> {
    this.pushes++;
    this.beforePush?.();
    const end = this.pushEnds.shift() ?? 'ok';
    const isMoved = this.remote?.commit !== parent?.commit;
    if (end === 'ok' || end === 'landed') {
      if (isMoved) return Promise.resolve(fail(FAULTS.moved));
      this.#move(next);
    }
    this.afterPush?.();
    if (end !== 'ok') return Promise.resolve(fail(FAULTS[end]));
    this.#known = next;
    return Promise.resolve(ok(undefined));
  }

  inspect(): Promise<Result<Inspection, GitFault>> {
    return Promise.resolve(ok({ branches: this.remote === undefined ? [] : ['main'] }));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
