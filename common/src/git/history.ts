/**
 * The history of what some files of the root say (git-log(1), "History Simplification"): the commits that changed it, newest first.
 *
 * Which files these are at a commit is for the caller to say, and what they say is a text to be compared, made of names of objects.
 * A merge that says what one of its parents says is followed to that parent alone, as `git log -- FILE` does it. What is older than
 * the commits that are here is asked for once it is needed, and not before.
 */
import type { Result } from '../result.ts';
import { Slices } from '../service/slices.ts';
import { type Author, type CommitHead, readCommit } from './commit.ts';
import { Failure, type GitFault, settle } from './fault.ts';
import type { ObjectStore } from './objects.ts';
import { findFile } from './tree.ts';
import { ByDate } from './walk.ts';

/** The object name of a file of the root at one commit; `undefined` where there is no such file. */
export type Lookup = (fileName: string) => string | undefined;

export interface HistoryRequest {
  /** The commit to begin with. */
  readonly from: string;
  /** Commits of before are not looked at, nor what leads to them. Seconds since 1970. */
  readonly since?: number;
  /** Ends the search: what follows is as if older commits were not to be had. */
  readonly signal?: AbortSignal;
  /** What the files of a commit say; `undefined`: nothing. */
  readonly stateOf: (lookup: Lookup) => Promise<Result<string | undefined, GitFault>>;
}

/** A commit that says something else than each of its parents. */
export interface Change {
  readonly commit: string;
  readonly state: string | undefined;
  /** The parents, and what they say. */
  readonly parents: readonly { readonly commit: string; readonly state: string | undefined }[];
  /** There are parents, which are not to be had: whether it changed anything is not known. */
  readonly isCut: boolean;
}

export interface HistoryEnd {
  /** Was it followed back to its beginning (or to `since`)? Older commits may not be to be had. */
  readonly isWhole: boolean;
}

export type History = AsyncGenerator<Change, Result<HistoryEnd, GitFault>, void>;

/** Where commits come from. */
export interface CommitSource {
  objects(): ObjectStore;
  /** The commits whose parents are not here. */
  shallow(): Promise<ReadonlySet<string>>;
  /** Gets older commits; `false` where there are none to be had. */
  deepen(): Promise<boolean>;
}

/** The most commits that one history looks at. */
const MAX_HISTORY = 200_000;

interface Visit {
  readonly oid: string;
  readonly head: CommitHead;
  readonly time: number;
  readonly state: string | undefined;
}

export async function* historyOf(source: CommitSource, request: HistoryRequest): History {
  const walk = new Walk(source, request);
  for (;;) {
    const step = await settle(() => walk.next());
    if (!step.ok) return step;
    if ('isWhole' in step.value) return { ok: true, value: step.value };
    yield step.value;
  }
}

class Walk {
  readonly #source: CommitSource;
  readonly #request: HistoryRequest;
  readonly #waiting = new ByDate<Visit>();
  readonly #seen = new Set<string>();
  readonly #slices = new Slices();
  /** What is to be followed once the caller wants more. */
  #next: readonly Visit[] | undefined;
  #shallow: ReadonlySet<string> | undefined;
  #isWhole = true;

  constructor(source: CommitSource, request: HistoryRequest) {
    this.#source = source;
    this.#request = request;
  }

  async next(): Promise<Change | HistoryEnd> {
    this.#next ??= [await this.#visit(this.#request.from)];
    for (;;) {
      for (const visit of this.#next) this.#add(visit);
      const visit = this.#waiting.pop();
      if (visit === undefined) return { isWhole: this.#isWhole };
      if (this.#seen.size > MAX_HISTORY || this.#request.signal?.aborted === true) return { isWhole: false };
      if (this.#slices.isOver) await this.#slices.pause();
      const parents = await this.#parentsOf(visit);
      const same = parents.find(({ state }) => state === visit.state);
      this.#next = same === undefined ? parents : [same];
      if (same === undefined && (parents.length > 0 || visit.state !== undefined))
        return {
          commit: visit.oid,
          state: visit.state,
          parents: parents.map(({ oid, state }) => ({ commit: oid, state })),
          isCut: parents.length < visit.head.parents.length,
        };
    }
  }

  #add(visit: Visit): void {
    if (this.#seen.has(visit.oid) || visit.time < (this.#request.since ?? 0)) return;
    this.#seen.add(visit.oid);
    this.#waiting.push(visit);
  }

  async #visit(oid: string, from?: Visit): Promise<Visit> {
    const objects = this.#source.objects();
    const head = readCommit(objects, oid);
    if (head.tree === from?.head.tree) return { oid, head, time: head.time, state: from.state };
    const octets = objects.readTyped(head.tree, 'tree');
    const state = await this.#request.stateOf((fileName) => findFile(octets, fileName));
    if (!state.ok) throw new Failure(state.fault.kind, state.fault.what, state.fault.hint);
    return { oid, head, time: head.time, state: state.value };
  }

  async #parentsOf(visit: Visit): Promise<readonly Visit[]> {
    if (visit.head.parents.length === 0) return [];
    // What came before `since` is only looked at to compare with it.
    if (!(await this.#hasParents(visit))) {
      this.#isWhole = false;
      return [];
    }
    const parents: Visit[] = [];
    for (const oid of visit.head.parents) parents.push(await this.#visit(oid, visit));
    return parents;
  }

  /** Are the parents of a commit here, or to be had? */
  async #hasParents({ oid, head }: Visit): Promise<boolean> {
    for (;;) {
      this.#shallow ??= await this.#source.shallow();
      const objects = this.#source.objects();
      if (!this.#shallow.has(oid) && head.parents.every((parent) => objects.has(parent))) return true;
      if (!(await this.#source.deepen())) return false;
      this.#shallow = undefined;
    }
  }
}

/** What a commit says of itself. All of it is from whoever made it. */
export interface CommitText {
  readonly author: Author;
  /** When its author made it, seconds since 1970; 0 where it does not say. */
  readonly time: number;
  readonly parents: readonly string[];
  readonly message: string;
}

export function readCommitText(objects: ObjectStore, oid: string): CommitText {
  const { parents } = readCommit(objects, oid);
  const octets = Buffer.from(objects.readTyped(oid, 'commit'));
  const end = octets.indexOf('\n\n');
  const head = octets.toString('utf8', 0, end < 0 ? octets.length : end);
  const [, name = '', email = '', time = '0'] = /^author (.*?) ?<([^<>\n]*)> (\d{1,11})(?: .*)?$/m.exec(head) ?? [];
  const message = end < 0 ? '' : octets.toString('utf8', end + 2);
  return { author: { name, email }, time: Number(time), parents, message };
}
