/**
 * What can go wrong with a database on the disk, from errors of the system and of LMDB. Other errors are bugs, and are thrown on.
 */
import { getSystemErrorName } from 'node:util';
import { systemCode } from '../git/fault.ts';
import type { Fault } from '../result.ts';

/** `usage`: the folder cannot be used, or another process uses it. `corrupt`: it holds no database that can be read. `disk`: full, or fails. `limit`: what was to be written is larger than it can hold. */
export interface StoreFault extends Fault {
  readonly kind: 'usage' | 'corrupt' | 'disk' | 'limit';
}

type Kind = StoreFault['kind'];

/** What a database is called, and what to do where it is damaged. */
export interface StoreWords {
  readonly noun: string;
  readonly ifCorrupt: string;
}

/** Why a database cannot be used, on its way through code that only knows exceptions. */
export class Unusable extends Error {
  readonly kind: Kind;

  constructor(why: string, kind: Kind = 'corrupt') {
    super(why);
    this.kind = kind;
  }
}

const VERBS = { usage: 'use', corrupt: 'read', disk: 'write', limit: 'write' } as const satisfies Record<Kind, string>;
const HINTS = {
  usage: 'it needs a folder of its own that it may write to',
  disk: 'is the disk full, or read-only?',
  limit: 'ask for less at a time',
} as const satisfies Readonly<Record<Exclude<Kind, 'corrupt'>, string>>;

/** The folder or a file in it is not what it has to be; all other errors of the system are the disk's. */
const NOT_USABLE: ReadonlySet<string> = new Set([
  'EACCES',
  'EPERM',
  'EEXIST',
  'ENOTDIR',
  'EISDIR',
  'ELOOP',
  'ENAMETOOLONG',
]);
/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID (`lmdb.h`). */
const DAMAGE: ReadonlySet<number> = new Set([-30797, -30796, -30794, -30793]);

/** `path` is the file of the database. */
export function storeFault({ noun, ifCorrupt }: StoreWords, kind: Kind, path: string, why: string): StoreFault {
  const what = `cannot ${VERBS[kind]} the ${noun} ${path}: ${why}`;
  return { kind, what, hint: kind === 'corrupt' ? ifCorrupt : HINTS[kind] };
}

/** The fault that an error is, whose code is a name of the system or a number of LMDB, which are the system's above 0. */
export function faultOfError(words: StoreWords, path: string, error: unknown): StoreFault {
  if (error instanceof Unusable) return storeFault(words, error.kind, path, error.message);
  const number = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : 0;
  if (number < 0) return storeFault(words, DAMAGE.has(number) ? 'corrupt' : 'disk', path, (error as Error).message);
  const name = number > 0 ? getSystemErrorName(-number) : systemCode(error);
  if (name === undefined || !/^E[A-Z0-9]+$/.test(name)) throw error;
  return storeFault(words, NOT_USABLE.has(name) ? 'usage' : 'disk', path, name);
}
