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
import { readFileSync } from 'node:fs';
import { constants, copyFile, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder, syncFolder } from './durable.ts';
import { Failure, systemCode } from './fault.ts';
import { step } from './step.ts';

const OID_LINE = /^([0-9a-f]{40})\s*$/;
/** How long a lock of somebody else is waited for, and how often it is tried, in milliseconds. */
const LOCK_PATIENCE = 3000;
const LOCK_INTERVAL = 25;
/** A lock of this program that is older was left behind, in milliseconds. */
const LOCK_AGE = 1000;
/** How the first names of locks begin. */
const OWN_LOCK = 'zonewright-lock-';

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
  const path = pathOf(gitdir, branch);
  const own = await writeLock(gitdir, to);
  try {
    await takeLock(gitdir, branch, own);
    try {
      const now = readBranch(gitdir, branch);
      if (now !== from) throw new Failure('moved', `the branch ${branch} has moved`);
      step('git.locked');
      await rename(`${path}.lock`, path);
    } catch (error) {
      await rm(`${path}.lock`, { force: true });
      throw error;
    }
  } finally {
    await rm(own, { force: true });
  }
  step('git.moved');
  await syncFolder(dirname(path));
}

/** Sets a branch of a repository that is this program's own, whatever it was; `undefined` removes it. */
export async function setBranch(gitdir: string, branch: string, to: string | undefined): Promise<void> {
  const from = readBranch(gitdir, branch);
  if (to === undefined) await rm(join(gitdir, 'refs', 'heads', branch), { force: true });
  else if (from !== to) await moveBranch(gitdir, branch, from, to);
}

/** Removes what runs that were killed left behind: the lock of a branch, for which others may be waiting. */
export async function removeOldLocks(gitdir: string, branch: string): Promise<void> {
  for (
    let waited = 0;
    waited <= LOCK_AGE && (await firstNameOf(gitdir, branch)) !== undefined;
    waited += LOCK_INTERVAL
  ) {
    if (await removeIfOld(gitdir, branch)) break;
    await delay(LOCK_INTERVAL);
  }
  for (const own of await ownLocks(gitdir)) if (await isOld(own)) await rm(own, { force: true });
}

const pathOf = (gitdir: string, branch: string): string => join(gitdir, 'refs', 'heads', branch);

/** The content of a lock, under its first name. */
async function writeLock(gitdir: string, to: string): Promise<string> {
  const own = join(gitdir, `${OWN_LOCK}${randomBytes(8).toString('hex')}`);
  const handle = await open(own, 'wx', 0o644);
  try {
    await handle.writeFile(`${to}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return own;
}

/** Gives a file a second name; where there can be none, the same content. `EEXIST` where there is something of that name. */
async function nameAgain(path: string, other: string): Promise<void> {
  try {
    await link(path, other);
  } catch (error) {
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EXDEV'].includes(systemCode(error) ?? '')) throw error;
    await copyFile(path, other, constants.COPYFILE_EXCL);
  }
}

async function takeLock(gitdir: string, branch: string, own: string): Promise<void> {
  const path = pathOf(gitdir, branch);
  for (let waited = 0; ; waited += LOCK_INTERVAL) {
    try {
      await makeFolder(dirname(path));
      await nameAgain(own, `${path}.lock`);
      return;
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR')
        throw new Failure('rejected', `the branch ${branch} cannot be: a part of its name is a branch`);
      // ENOENT: git has removed an empty folder between the two steps.
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
      if (await removeIfOld(gitdir, branch)) continue;
      if (waited >= LOCK_PATIENCE) {
        throw new Failure(
          'unreachable',
          `the branch ${branch} is locked by another process`,
          'if no git runs there, remove the .lock file beside it',
        );
      }
    }
    await delay(LOCK_INTERVAL);
  }
}

/** Removes a lock that was left behind; `false` where there is none. */
async function removeIfOld(gitdir: string, branch: string): Promise<boolean> {
  const lock = `${pathOf(gitdir, branch)}.lock`;
  const own = await firstNameOf(gitdir, branch);
  if (own === undefined || !(await isOld(own))) return false;
  // Put aside first: another process may have done the same, and have taken the lock anew.
  const aside = `${own}-old`;
  await rename(lock, aside).catch(() => undefined);
  if (!(await isSame(own, aside))) await link(aside, lock).catch(() => undefined);
  for (const name of [aside, own]) await rm(name, { force: true });
  return true;
}

/** The first name of the lock of a branch, where this program has made it. */
async function firstNameOf(gitdir: string, branch: string): Promise<string | undefined> {
  for (const own of await ownLocks(gitdir)) if (await isSame(own, `${pathOf(gitdir, branch)}.lock`)) return own;
  return undefined;
}

async function ownLocks(gitdir: string): Promise<readonly string[]> {
  const names = await readdir(gitdir).catch(() => []);
  return names.filter((name) => name.startsWith(OWN_LOCK)).map((name) => join(gitdir, name));
}

async function isOld(path: string): Promise<boolean> {
  const file = await stat(path).catch(() => undefined);
  return file !== undefined && Date.now() - file.mtimeMs >= LOCK_AGE;
}

/** Are these two names of one file? */
async function isSame(path: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([path, other].map((name) => stat(name).catch(() => undefined)));
  return one !== undefined && one.ino === two?.ino && one.dev === two.dev;
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
