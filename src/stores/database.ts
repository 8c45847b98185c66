import { promisifyRequest } from 'idb-keyval';
import { closedStore, isQuota, unavailable } from './refusals.js';
import type { StoreOptions } from './store.js';

/** A connection to an IndexedDB database that is opened again when the browser takes it away. */
export interface Database {
  /**
   * Runs `use` in a transaction over all object stores; tries again once after a lost connection, so `use` must begin
   * from nothing each time. Rejects with `storage/unavailable`, with `engine/closed`, or, where the device is full, with
   * the platform's own `QuotaExceededError`.
   */
  transact<T>(mode: IDBTransactionMode, use: (transaction: IDBTransaction) => Promise<T>): Promise<T>;
  assertOpen(): void;
  close(): Promise<void>;
}

export interface DatabaseOptions extends StoreOptions {
  readonly database: string;
  /** Object stores that must be there. */
  readonly objects: readonly string[];
  /** What to use where there is no IndexedDB. */
  readonly instead: 'memory' | 'idb';
}

/** Opens the database at whatever version it has, and raises it only when one of our object stores is not there. */
const connect = async (
  database: string,
  objects: readonly string[],
  version?: number,
): Promise<IDBDatabase> => {
  const missing = (db: IDBDatabase): string[] =>
    objects.filter((name) => !db.objectStoreNames.contains(name));
  const request = indexedDB.open(database, version);
  request.onupgradeneeded = () => {
    for (const name of missing(request.result)) request.result.createObjectStore(name);
  };
  const blocked = new Promise<never>((_, reject) => {
    request.onblocked = () => {
      // Should it open after all, nobody would close it, and it would block the next one.
      request.addEventListener('success', () => request.result.close());
      reject(new Error('another page keeps an older version of the database open'));
    };
  });
  const db = await Promise.race([promisifyRequest(request), blocked]);
  if (missing(db).length === 0) return db;
  const next = db.version + 1;
  db.close();
  return connect(database, objects, next);
};

/** The connection went away under us: the browser closed it, another tab changed the version, a phone slept. */
export const isLostConnection = (error: unknown): boolean => {
  const { name, message } = error as { name?: string; message?: string };
  return name === 'InvalidStateError' || name === 'AbortError' || /connection.*lost/i.test(message ?? '');
};

/** Settles only when the whole transaction did: a request's success promises nothing. */
export const finished = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    // A full device shows here and nowhere else; an `error` event comes before the reason is known.
    transaction.onabort = () => reject(transaction.error ?? new DOMException('Aborted.', 'AbortError'));
  });

/** A structured clone takes the whole buffer under a view: never hand it a view of something larger. */
export const alone = (bytes: Uint8Array): Uint8Array =>
  bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();

/** Rejects with `storage/unavailable` where there is no IndexedDB or it may not be used. */
export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  const { database, objects, durability = 'relaxed', instead } = options;
  let connection: Promise<IDBDatabase> | undefined;
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw closedStore();
  };

  const connected = (): Promise<IDBDatabase> => {
    if (connection) return connection;
    const opening = connect(database, objects);
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

  const transact: Database['transact'] = async (mode, use) => {
    assertOpen();
    const attempt = async () => {
      const db = await connected();
      return use(db.transaction(objects as string[], mode, { durability }));
    };
    return attempt()
      .catch((error) => {
        if (closed || !isLostConnection(error)) throw error;
        connection = undefined;
        return attempt();
      })
      .catch((error) => {
        if (isQuota(error)) throw error;
        throw unavailable(`database '${database}'`, database, instead, error);
      });
  };

  await transact('readonly', (transaction) =>
    promisifyRequest(transaction.objectStore(objects[0]!).count(IDBKeyRange.only(''))),
  );

  return {
    transact,
    assertOpen,
    async close() {
      closed = true;
      const db = await connection?.catch(() => undefined);
      db?.close();
      connection = undefined;
    },
  };
};
