import { beforeEach, describe, expect, it } from 'vitest';
import { openIdb } from '../../src/stores/idb.js';
import type { Store } from '../../src/stores/store.js';

const settled = (request: IDBOpenDBRequest): Promise<IDBDatabase> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('blocked'));
  });

const one = Uint8Array.of(1, 2, 3);
let databases = 0;

/** What happens to a database while we use it: other tabs, other versions, browsers that close it. */
export const describeIdb = (): void => {
  describe('IndexedDB around a store', () => {
    let database: string;
    let store: Store;
    /** The connections that were opened, to do to them what a browser does. */
    let connections: IDBDatabase[];

    beforeEach(async () => {
      database = `longhand-idb-${Date.now()}-${databases++}`;
      connections = [];
      const open = indexedDB.open.bind(indexedDB);
      indexedDB.open = (name, version) => {
        const request = open(name, version);
        request.addEventListener('success', () => connections.push(request.result));
        return request;
      };
      store = await openIdb({ database });
      await store.commit({ put: [['a', one]], delete: [] });
      return async () => {
        await store.close();
        Reflect.deleteProperty(indexedDB, 'open');
      };
    });

    it('makes way for a newer version of the database, and goes on with it', async () => {
      const newer = await settled(indexedDB.open(database, 7));
      expect(await store.get('a')).toEqual(one);
      await store.commit({ put: [['b', one]], delete: [] });
      expect(await store.list('')).toEqual(['a', 'b']);
      newer.close();
    });

    it('makes way when the database is deleted, and starts an empty one', async () => {
      await settled(indexedDB.deleteDatabase(database));
      expect(await store.get('a')).toBeUndefined();
      await store.commit({ put: [['b', one]], delete: [] });
      expect(await store.get('b')).toEqual(one);
    });

    it('opens a new connection when the old one was closed', async () => {
      for (const use of [
        () => store.get('a'),
        () => store.commit({ put: [['a', one]], delete: [] }),
        () => store.list(''),
        () => store.size(''),
      ]) {
        connections.at(-1)!.close();
        const before = connections.length;
        await use();
        expect(connections.length).toBe(before + 1);
      }
      expect(await store.get('a')).toEqual(one);
    });

    it('opens a new connection after the browser said that it closed the old one', async () => {
      const [old] = connections;
      old!.onclose!(new Event('close'));
      expect(await store.get('a')).toEqual(one);
      expect(connections.length).toBe(2);
      old!.close();
    });

    it('adds its object store to a database that somebody else made', async () => {
      const name = `${database}-foreign`;
      const request = indexedDB.open(name, 3);
      request.onupgradeneeded = () => request.result.createObjectStore('theirs');
      (await settled(request)).close();
      const added = await openIdb({ database: name });
      await added.commit({ put: [['a', one]], delete: [] });
      expect(await added.get('a')).toEqual(one);
      expect([...connections.at(-1)!.objectStoreNames]).toEqual(['records', 'theirs']);
      await added.close();
    });

    it('counts a value that is no bytes as not stored', async () => {
      const objects = connections.at(-1)!.transaction('records', 'readwrite').objectStore('records');
      objects.put('text', 'b');
      expect(await store.getMany(['a', 'b'])).toEqual([one, undefined]);
    });

    it('asks for the durability it was opened with', async () => {
      for (const durability of ['relaxed', 'strict'] as const) {
        const named = await openIdb({ database, durability });
        const db = connections.at(-1)!;
        const asked: unknown[] = [];
        const transaction = db.transaction.bind(db);
        db.transaction = (names, mode, options) => {
          asked.push(options?.durability);
          return transaction(names, mode, options);
        };
        await named.commit({ put: [['a', one]], delete: [] });
        expect(asked).toEqual([durability]);
        await named.close();
      }
    });
  });
};
