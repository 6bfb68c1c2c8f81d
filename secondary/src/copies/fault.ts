/** What can go wrong with copies on the disk: faults of a database (`common/src/lmdb/fault.ts`) in their words. */
import { faultOfError, type StoreFault, type StoreWords, storeFault } from '@zonewright/common/lmdb/fault';

export type CopiesFault = StoreFault;

const WORDS: StoreWords = {
  noun: 'copies',
  ifCorrupt: 'move it away and start again: zones are then transferred anew',
};

/** `path` is the file of the copies. */
export function copiesFault(kind: CopiesFault['kind'], path: string, why: string): CopiesFault {
  return storeFault(WORDS, kind, path, why);
}

/** The fault that an error is. Throws those that are bugs. */
export function faultOf(path: string, error: unknown): CopiesFault {
  return faultOfError(WORDS, path, error);
}
