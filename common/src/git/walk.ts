/**
 * Walking the history of commits, newest first, over all parents (git-rev-list(1)).
 *
 * In the order of commit dates, which come from many clocks: what they get wrong costs time, and no commit. A history ends where
 * commits have no parents, and where these are not here or cannot be read, as in a clone without its past.
 */
import { type CommitHead, readCommit } from './commit.ts';
import { Failure } from './fault.ts';
import type { ObjectStore } from './objects.ts';

/** The most commits that are looked at to tell what lies between two. */
const MAX_WALK = 100_000;
/** So many more are looked at where all seems to be told, as git does: a clock may have been wrong. */
const SLOP = 5;

export interface WalkedCommit extends CommitHead {
  readonly oid: string;
}

/** What leads from one commit to another. */
export interface Between {
  /** What is reachable from `tip` and not from `since`, newest first. Where clocks were very wrong, more than that. */
  readonly commits: readonly string[];
  /** Is `since` a part of the history of `tip`? `undefined`: the way there is longer than is looked at, or not here. */
  readonly isAncestor: boolean | undefined;
}

/** All that is reachable from some commits, newest first, each once. */
export function* commitsFrom(objects: ObjectStore, tips: Iterable<string>): Generator<WalkedCommit, void, undefined> {
  const seen = new Set<string>();
  const queue = new ByDate<WalkedCommit>();
  const add = (oid: string): void => {
    if (seen.has(oid)) return;
    seen.add(oid);
    const commit = commitIfThere(objects, oid);
    if (commit !== undefined) queue.push(commit);
  };
  for (const tip of tips) add(tip);
  for (let commit = queue.pop(); commit !== undefined; commit = queue.pop()) {
    yield commit;
    for (const parent of commit.parents) add(parent);
  }
}

/** Reachable from `tip`, from `since`, from both: what a commit is painted with. */
const NEW = 1;
const OLD = 2;
const BOTH = NEW | OLD;

interface Painted extends WalkedCommit {
  paint: number;
  isWaiting: boolean;
  wasSeen: boolean;
}

/** What lies between two commits. `since` may be `undefined`: then all that is reachable from `tip`. */
export function commitsBetween(
  objects: ObjectStore,
  since: string | undefined,
  tip: string,
  limit: number = MAX_WALK,
): Between {
  const known = new Map<string, Painted | undefined>();
  const waiting = new ByDate<Painted>();
  /** How many of those that wait have one colour only: the others, and what is below them, tell nothing new. */
  let undecided = 0;
  const paint = (oid: string, colour: number): void => {
    let commit = known.get(oid);
    if (commit === undefined) {
      if (known.has(oid)) return;
      const found = commitIfThere(objects, oid);
      if (found !== undefined) commit = { ...found, paint: 0, isWaiting: false, wasSeen: false };
      known.set(oid, commit);
      if (commit === undefined) return;
    }
    const before = commit.paint;
    commit.paint |= colour;
    if (commit.paint === before) return;
    if (commit.isWaiting) {
      if (commit.paint === BOTH) undecided--;
      return;
    }
    commit.isWaiting = true;
    if (commit.paint !== BOTH) undecided++;
    waiting.push(commit);
  };
  paint(tip, NEW);
  if (since !== undefined) paint(since, OLD);

  const seen: Painted[] = [];
  let oldest = Number.POSITIVE_INFINITY;
  for (let slop = SLOP; slop > 0 && known.size < limit; ) {
    const commit = waiting.pop();
    if (commit === undefined) break;
    commit.isWaiting = false;
    if (commit.paint !== BOTH) undecided--;
    if (commit.paint === NEW) oldest = Math.min(oldest, commit.time);
    slop = undecided > 0 || commit.time >= oldest ? SLOP : slop - 1;
    if (!commit.wasSeen) seen.push(commit);
    commit.wasSeen = true;
    for (const parent of commit.parents) paint(parent, commit.paint);
  }
  const commits = seen.filter((commit) => commit.paint === NEW).map(({ oid }) => oid);
  const old = since === undefined ? undefined : known.get(since);
  if (old?.paint === BOTH) return { commits, isAncestor: true };
  const isWhole = undecided === 0 && (old !== undefined || ![...known.values()].includes(undefined));
  return { commits, isAncestor: since !== undefined && isWhole ? false : undefined };
}

function commitIfThere(objects: ObjectStore, oid: string): WalkedCommit | undefined {
  if (!objects.has(oid)) return undefined;
  try {
    return { oid, ...readCommit(objects, oid) };
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** What is waited for with the latest date comes out first; of one date, what came in first. */
export class ByDate<T extends { readonly time: number }> {
  readonly #heap: { readonly item: T; readonly number: number }[] = [];
  #count = 0;

  push(item: T): void {
    const heap = this.#heap;
    heap.push({ item, number: this.#count++ });
    for (let at = heap.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) break;
      this.#swap(at, above);
      at = above;
    }
  }

  pop(): T | undefined {
    const heap = this.#heap;
    if (heap.length === 0) return undefined;
    this.#swap(0, heap.length - 1);
    const { item } = heap.pop()!;
    for (let at = 0; ; ) {
      let first = at;
      for (const below of [2 * at + 1, 2 * at + 2])
        if (below < heap.length && this.#isBefore(below, first)) first = below;
      if (first === at) return item;
      this.#swap(at, first);
      at = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a]!, this.#heap[b]!];
    return one.item.time === other.item.time ? one.number < other.number : one.item.time > other.item.time;
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
