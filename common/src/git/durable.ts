/**
 * Files that are there after a power cut: written beside, synced, renamed, and the folder synced.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsync, lstatSync, mkdirSync, openSync, statSync, writeFile } from 'node:fs';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from './fault.ts';

const sync = promisify(fsync);
const writeWhole = promisify<number, string | Uint8Array>(writeFile);

/** Throws a fault of the disk on, with the file or folder that it is about: what is open does not know its name. */
export function failedAt(path: string, error: unknown): never {
  if (systemCode(error) !== undefined && !Object.hasOwn(error as object, 'path'))
    Object.assign(error as object, { path });
  throw error;
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    failedAt(path, error);
  } finally {
    await handle.close();
  }
}

/** The mode of a folder that holds keys, or zones with keys beside them: for its owner only. */
export const PRIVATE_FOLDER = 0o700;

/** Makes a folder and what is above it, durably. Folders that are made get `mode`; those that are there keep theirs. */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  const first = makeOrSay(path, mode);
  if (first !== undefined) await syncNames(first, path);
}

/** So says a file system that is not for us to make anything in, such as that of /proc; others say it in this way. */
function makeOrSay(path: string, mode: number): string | undefined {
  try {
    return makeFolders(path, mode);
  } catch (error) {
    const { code, path: failed } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && failed !== undefined && existsSync(dirname(failed)))
      Object.assign(error as object, { code: 'EPERM' });
    throw error;
  }
}

/**
 * Makes a folder and what is above it; gives the first of those that were not there. ENOENT: what is above was taken away meanwhile.
 * By itself, as Node.js never ends where no folder can be made, and where it ends does not say why.
 */
export function makeFolders(path: string, mode = 0o777): string | undefined {
  const above = dirname(path);
  const first = existsSync(above) ? undefined : makeFolders(above, mode);
  try {
    mkdirSync(path, { mode });
    return first ?? path;
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return first;
    const wasThere = systemCode(error) === 'EEXIST';
    // Who took it away again may have done so for the last time.
    if (wasThere && lstatSync(path, { throwIfNoEntry: false }) === undefined) return makeFolders(path, mode) ?? first;
    throw error;
  }
}

/** Makes the name of `path` durable, and those of the folders above it up to that of `first`. */
export async function syncNames(first: string, path: string): Promise<void> {
  for (let at = path; at !== dirname(first); at = dirname(at)) await syncFolder(dirname(at));
}

/** Makes a file, whose content is then durable; its name may not be. The file is there, and empty, when this returns its promise. */
export async function writeSynced(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const file = openSync(path, 'wx', mode);
  try {
    await writeWhole(file, content);
    await sync(file);
  } catch (error) {
    failedAt(path, error);
  } finally {
    closeSync(file);
  }
}

/** How often a file is written whose folder was removed meanwhile: `git gc` does that with folders that were empty. */
const MAX_WRITES = 10;

/** Writes a file so that its name never shows anything but the whole content. `mode` is what `open` takes. */
export async function writeDurably(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  for (let writes = 1; ; writes++) {
    try {
      return await writeOnce(path, content, mode);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || writes === MAX_WRITES) throw error;
    }
  }
}

async function writeOnce(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const folder = dirname(path);
  // Nobody removes a folder that something is in. So it has a file at once, and is synced after that: `git gc` may come by.
  const made = makeFolders(folder);
  const temporary = join(folder, `tmp_${randomBytes(8).toString('hex')}`);
  try {
    await writeSynced(temporary, content, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncNames(made ?? path, path);
}

/** What file systems that know no hard links say of one. */
const LINKLESS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/**
 * Makes a file that nobody else has made, whole at once, in a folder that is there; `false` where there is one already, which stays. A file
 * system without hard links may show it before it is whole.
 */
export async function makeNew(path: string, content: string | Uint8Array, mode = 0o644): Promise<boolean> {
  const folder = dirname(path);
  const temporary = join(folder, `tmp_${randomBytes(8).toString('hex')}`);
  try {
    await writeSynced(temporary, content, mode);
    await link(temporary, path).catch((error) => {
      if (!LINKLESS.has(systemCode(error))) throw error;
      return writeSynced(path, content, mode);
    });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  return true;
}

/** The same, and the folder where it is not there. */
export async function makeDurably(path: string, content: string | Uint8Array, mode = 0o644): Promise<boolean> {
  await makeFolder(dirname(path));
  return makeNew(path, content, mode);
}

/** Whether there is something of that name. */
export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
