import { LonghandError } from '../errors.js';
import { createLockTable } from './locks.js';
import type { Store, StoreBatch } from './store.js';

/** Bytes in this process, gone with it: for private windows, tests, and whoever wants nothing on the disk. */
export const openMemory = async (): Promise<Store> => {
  const values = new Map<string, Uint8Array>();
  const locked = createLockTable();
  let open = true;

  const assertOpen = (): void => {
    if (!open)
      throw new LonghandError('engine/closed', 'The store is closed. Open it again before you use it.');
  };
  const get = async (key: string): Promise<Uint8Array | undefined> => {
    assertOpen();
    return values.get(key)?.slice();
  };
  const list = async (prefix: string): Promise<string[]> => {
    assertOpen();
    return [...values.keys()].filter((key) => key.startsWith(prefix)).sort();
  };

  return {
    name: 'memory',
    get,
    getMany: (keys) => Promise.all(keys.map(get)),
    async commit(batch: StoreBatch) {
      assertOpen();
      const copies = batch.put.map(([key, bytes]) => [key, bytes.slice()] as const);
      for (const key of batch.delete) values.delete(key);
      for (const [key, bytes] of copies) values.set(key, bytes);
    },
    list,
    size: async (prefix) => {
      const keys = await list(prefix);
      return keys.reduce((sum, key) => sum + values.get(key)!.length, 0);
    },
    async lock(name, how) {
      assertOpen();
      return locked(name, how);
    },
    async close() {
      open = false;
      values.clear();
    },
  };
};
