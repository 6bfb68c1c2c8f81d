/** What the messages of commits say, of those that lead from one to another. */
import { readMessage } from './commit.ts';
import type { ObjectStore } from './objects.ts';
import { commitsBetween } from './walk.ts';

/** What is wanted of a message; `undefined`: nothing. */
export type PickMessage<T> = (message: string, commit: string) => T | undefined;

export interface Commits<T> {
  /** Newest first. */
  readonly picked: readonly T[];
  /** Is the older commit known not to be a part of the history of the newer one? */
  readonly isForced: boolean;
}

/** Looks through the commits of `since..tip`. */
export function readLog<T>(
  objects: ObjectStore,
  since: string | undefined,
  tip: string,
  pick: PickMessage<T>,
): Commits<T> {
  const { commits, isAncestor } = commitsBetween(objects, since, tip);
  const picked: T[] = [];
  for (const commit of commits) {
    const found = pick(readMessage(objects, commit), commit);
    if (found !== undefined) picked.push(found);
  }
  return { picked, isForced: isAncestor === false };
}
