/**
 * One process at a time for a folder: flock(2) on a file in it. The kernel lets go of it when the process ends, however that happens, so
 * there is nothing that a crash could leave behind; and it is one lock for all who see the file, whatever their process numbers
 * and networks are, so containers that share a folder are kept apart.
 */
import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { Unusable } from './fault.ts';

/** On Linux, macOS and the BSDs alike: exclusive, and without waiting. */
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** Lets go of the lock. */
export type Release = () => void;

/** Takes the lock. Throws {@link Unusable} where another has it or there are no locks, and errors of the file. */
export function lockFile(path: string): Release {
  const { flock, errno } = load();
  const fd = openSync(path, 'a', 0o600);
  if (flock(fd, LOCK_EX | LOCK_NB) === 0)
    return () => {
      // Closing is not enough where a child of ours has just been forked, and is not another program yet.
      flock(fd, LOCK_UN);
      closeSync(fd);
    };
  const why = errno();
  closeSync(fd);
  if (why === constants.errno.EWOULDBLOCK) throw new Unusable('another process has it', 'usage');
  throw new Unusable(`it cannot be locked (${getSystemErrorName(-why)})`, 'usage');
}

interface Calls {
  flock(fd: number, operation: number): number;
  errno(): number;
}

function load(): Calls {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const flock = koffi.load(null).func('flock', 'int', ['int', 'int']) as unknown as Calls['flock'];
    return { flock, errno: () => koffi.errno() };
  } catch (error) {
    throw new Unusable(`there are no locks here: ${error instanceof Error ? error.message : String(error)}`, 'usage');
  }
}
