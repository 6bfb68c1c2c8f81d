/** The threads that only a primary has. */
import { storeThread } from '@zonewright/common/lmdb/client';
import type { ThreadKind } from '@zonewright/common/service/thread';

/** What is promised and not yet in git (`journal/database.ts`). */
export const JOURNAL_THREAD = storeThread(new URL('./journal/thread.js', import.meta.url), 'journal');

/**
 * Git, and zones from files (`repository/loader-client.ts`). What a file leaves behind is young and dropped at once, and what stays is in
 * shared memory.
 */
export const LOADER_THREAD: ThreadKind = {
  module: new URL('./repository/loader-thread.js', import.meta.url),
  name: 'loader',
  young: 12,
};
