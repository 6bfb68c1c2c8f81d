/**
 * What can go wrong with the journal, from errors of the system and of LMDB. Other errors are bugs, and are thrown on.
 */
import { getSystemErrorName } from 'node:util';
import { systemCode } from '@zonewright/common/git/fault';
import type { JournalFault } from './journal.ts';

/** A file that holds no journal that can be used, and why. */
export class Unusable extends Error {}

/** The folder or a file in it is not what it has to be; all other errors of the system are the disk's. */
const NOT_USABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG']);
/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID (`lmdb.h`). */
const DAMAGE: ReadonlySet<number> = new Set([-30797, -30796, -30794, -30793]);

/** `path` is the file of the journal. */
export function faultOf(path: string, error: unknown): JournalFault {
  if (error instanceof Unusable) return damaged(path, error.message);
  const code = /^E[A-Z0-9]+$/.exec(systemCode(error) ?? '')?.[0];
  if (code !== undefined && NOT_USABLE.has(code))
    return {
      kind: 'usage',
      what: `cannot use the journal ${path} (${code})`,
      hint: 'it needs a folder that it may write to',
    };
  if (code !== undefined) return diskFault(path, code);
  const number = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof number !== 'number') throw error;
  // What is above 0 is a number of the system.
  if (number > 0) return diskFault(path, getSystemErrorName(-number));
  const { message } = error as Error;
  return DAMAGE.has(number) ? damaged(path, message) : diskFault(path, message);
}

function damaged(path: string, why: string): JournalFault {
  return {
    kind: 'corrupt',
    what: `cannot read the journal ${path}: ${why}`,
    hint: 'move it away and start again: zones are then as in the remote, without updates that were not pushed yet',
  };
}

function diskFault(path: string, why: string): JournalFault {
  return { kind: 'disk', what: `cannot write the journal ${path}: ${why}`, hint: 'is the disk full, or read-only?' };
}
