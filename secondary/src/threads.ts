/** The threads that only a secondary has. */
import { storeThread } from '@zonewright/common/lmdb/client';

/** Copies of zones on the disk (`copies/copies.ts`). */
export const COPIES_THREAD = storeThread(new URL('./copies/thread.js', import.meta.url), 'copies');
