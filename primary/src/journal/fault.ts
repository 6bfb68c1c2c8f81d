/** What can go wrong with the journal: faults of a database (`common/src/lmdb/fault.ts`) in its words. */
import { faultOfError, type StoreWords, storeFault } from '@zonewright/common/lmdb/fault';
import type { JournalFault } from './journal.ts';

const WORDS: StoreWords = {
  noun: 'journal',
  ifCorrupt: 'move it away and start again: zones are then as in the remote, without updates that were not pushed yet',
};

/** `path` is the file of the journal. */
export function journalFault(kind: JournalFault['kind'], path: string, why: string): JournalFault {
  return storeFault(WORDS, kind, path, why);
}

/** The fault that an error is. Throws those that are bugs. */
export function faultOf(path: string, error: unknown): JournalFault {
  return faultOfError(WORDS, path, error);
}
