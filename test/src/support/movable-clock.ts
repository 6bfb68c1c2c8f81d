/**
 * A clock for programs that a test can set while they run: their time of day is ahead by as much as a file says (libfaketime). Timers
 * and the steady clock go on as they are, so whoever sleeps is not woken by it. Time stamps of files are those of the kernel.
 * Needs the program `faketime`: declare tests with `testWith(test, ['faketime'])`.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { needed } from './needs.ts';
import { type Owner, temporaryFolder } from './owner.ts';
import { run } from './process.ts';
import { writeWhole } from './whole-file.ts';

export interface MovableClock {
  /** To be added to the environment of a program. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it so many milliseconds ahead of that of the machine, or behind it where that is negative. */
  set(ahead: number): void;
}

export const movableClock = async (owner: Owner): Promise<MovableClock> => {
  const file = join(temporaryFolder(owner, 'clock'), 'ahead');
  // A program that found the file empty would be told the time of the machine.
  const set = (ahead: number): void => writeWhole(file, `${ahead < 0 ? '' : '+'}${ahead / 1000}\n`);
  set(0);
  // The wrapper knows where the library is.
  const { stdout } = await run(needed('faketime'), ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD']);
  return {
    env: {
      // With libc's `malloc` before any other: that of jemalloc, which Debian's named has, asks for the time before libfaketime can tell it.
      LD_PRELOAD: `${stdout.trim()} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    set,
  };
};

/** Removes the shared memory of libfaketime that a process leaves behind when it is killed. */
export const sweepClock = (pid: number): void => {
  for (const name of [`faketime_shm_${pid}`, `sem.faketime_sem_${pid}`])
    rmSync(join('/dev/shm', name), { force: true });
};
