/**
 * References of a bare repository: reading a branch, and moving it so that native git and this program never overwrite each
 * other (gitrepository-layout(5); the `.lock` protocol of git's files backend).
 *
 * Not supported: reftable, and branches that are symbolic references.
 */
import { readFileSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder, syncFolder } from './durable.ts';
import { Failure, systemCode } from './fault.ts';

const OID_LINE = /^([0-9a-f]{40})\s*$/;
/** How long a lock of somebody else is waited for, and how often it is tried, in milliseconds. */
const LOCK_PATIENCE = 3000;
const LOCK_INTERVAL = 25;

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
  const lock = await takeLock(path, branch);
  try {
    const now = readBranch(gitdir, branch);
    if (now !== from) throw new Failure('moved', `the branch ${branch} has moved`);
    await lock.writeFile(`${to}\n`);
    await lock.sync();
    await lock.close();
    await rename(`${path}.lock`, path);
  } catch (error) {
    await lock.close().catch(() => {});
    await rm(`${path}.lock`, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Sets a branch of a repository that is this program's own, whatever it was; `undefined` removes it. */
export async function setBranch(gitdir: string, branch: string, to: string | undefined): Promise<void> {
  const from = readBranch(gitdir, branch);
  if (to === undefined) await rm(join(gitdir, 'refs', 'heads', branch), { force: true });
  else if (from !== to) await moveBranch(gitdir, branch, from, to);
}

async function takeLock(path: string, branch: string): Promise<FileHandle> {
  for (let waited = 0; ; waited += LOCK_INTERVAL) {
    try {
      await makeFolder(dirname(path));
      return await open(`${path}.lock`, 'wx', 0o644);
    } catch (error) {
      const code = systemCode(error);
      if (code === 'ENOTDIR')
        throw new Failure('rejected', `the branch ${branch} cannot be: a part of its name is a branch`);
      // ENOENT: git has removed an empty folder between the two steps.
      if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
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
