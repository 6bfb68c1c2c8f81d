/**
 * One process at a time for a folder: flock(2) on a file in it. The kernel lets go of it when the process ends, however that happens, so
 * there is nothing that a crash could leave behind; and it is one lock for all who see the file, whatever their process numbers
 * and networks are, so containers that share a folder are kept apart.
 */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** On Linux, macOS and the BSDs alike: exclusive, and without waiting. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Lets go of the lock. */
export type Release = () => void;

/** Takes the lock; `undefined` when another has it. Throws a system error where there are no such files or locks. */
export function lockFile(path: string): Release | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const flock = koffi.load(null).func('flock', 'int', ['int', 'int']);
  const fd = openSync(path, 'a', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) === 0) return () => closeSync(fd);
  const errno = koffi.errno();
  closeSync(fd);
  if (errno === constants.errno.EWOULDBLOCK) return undefined;
  const code = getSystemErrorName(-errno);
  throw Object.assign(new Error(`flock: ${code}`), { code });
}
