/**
 * A pack that a remote sends: written to the disk as it comes, then looked through and taken into the repository.
 *
 * No more of it is held in memory than its largest object needs. A small one is taken apart, so that years of small fetches do
 * not leave years of packs.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { failedAt, makeFolder, syncFolder, writeDurably } from './durable.ts';
import { Failure } from './fault.ts';
import { indexPack } from './index-pack.ts';
import { writeLoose } from './loose.ts';
import { OID_OCTETS } from './object.ts';
import { formatIndex } from './pack-index.ts';

/** No more objects than this that come at once become loose objects, as with git (`fetch.unpackLimit`). */
export const UNPACK_LIMIT = 32;
/** A pack of more octets than this stays a pack. */
const UNPACK_OCTETS = 1024 * 1024;

const NOTHING: Size = { files: 0, octets: 0 };

/** As git names what is not whole yet: `git gc` removes what stays behind. */
const TEMPORARY = 'tmp_pack_';

/** A pack counts as so many files: each has to be looked through for what is in none. */
export const PACK_FILES = 50;

/** What some files of a repository take. */
export interface Size {
  /** Objects of their own, and packs as {@link PACK_FILES}. */
  readonly files: number;
  readonly octets: number;
}

/** A pack that has arrived and is not part of the repository yet. */
export interface ReceivedPack {
  /** Takes its objects into the repository, durably; gives what they take. The pack must not lean on objects outside of it. */
  accept(): Promise<Size>;
  /** Forgets it, also after `accept`. Never fails. */
  close(): Promise<void>;
}

/** Receives a pack for a folder of objects. Nothing at all is an empty pack. */
export async function receivePack(folder: string, chunks: AsyncIterable<Uint8Array>): Promise<ReceivedPack> {
  const path = join(folder, 'pack', `${TEMPORARY}${randomBytes(8).toString('hex')}`);
  await makeFolder(join(folder, 'pack'));
  const handle = await open(path, 'wx+', 0o444);
  const close = async (): Promise<void> => {
    await handle.close();
    await rm(path, { force: true });
  };
  try {
    const { size, sum } = await store(handle, path, chunks);
    return { accept: () => (size === 0 ? Promise.resolve(NOTHING) : accept(folder, path, handle, size, sum)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Removes what a run that was ended left behind, where no other process writes to the folder of objects. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(join(folder, 'pack')).catch(() => []);
  const known = new Set(names);
  // A pack without its index was on its way in, or out.
  const isAlone = (name: string): boolean => name.endsWith('.pack') && !known.has(name.replace(/\.pack$/, '.idx'));
  for (const name of names)
    if (name.startsWith(TEMPORARY) || isAlone(name)) await rm(join(folder, 'pack', name), { force: true });
}

/** Writes what comes to a file. `sum`: the last octets, which are the hash of those before them. */
async function store(
  handle: FileHandle,
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ size: number; sum: Buffer }> {
  const hash = createHash('sha1');
  let size = 0;
  let sum = Buffer.alloc(0);
  for await (const chunk of chunks) {
    await handle.writeFile(chunk).catch((error) => failedAt(path, error));
    size += chunk.length;
    const all = Buffer.concat([sum, chunk]);
    const end = Math.max(all.length - OID_OCTETS, 0);
    hash.update(all.subarray(0, end));
    sum = all.subarray(end);
  }
  if (size > 0 && !hash.digest().equals(sum)) throw new Failure('corrupt', 'the remote sent a damaged pack');
  return { size, sum };
}

async function accept(folder: string, path: string, handle: FileHandle, size: number, sum: Buffer): Promise<Size> {
  const { entries, read } = indexPack(handle.fd, size);
  if (entries.length <= UNPACK_LIMIT && size <= UNPACK_OCTETS) {
    let octets = 0;
    for (const entry of entries) {
      const { type, content } = read(entry);
      octets += await writeLoose(folder, entry.oid, type, content);
    }
    return { files: entries.length, octets };
  }
  await handle.sync().catch((error) => failedAt(path, error));
  const name = join(folder, 'pack', `pack-${sum.toString('hex')}`);
  await rename(path, `${name}.pack`);
  await syncFolder(join(folder, 'pack'));
  // The index comes last: with it, the pack is part of the repository.
  await writeDurably(`${name}.idx`, formatIndex(entries, sum), 0o444);
  return { files: PACK_FILES, octets: size };
}
