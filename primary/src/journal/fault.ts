/**
 * What can go wrong with the journal, from errors of the system and of LMDB. Other errors are bugs, and are thrown on.
 */
import { getSystemErrorName } from 'node:util';
import { systemCode } from '@zonewright/common/git/fault';
import type { JournalFault } from './journal.ts';

type Kind = JournalFault['kind'];

/** Why the journal cannot be used, on its way through code that only knows exceptions. */
export class Unusable extends Error {
  readonly kind: Kind;

  constructor(why: string, kind: Kind = 'corrupt') {
    super(why);
    this.kind = kind;
  }
}

const WORDS = {
  usage: { verb: 'use', hint: 'it needs a folder of its own that it may write to' },
  corrupt: {
    verb: 'read',
    hint: 'move it away and start again: zones are then as in the remote, without updates that were not pushed yet',
  },
  disk: { verb: 'write', hint: 'is the disk full, or read-only?' },
  limit: { verb: 'write', hint: 'ask for less at a time' },
} as const satisfies Readonly<Record<Kind, { readonly verb: string; readonly hint: string }>>;

/** The folder or a file in it is not what it has to be; all other errors of the system are the disk's. */
const NOT_USABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG']);
/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID (`lmdb.h`). */
const DAMAGE: ReadonlySet<number> = new Set([-30797, -30796, -30794, -30793]);

/** `path` is the file of the journal. */
export function journalFault(kind: Kind, path: string, why: string): JournalFault {
  const { verb, hint } = WORDS[kind];
  return { kind, what: `cannot ${verb} the journal ${path}: ${why}`, hint };
}

/** The fault that an error is, whose code is a name of the system or a number of LMDB, which are the system's above 0. */
export function faultOf(path: string, error: unknown): JournalFault {
  if (error instanceof Unusable) return journalFault(error.kind, path, error.message);
  const number = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : 0;
  if (number < 0) return journalFault(DAMAGE.has(number) ? 'corrupt' : 'disk', path, (error as Error).message);
  const name = number > 0 ? getSystemErrorName(-number) : systemCode(error);
  if (name === undefined || !/^E[A-Z0-9]+$/.test(name)) throw error;
  return journalFault(NOT_USABLE.has(name) ? 'usage' : 'disk', path, name);
}
