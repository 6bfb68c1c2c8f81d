/**
 * A git repository as a store of root files: what the rest of Zonewright knows of git.
 *
 * Only files at the root are seen and written; folders and everything else is carried along untouched. There is no work tree
 * and no index, no git program is run, and a branch is never forced.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Result } from '../result.ts';
import { checkBare, checkHere } from './bare.ts';
import type { CommitRequest, Tree } from './commit.ts';
import { Failure, type GitFault, settle } from './fault.ts';
import type { CommitText, History, HistoryRequest } from './history.ts';
import { type HostKeyPin, PIN_HINT } from './host-key.ts';
import type { HttpLogin } from './http.ts';
import type { Inspection } from './inspect.ts';
import { localStore } from './local-store.ts';
import type { Commits, PickMessage } from './log.ts';
import { removeOldLocks } from './ref.ts';
import { describeRemote, type Remote } from './remote.ts';
import { remoteStore } from './remote-store.ts';
import type { Transport } from './session.ts';
import type { SshKey } from './ssh-key.ts';
import type { Needed } from './sweep.ts';
import type { Tidied, TidyLimits } from './tidy.ts';

export type { Author, CommitRequest, Tree } from './commit.ts';
export type { GitFault } from './fault.ts';
export type { Change, CommitText, History, HistoryRequest, Lookup } from './history.ts';
export type { Inspection } from './inspect.ts';
export type { Commits, PickMessage } from './log.ts';
export type { Needed } from './sweep.ts';
export type { Tidied } from './tidy.ts';

export interface GitStore {
  /** What is known without asking the remote; `undefined`: nothing yet. A local path is always up to date. */
  head(): Promise<Result<Tree | undefined, GitFault>>;
  /** Asks the remote; `undefined`: the repository is empty, or has no such branch. A force-pushed branch is followed. */
  fetch(): Promise<Result<Tree | undefined, GitFault>>;
  /** The tree of a commit that was seen before; `gone` where it is not here any more. */
  at(commit: string): Promise<Result<Tree, GitFault>>;
  /** Looks through the messages of the commits of `since..tip`, as far as they are here. `since`: `undefined` for all. */
  log<T>(since: string | undefined, tip: string, pick: PickMessage<T>): Promise<Result<Commits<T>, GitFault>>;
  /** Fetches older commits, some, then more, then all that the remote has; `false` where there are none to be had. */
  deepen(): Promise<Result<boolean, GitFault>>;
  /** The commits that changed what some files say, newest first. Where they are not here, they are fetched. */
  history(request: HistoryRequest): History;
  /** What a commit says of itself. */
  about(commit: string): Promise<Result<CommitText, GitFault>>;
  /**
   * The content of a file by the object name that a tree gives. `limit`: octets, default 64 MiB. `damaged`: it is not to be had, which
   * the rest does not suffer from; `corrupt`: the next fetch may bring it.
   */
  read(oid: string, limit?: number): Promise<Result<Uint8Array, GitFault>>;
  /** Writes a commit on top of `parent` (`undefined`: the first one) here, and moves no branch. */
  commit(parent: Tree | undefined, request: CommitRequest): Promise<Result<Tree, GitFault>>;
  /** Moves the remote's branch from `parent` to `next`, which `commit` made from it in one or more steps. `moved` where it is elsewhere. */
  push(parent: Tree | undefined, next: Tree): Promise<Result<void, GitFault>>;
  /** What the remote is like, beside the branch: for whoever is to be told why things do not work. Changes nothing. */
  inspect(): Promise<Result<Inspection, GitFault>>;
  /**
   * Removes what a cache needs no more, once that is much: all but this commit, which is to be where the branch is known to be, and some
   * objects. What is older is fetched again where somebody asks for it. `undefined`: there was nothing to do.
   */
  tidy(needed: Needed): Promise<Result<Tidied | undefined, GitFault>>;
  /** Ends what is under way and frees everything. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Keeps the objects of a remote between runs, for one process at a time; without it they go with the store. */
  readonly directory?: string;
  readonly sshKey?: SshKey;
  readonly sshPassword?: string;
  /** Who an ssh server has to be: any of these. Mandatory for ssh. */
  readonly authenticator?: readonly HostKeyPin[];
  /** How to log in over http and https, where the URL does not say so. */
  readonly httpLogin?: HttpLogin;
  /** PEM certificates that an https server's has to lead to, instead of the well-known ones. */
  readonly tlsCa?: string;
  /** Was the repository here before, so that a local path without one is `unreachable`, and nothing to make? */
  readonly wasHere?: boolean;
  /** Milliseconds that a remote may be silent; default 30000. An operation as a whole may take 40 times as long. */
  readonly timeout?: number;
  /** What the cache of a remote may have beyond what is needed. */
  readonly tidy?: TidyLimits;
}

const DEFAULT_TIMEOUT = 30_000;

/** Opens the store of a remote. Nothing is asked of the network yet. */
export function openStore(remote: Remote, options: StoreOptions): Promise<Result<GitStore, GitFault>> {
  return settle(async () => {
    if (remote.kind === 'local') {
      if (options.wasHere === true) checkHere(remote.path);
      await checkBare(remote.path);
      await removeOldLocks(remote.path, remote.branch);
      return localStore(remote);
    }
    const transport = await transportOf(remote, options);
    return await remoteStore(transport, {
      gitdir: options.directory ?? (await mkdtemp(join(tmpdir(), 'zonewright-git-'))),
      branch: remote.branch,
      description: describeRemote(remote),
      timeout: options.timeout ?? DEFAULT_TIMEOUT,
      isTemporary: options.directory === undefined,
      ...(options.tidy && { tidy: options.tidy }),
    });
  });
}

/** The transport of a remote. What the others need, time and memory, is not spent. */
async function transportOf(remote: Exclude<Remote, { kind: 'local' }>, options: StoreOptions): Promise<Transport> {
  switch (remote.kind) {
    case 'http':
      return (await import('./http.ts')).httpTransport(remote, options.tlsCa, options.httpLogin);
    case 'git':
      return (await import('./tcp.ts')).gitTransport(remote);
    case 'ssh': {
      const { sshTransport } = await import('./ssh.ts');
      const { sshKey, sshPassword, authenticator = [] } = options;
      if (sshKey !== undefined && sshPassword !== undefined)
        throw new Failure('usage', 'both an ssh key and an ssh password are given', 'give one of them');
      if (authenticator.length === 0)
        throw new Failure('usage', 'an ssh remote needs an authenticator: the host key of the server', PIN_HINT);
      if (sshKey !== undefined) return sshTransport(remote, { key: sshKey }, authenticator);
      if (sshPassword !== undefined) return sshTransport(remote, { password: sshPassword }, authenticator);
      throw new Failure(
        'usage',
        'an ssh remote needs an ssh key or an ssh password',
        'make a key with: zonewright keygen ssh',
      );
    }
  }
}
