import type { Store } from '../stores/store.js';
import type { Leases } from './leases.js';
import type { UsedText, Uses } from './uses.js';
import { isStorageError, type WriteBehind } from './write-behind.js';

interface TouchOptions {
  readonly store: Store;
  readonly writer: WriteBehind;
  readonly leases: Leases;
  readonly uses: Uses;
}

/** Tells what is used now, in order, behind whoever uses it. One that is not told costs a place in the order, and nothing else. */
export const createTouch = ({ store, writer, leases, uses }: TouchOptions) => {
  let touching: Promise<unknown> = Promise.resolve();
  return {
    /** A text, or the key of a session; used for the last time where the one who held it is given. */
    touch(what: UsedText | string, owner?: object): Promise<unknown> {
      const tell = async (): Promise<void> => {
        if (owner) {
          // Until its head is stored, the lease is all that keeps a run from whoever tidies up.
          await writer.drained();
          await leases.release(owner);
        }
        const batch = await uses.touch(what);
        if (batch.put.length > 0) await store.commit(batch);
      };
      touching = touching.then(tell).catch((error) => {
        if (!isStorageError(error) && error.code !== 'engine/closed') throw error;
      });
      touching.catch(() => undefined);
      return touching;
    },
    /** Resolves when all of it was told. */
    touched: (): Promise<unknown> => touching,
  };
};
