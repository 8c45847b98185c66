import { promisifyRequest } from 'idb-keyval';
import { alone, finished, openDatabase } from './database.js';
import { lockEverywhere } from './locks.js';
import { bytesOf, readEach, readMany } from './read-many.js';
import { full, isQuota } from './refusals.js';
import type { Store, StoreBatch, StoreOptions } from './store.js';

/**
 * IndexedDB: one database, one object store, whole batches in one transaction. A value lies under its string key;
 * beside it, under ['bytes', key], lies its length, so that sizes are summed without reading values (array keys sort
 * after all strings, so no range of strings ever meets one).
 */

const OBJECTS = 'records';
const lengthKey = (key: string): IDBValidKey => ['bytes', key];
const withPrefix = (prefix: string): IDBKeyRange => IDBKeyRange.bound(prefix, `${prefix}\uffff`);
const lengthsWithPrefix = (prefix: string): IDBKeyRange =>
  IDBKeyRange.bound(lengthKey(prefix), lengthKey(`${prefix}\uffff`));

/**
 * Values lent by one request: answers of more than 64 KB come in fresh memory, of both processes in Chromium
 * (docs/adr/0041-pages-land-where-they-stay.md).
 */
const LENT_TOGETHER = 2;

/** Newer platforms give memory back so. */
interface Returnable {
  transfer?(bytes: number): unknown;
}

const write = (objects: IDBObjectStore, batch: StoreBatch): void => {
  for (const key of batch.delete) {
    objects.delete(key);
    objects.delete(lengthKey(key));
  }
  for (const [key, bytes] of batch.put) {
    objects.put(alone(bytes), key);
    objects.put(bytes.length, lengthKey(key));
  }
};

/** Rejects with `storage/unavailable` where there is no IndexedDB or it may not be used. */
export const openIdb = async (options: StoreOptions = {}): Promise<Store> => {
  const { database = 'longhand' } = options;
  const db = await openDatabase({ ...options, database, objects: [OBJECTS], instead: 'memory' });
  const transact = <T>(mode: IDBTransactionMode, use: (objects: IDBObjectStore) => Promise<T>): Promise<T> =>
    db.transact(mode, (transaction) => use(transaction.objectStore(OBJECTS)));

  const getMany = (keys: readonly string[]): Promise<(Uint8Array | undefined)[]> =>
    transact('readonly', async (objects) => (await readMany(objects, keys)).map(bytesOf));

  return {
    name: 'idb',
    get: async (key) => (await getMany([key]))[0],
    getMany,
    lend(keys, use) {
      const take = (value: unknown, n: number): void => {
        const bytes = bytesOf(value);
        if (!bytes) return;
        use(bytes, n);
        // Given back at once, it is what the next ones come in; a collector comes too late for that.
        (bytes.buffer as Returnable).transfer?.(0);
      };
      return transact('readonly', (objects) => readEach(objects, keys, take, LENT_TOGETHER));
    },
    async commit(batch) {
      const committed = transact('readwrite', (objects) => {
        try {
          write(objects, batch);
        } catch (error) {
          objects.transaction.abort();
          throw error;
        }
        return finished(objects.transaction);
      });
      await committed.catch(async (error) => {
        if (!isQuota(error)) throw error;
        throw await full(
          batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0),
          error,
        );
      });
    },
    list: (prefix) =>
      transact('readonly', async (objects) => {
        return (await promisifyRequest(objects.getAllKeys(withPrefix(prefix)))) as string[];
      }),
    size: (prefix) =>
      transact('readonly', async (objects) => {
        const lengths: number[] = await promisifyRequest(objects.getAll(lengthsWithPrefix(prefix)));
        return lengths.reduce((sum, length) => sum + length, 0);
      }),
    async lock(name, how) {
      db.assertOpen();
      return lockEverywhere(`longhand/${database}/${name}`, how);
    },
    close: db.close,
  };
};
