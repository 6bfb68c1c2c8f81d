/**
 * What the primary asks of its repository, as plain data: the side that reads, parses, builds, compares, edits, commits and
 * pushes may be another thread (`loader-client.ts`) or, for tests and tools, an object beside it (`git-repository.ts`). Zones are
 * handed over as they lie in shared memory; nothing of a zone is copied.
 *
 * One request at a time, but for `changesSince` and `close`. Always holds: who asks says which commit it has in force, so that a repository that
 * knows less - one that began anew - tells of all files again instead of what changed.
 */
import type { FileFinding } from '@zonewright/common/authority/file-finding';
import type { Author, GitFault, Needed, Tidied } from '@zonewright/common/git/store';
import type { Place } from '@zonewright/common/master/scan';
import type { Result } from '@zonewright/common/result';
import type { ZoneHandle } from '@zonewright/common/zone/zone';
import type { Mark } from '../mark.ts';
import type { PlainDelta, PlainKey } from './plain.ts';

export interface Repository {
  /**
   * Takes what is known without the remote, what the remote has, or what a commit says that was in force before: `gone` or `corrupt`
   * where that is not to be had. What its files say comes with it, as far as that is one portion; the rest is fetched with {@link next}.
   */
  take(request: TakeRequest): Promise<Result<Head, GitFault>>;
  /** The next portion of what was taken. A fault leaves all as it was before `take`. */
  next(): Promise<Result<Portion, GitFault>>;
  /** What the files changed of zones that are served. */
  compare(pairs: readonly Pair[]): Promise<Result<readonly Comparison[], GitFault>>;
  /** The same version of a zone in an image without garbage. */
  condense(zone: ZoneHandle): Promise<Result<ZoneHandle, GitFault>>;
  /** Edits files of the head, and commits; nothing is pushed, and what is wrong with a file does not keep the others from it. */
  commit(request: EditRequest): Promise<Result<Committed, GitFault>>;
  /** Pushes what was committed last. Then, and only then, it is the head. */
  push(): Promise<Result<void, GitFault>>;
  /** The object name that a file has at the head; `undefined` when it is not there. */
  objectOf(fileName: string): Promise<Result<string | undefined, GitFault>>;
  /** Removes what of older commits is kept here, once that is much: all but the commit in force, and some objects beside it. */
  tidy(needed: Needed): Promise<Result<Tidied | undefined, GitFault>>;
  /** What changed since a version of a zone that git may have. May be asked beside any other request. */
  changesSince(request: ChangeRequest): Promise<Result<PlainDelta | undefined, GitFault>>;
  /** Ends what is under way and frees everything. */
  close(): Promise<Result<void, GitFault>>;
}

export type TakeRequest =
  | {
      readonly from: 'known' | 'remote';
      /** The commit that is in force where the request comes from. */
      readonly since?: string;
      /** The journal whose marks are wanted, by what they call it. */
      readonly journal?: string;
    }
  | {
      readonly from: 'commit';
      readonly commit: string;
      /** By the name of the file: what is taken instead of what it says at this commit, since that was not in force. */
      readonly lastGood: ReadonlyMap<string, Source>;
    };

/** What was read, by the names of objects, which name their content for ever. */
export interface Source {
  readonly oid: string;
  /** Of the files that it includes: names, and names of objects. */
  readonly includes: readonly (readonly [fileName: string, oid: string])[];
}

export interface Head {
  /** `undefined`: there is no commit yet. */
  readonly commit: string | undefined;
  /** How much there is to fetch: nothing, what changed since the commit in force, or what all files say. */
  readonly extent: 'none' | 'changes' | 'all';
  /** Was the history rewritten, so that the commit in force is no part of it any more? */
  readonly isForced: boolean;
  /** Of the commits that came since, of all parents, newest first; whoever made them. */
  readonly marks: readonly Mark[];
  /** The first portion. */
  readonly first: Portion;
}

/** Some files. A portion is small enough to be taken in within a few milliseconds. */
export interface Portion {
  readonly readings: readonly Reading[];
  /** Files that are there no more; there in the last portion, and in no other. */
  readonly gone?: readonly string[];
}

/** What a file says. */
export type Reading =
  | ({ readonly kind: 'zone' } & ZoneReading)
  | {
      readonly kind: 'keys';
      readonly fileName: string;
      readonly keys: readonly PlainKey[];
      readonly findings: readonly FileFinding[];
      /** What the keys were read from, where nothing is wrong with it. */
      readonly source?: Source;
    }
  /** `reason`: why it is neither. */
  | { readonly kind: 'other'; readonly fileName: string; readonly reason: string };

export interface ZoneReading {
  readonly fileName: string;
  /** Present when there are no errors; beside errors it is the last good version. */
  readonly zone?: ZoneHandle;
  /** What the zone was read from. */
  readonly source?: Source;
  /** Of the file as it stands, also where it has errors; absent where it cannot be read. */
  readonly octets?: number;
  /** Where the SOA of the apex stands. */
  readonly soa?: Place;
  readonly errors: readonly FileFinding[];
  /** Why it may be no zone at all, if it was none before. */
  readonly reason?: string;
}

/** Two versions of a zone. */
export interface Pair {
  readonly served: ZoneHandle;
  readonly next: ZoneHandle;
}

export interface ChangeRequest {
  readonly served: ZoneHandle;
  readonly serial: number;
  /** Milliseconds after which nobody waits for it any more. */
  readonly limit: number;
}

export interface Comparison {
  /** Is nothing different but, perhaps, the serial? */
  readonly isSame: boolean;
  /** `undefined` when it is larger than what a history keeps. */
  readonly delta: PlainDelta | undefined;
}

export interface EditRequest {
  /** The commit in force where the request comes from: `moved` where the head is another. */
  readonly parent: string | undefined;
  readonly edits: readonly Edit[];
  readonly author: Author;
  readonly message: string;
}

/** A version that a zone file is to lead to. */
export interface Edit {
  readonly fileName: string;
  /** The SOA of that version, as {@link PlainDelta} has records. */
  readonly soa: Uint8Array;
  /** What changed besides the serial. */
  readonly delta?: PlainDelta;
}

export interface Committed {
  /** `undefined` when no file could be edited. */
  readonly commit: string | undefined;
  /** The object names of the files that were edited. */
  readonly objects: ReadonlyMap<string, string>;
  /** Their octets. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Files that could not be edited, and why. */
  readonly refused: readonly { readonly fileName: string; readonly what: string }[];
}
