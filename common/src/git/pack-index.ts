/**
 * The file system that isomorphic-git is given: it writes nothing but the index of a pack, and that durably.
 */
import { lstat, mkdir, readdir, readFile, readlink, rmdir, stat, symlink, unlink } from 'node:fs/promises';
import { writeDurably } from './durable.ts';

export const durableFs = {
  promises: {
    readFile,
    writeFile: (path: string, content: string | Uint8Array): Promise<void> => writeDurably(path, content, 0o444),
    unlink,
    readdir,
    mkdir,
    rmdir,
    stat,
    lstat,
    readlink,
    symlink,
  },
};
