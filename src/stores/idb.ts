import { promisifyRequest, type UseStore } from 'idb-keyval';
import { LonghandError } from '../errors.js';
import { lockEverywhere } from './locks.js';
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

/** Opens the database at whatever version it has, and raises it only when our object store is not there. */
const connect = async (database: string, version?: number): Promise<IDBDatabase> => {
  const request = indexedDB.open(database, version);
  request.onupgradeneeded = () => {
    if (!request.result.objectStoreNames.contains(OBJECTS)) request.result.createObjectStore(OBJECTS);
  };
  const blocked = new Promise<never>((_, reject) => {
    request.onblocked = () => {
      // Should it open after all, nobody would close it, and it would block the next one.
      request.addEventListener('success', () => request.result.close());
      reject(new Error('another page keeps an older version of the database open'));
    };
  });
  const db = await Promise.race([promisifyRequest(request), blocked]);
  if (db.objectStoreNames.contains(OBJECTS)) return db;
  const next = db.version + 1;
  db.close();
  return connect(database, next);
};

/** The connection went away under us: the browser closed it, another tab changed the version, a phone slept. */
const isLostConnection = (error: unknown): boolean => {
  const { name, message } = error as { name?: string; message?: string };
  return name === 'InvalidStateError' || name === 'AbortError' || /connection.*lost/i.test(message ?? '');
};

/** Settles only when the whole transaction did: a request's success promises nothing. */
const finished = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    // A full device shows here and nowhere else; an `error` event comes before the reason is known.
    transaction.onabort = () => reject(transaction.error ?? new DOMException('Aborted.', 'AbortError'));
  });

/** One unreadable value must not take its neighbours with it: it counts as not stored, and is recomputed. */
const readable = async (request: IDBRequest<unknown>): Promise<Uint8Array | undefined> => {
  request.addEventListener('error', (event) => event.preventDefault());
  const value = await promisifyRequest(request).catch((error) => {
    if (isLostConnection(error)) throw error;
    return undefined;
  });
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
    : undefined;
};

/** A structured clone takes the whole buffer under a view: never hand it a view of something larger. */
const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();

const unavailable = (database: string, cause: unknown): LonghandError => {
  const found = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new LonghandError(
    'storage/unavailable',
    `The browser's database '${database}' cannot be used (${found}). In private windows or with storage denied, ` +
      "use the store 'memory'.",
    { database, found },
    { cause },
  );
};

const full = async (bytes: number, cause: unknown): Promise<LonghandError> => {
  const estimate = await globalThis.navigator?.storage?.estimate?.().catch(() => undefined);
  const { usage, quota } = estimate ?? {};
  const known =
    usage === undefined || quota === undefined ? '' : ` It reports ${usage} of ${quota} bytes in use.`;
  return new LonghandError(
    'storage/quota',
    `The browser refused to store ${bytes} more bytes.${known} Delete sessions, or free space on the device.`,
    { asked: bytes, ...(usage !== undefined && { usage }), ...(quota !== undefined && { quota }) },
    { cause },
  );
};

/** Rejects with `storage/unavailable` where there is no IndexedDB or it may not be used. */
export const openIdb = async (options: StoreOptions = {}): Promise<Store> => {
  const { database = 'longhand', durability = 'relaxed' } = options;
  let connection: Promise<IDBDatabase> | undefined;
  let closed = false;

  const assertOpen = (): void => {
    if (closed)
      throw new LonghandError('engine/closed', 'The store is closed. Open it again before you use it.');
  };

  const connected = (): Promise<IDBDatabase> => {
    if (connection) return connection;
    const opening = connect(database);
    const forget = (): void => {
      if (connection === opening) connection = undefined;
    };
    connection = opening;
    opening.then((db) => {
      db.onclose = forget;
      // Another tab wants to upgrade or delete the database: make way, and open it again at the next use.
      db.onversionchange = () => {
        db.close();
        forget();
      };
    }, forget);
    return opening;
  };

  const attempt: UseStore = async (mode, use) => {
    const db = await connected();
    return use(db.transaction(OBJECTS, mode, { durability }).objectStore(OBJECTS));
  };

  /** Tries again once after a lost connection: reads repeat safely, and a batch is all there or not at all. */
  const transact: UseStore = async (mode, use) => {
    if (closed)
      throw new LonghandError('engine/closed', 'The store is closed. Open it again before you use it.');
    return attempt(mode, use)
      .catch((error) => {
        if (closed || !isLostConnection(error)) throw error;
        connection = undefined;
        return attempt(mode, use);
      })
      .catch((error) => {
        if ((error as Error | null)?.name === 'QuotaExceededError') throw error;
        throw unavailable(database, error);
      });
  };

  const getMany = (keys: readonly string[]): Promise<(Uint8Array | undefined)[]> =>
    transact('readonly', (objects) => Promise.all(keys.map((key) => readable(objects.get(key)))));

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

  await transact('readonly', (objects) => promisifyRequest(objects.count(IDBKeyRange.only(''))));

  return {
    name: 'idb',
    get: async (key) => (await getMany([key]))[0],
    getMany,
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
        if (error.name !== 'QuotaExceededError') throw error;
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
      assertOpen();
      return lockEverywhere(`longhand/${database}/${name}`, how);
    },
    async close() {
      closed = true;
      const db = await connection?.catch(() => undefined);
      db?.close();
      connection = undefined;
    },
  };
};
