/**
 * Bare repositories on this machine, without git: making one, and looking whether a folder is one this program can use
 * (gitrepository-layout(5)).
 *
 * Supported: SHA-1 names, references as files. Not supported, with a `usage` fault: SHA-256, reftable, work trees.
 */
import { statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Result } from '../result.ts';
import { exists, makeFolder, PRIVATE_FOLDER, syncFolder, writeDurably } from './durable.ts';
import { Failure, type GitFault, settle, systemCode } from './fault.ts';
import { isBranchName } from './remote.ts';

const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n';
const FOLDERS = ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags', 'info', 'hooks'];

/**
 * Makes an empty bare repository at `path`, whose HEAD names `branch`. A bare repository that is there already stays as it is.
 * It holds keys: folders that are made, also above it, are for their owner only; a folder that is there keeps its mode.
 */
export function initBare(path: string, branch = 'main'): Promise<Result<void, GitFault>> {
  return settle(async () => {
    if (!isBranchName(branch)) throw new Failure('usage', 'this is no valid name of a branch');
    if (await exists(join(path, 'HEAD'))) return await checkBare(path);
    await makeFolder(path, PRIVATE_FOLDER);
    for (const folder of FOLDERS) await makeFolder(join(path, folder));
    await writeDurably(join(path, 'config'), CONFIG);
    // HEAD comes last: with it, the folder is a repository.
    await writeDurably(join(path, 'HEAD'), `ref: refs/heads/${branch}\n`);
    await syncFolder(join(path, '..'));
  });
}

/** Throws where the repository that was at `path` is away as a whole: moved, or on a file system that is not mounted. */
export function checkHere(path: string): void {
  for (const name of ['HEAD', 'objects']) {
    try {
      statSync(join(path, name));
    } catch (error) {
      const code = systemCode(error) ?? '';
      if (code === 'EACCES' || code === 'EPERM') throw error;
      throw new Failure('unreachable', `the repository ${path} is not there`, 'is it mounted? was it moved?');
    }
  }
}

/** Throws a fault where `path` is no bare repository that can be used. */
export async function checkBare(path: string): Promise<void> {
  const kind = await stat(path).catch((error: unknown) => {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (kind === undefined)
    throw new Failure('refused', `there is no repository at ${path}`, `make one with: git init --bare ${path}`);
  if (
    !(await exists(join(path, 'HEAD'))) ||
    !(await exists(join(path, 'objects'))) ||
    !(await exists(join(path, 'refs')))
  ) {
    if (await exists(join(path, '.git'))) {
      throw new Failure(
        'usage',
        `${path} is a work tree, not a bare repository`,
        `make a bare one with: git clone --bare ${path} ${path}.git`,
      );
    }
    throw new Failure('refused', `${path} is no repository`, `make one with: git init --bare ${path}`);
  }
  const config = await readFile(join(path, 'config'), 'utf8').catch(() => '');
  const value = (key: string): string | undefined =>
    new RegExp(`^\\s*${key}\\s*=\\s*"?([\\w-]+)"?\\s*$`, 'im').exec(config)?.[1]?.toLowerCase();
  if (value('bare') === 'false')
    throw new Failure('usage', `${path} belongs to a work tree`, 'a bare repository is needed: git clone --bare');
  if ((value('objectformat') ?? 'sha1') !== 'sha1')
    throw new Failure('usage', `${path} uses SHA-256 object names, which are not supported`);
  if ((value('refstorage') ?? 'files') !== 'files')
    throw new Failure('usage', `${path} keeps its branches in a reftable, which is not supported`);
}
