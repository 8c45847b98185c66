import type { Store } from '../stores/store.js';
import { OLD_SEGMENTS } from './stored-run.js';
import type { WriteBehind } from './write-behind.js';

/** Keys deleted in one transaction. */
const AT_ONCE = 256;

/**
 * Deletes the shared records of version 1, which nothing reads any more: they are computed again. One tab does it; one
 * that is killed on the way leaves the rest to the next.
 */
export const deleteOldRecords = async (store: Store, writer: WriteBehind): Promise<void> => {
  const keys = await store.list(OLD_SEGMENTS);
  if (keys.length === 0) return;
  const unlock = await store.lock(OLD_SEGMENTS);
  if (!unlock) return;
  try {
    for (let at = 0; at < keys.length; at += AT_ONCE) {
      await writer.commit({ put: [], delete: keys.slice(at, at + AT_ONCE) });
    }
  } finally {
    unlock();
  }
};
