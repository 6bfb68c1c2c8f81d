/**
 * References of a bare repository: reading a branch, and moving it so that native git and this program never overwrite each
 * other (gitrepository-layout(5); the `.lock` protocol of git's files backend).
 *
 * A process may be killed while it has a branch locked, and git would wait for that lock for ever. So a lock of this program is the
 * second name of a file beside HEAD, which tells whose it is: one that got old was left behind, since nothing is done under it that
 * takes time.
 *
 * Not supported: reftable, and branches that are symbolic references.
 */
import { randomBytes } from 'node:crypto';
import { constants, copyFileSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolders, syncNames, writeSynced } from './durable.ts';
import { Failure, systemCode } from './fault.ts';
import { step } from './step.ts';

const OID_LINE = /^([0-9a-f]{40})\s*$/;
/** How long a lock of somebody else is waited for, and how often it is tried, in milliseconds. */
const LOCK_PATIENCE = 3000;
const LOCK_INTERVAL = 25;
/** Milliseconds after which one that is still held was left behind: nothing that takes time is done under it. */
const LOCK_AGE = 1000;
/** Milliseconds after which nobody is at work any more who takes no lock. */
const ABANDONED = 3_600_000;
const LOCK = '.lock';
const DRAFT = /^zonewright-[0-9a-f]{16}\.lock$/;
/** What a file system says that has no hard links. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** The commit a branch is at, or `undefined` where there is no such branch. */
export function readBranch(gitdir: string, branch: string): string | undefined {
  const name = `refs/heads/${branch}`;
  const loose = readText(join(gitdir, name));
  if (loose !== undefined) {
    const oid = OID_LINE.exec(loose)?.[1];
    if (oid !== undefined) return oid;
    if (loose.startsWith('ref:'))
      throw new Failure('usage', `the branch ${branch} is a symbolic reference`, 'name the branch it points to');
    throw new Failure('corrupt', `the branch ${branch} of the repository is damaged`);
  }
  const packed = readText(join(gitdir, 'packed-refs')) ?? '';
  for (const line of packed.split('\n')) if (line.slice(41) === name) return OID_LINE.exec(line.slice(0, 40))?.[1];
  return undefined;
}

/** Moves a branch from `from` to `to` (`undefined`: not there), durably. `moved` where it is elsewhere. */
export async function moveBranch(gitdir: string, branch: string, from: string | undefined, to: string): Promise<void> {
  const path = join(gitdir, 'refs', 'heads', branch);
  // What the lock is to hold is durable before it is taken: it is held for no longer than a look at the branch takes.
  const draft = join(gitdir, `zonewright-${randomBytes(8).toString('hex')}${LOCK}`);
  try {
    await writeSynced(draft, `${to}\n`);
    await takeLock(gitdir, draft, path, branch);
    try {
      if (readBranch(gitdir, branch) !== from) throw new Failure('moved', `the branch ${branch} has moved`);
      step('git.locked');
      renameSync(path + LOCK, path);
    } catch (error) {
      rmSync(path + LOCK, { force: true });
      throw error;
    }
  } finally {
    await rm(draft, { force: true });
  }
  step('git.moved');
  const heads = join(gitdir, 'refs', 'heads');
  await syncNames(join(heads, branch.split('/')[0]!), path).catch((error: unknown) => {
    // git has packed the reference already, and removed a folder that was empty then.
    if (systemCode(error) === 'ENOENT') return;
    throw new Failure('unknown', `the branch ${branch} was moved, but the disk failed (${systemCode(error)})`);
  });
}

/** Sets a branch of a repository that is this program's own, whatever it was; `undefined` removes it. */
export async function setBranch(gitdir: string, branch: string, to: string | undefined): Promise<void> {
  if (to === undefined) {
    await rm(join(gitdir, 'refs', 'heads', branch), { force: true });
    await rm(join(gitdir, 'packed-refs'), { force: true });
    return;
  }
  const from = readBranch(gitdir, branch);
  if (from !== to) await moveBranch(gitdir, branch, from, to);
}

/** Removes what killed runs of this program left behind: the lock of a branch, for which all others would wait, and drafts. */
export async function removeOldLocks(gitdir: string, branch: string): Promise<void> {
  const lock = join(gitdir, 'refs', 'heads', branch) + LOCK;
  const held = statSync(lock, { throwIfNoEntry: false });
  if (held !== undefined && draftOf(gitdir, held.ino) !== undefined) {
    await delay(LOCK_AGE);
    if (statSync(lock, { throwIfNoEntry: false })?.ino === held.ino) breakAbandoned(gitdir, lock);
  }
  removeDrafts(gitdir);
}

function removeDrafts(gitdir: string): void {
  for (const name of readdirSync(gitdir)) {
    const path = join(gitdir, name);
    const draft = DRAFT.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
    // With a second name it may be a lock.
    if (draft?.nlink === 1 && Date.now() - draft.mtimeMs > ABANDONED) rmSync(path, { force: true });
  }
}

/** Makes the lock of a branch out of `draft`, as soon as nobody else has it. */
async function takeLock(gitdir: string, draft: string, path: string, branch: string): Promise<void> {
  const until = performance.now() + LOCK_PATIENCE;
  for (let wasBroken = false; ; ) {
    makePlace(dirname(path), branch);
    try {
      linkOrCopy(draft, path + LOCK);
      return;
    } catch (error) {
      const code = systemCode(error);
      // ENOENT: git has removed an empty folder between the two steps.
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
    }
    if (performance.now() >= until) {
      if (wasBroken || !breakAbandoned(gitdir, path + LOCK)) {
        throw new Failure(
          'unreachable',
          `the branch ${branch} is locked by another process`,
          'if no git runs there, remove the .lock file beside it',
        );
      }
      wasBroken = true;
    } else await delay(LOCK_INTERVAL);
  }
}

/** Makes the folder that a branch is in, which git removes whenever it is empty: it is synced when it is not. */
function makePlace(folder: string, branch: string): void {
  try {
    makeFolders(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOTDIR' || code === 'EEXIST')
      throw new Failure('rejected', `the branch ${branch} cannot be: a part of its name is a branch`);
    if (code !== 'ENOENT') throw error;
  }
}

/** Gives a file a second name that nothing else has; where there are no second names, a copy. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!NO_LINKS.has(systemCode(error) ?? '')) throw error;
    copyFileSync(from, to, constants.COPYFILE_EXCL);
  }
}

/**
 * Removes a lock that a run of this program left behind which was killed: nobody but us makes one that is a draft too, and who is
 * alive holds it for a moment.
 */
function breakAbandoned(gitdir: string, lock: string): boolean {
  const held = statSync(lock, { throwIfNoEntry: false });
  if (held === undefined) return true;
  const draft = draftOf(gitdir, held.ino);
  if (draft === undefined) return false;
  rmSync(lock, { force: true });
  rmSync(draft, { force: true });
  return true;
}

/** The draft that has this file as its content. */
function draftOf(gitdir: string, inode: number): string | undefined {
  return readdirSync(gitdir)
    .filter((name) => DRAFT.test(name))
    .map((name) => join(gitdir, name))
    .find((path) => statSync(path, { throwIfNoEntry: false })?.ino === inode);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = systemCode(error);
    // A folder of that name: branches with the name as first part, not this branch.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}
