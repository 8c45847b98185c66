import { IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openStore } from '../../../src/stores/index.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

beforeEach(() => {
  vi.stubGlobal('indexedDB', new IDBFactory());
  vi.stubGlobal('IDBKeyRange', IDBKeyRange);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe('a browser that gives no database', () => {
  const refused = { code: 'storage/unavailable', message: expect.stringContaining("use the store 'memory'") };

  test('because there is none', async () => {
    vi.stubGlobal('indexedDB', undefined);
    await expect(openStore('idb')).rejects.toMatchObject(refused);
  });

  test('because it is forbidden', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('Denied.', 'SecurityError');
    });
    await expect(openStore('idb')).rejects.toMatchObject({
      ...refused,
      details: { database: 'longhand', found: 'SecurityError: Denied.' },
    });
  });

  test('because opening fails', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      const request = { error: new DOMException('No.', 'InvalidStateError') };
      setTimeout(() => (request as unknown as IDBRequest).onerror?.(new Event('error')));
      return request as IDBOpenDBRequest;
    });
    await expect(openStore('idb', { database: 'private' })).rejects.toMatchObject(refused);
  });

  test('because another page blocks it', async () => {
    const open = indexedDB.open.bind(indexedDB);
    const foreign = open('held', 1);
    const held = await new Promise<IDBDatabase>((resolve) => {
      foreign.onsuccess = () => resolve(foreign.result);
    });
    await expect(openStore('idb', { database: 'held' })).rejects.toMatchObject(refused);
    held.close();
    // What could not be opened in time was closed when it opened, and is in nobody's way now.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const store = await openStore('idb', { database: 'held' });
    expect(await store.list('')).toEqual([]);
  });
});

describe('a full device', () => {
  /** Aborts the transaction after its n-th put as a browser does. A record is two puts: itself and its length. */
  const abortAt = (n: number, reason: string): void => {
    const { put } = IDBObjectStore.prototype;
    let puts = 0;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, value, key) {
      const request = put.call(this, value, key);
      if (++puts === n) (this.transaction as unknown as { _abort(reason: string): void })._abort(reason);
      return request;
    });
  };

  test('is reported with the bytes asked for, and what was there stays', async () => {
    vi.stubGlobal('navigator', { storage: { estimate: async () => ({ usage: 5, quota: 9 }) } });
    const store = await openStore('idb');
    await store.commit({ put: [['a', bytes(3)]], delete: [] });
    abortAt(4, 'QuotaExceededError');
    const put = [
      ['b', bytes(100)],
      ['c', bytes(23)],
    ] as const;
    await expect(store.commit({ put, delete: ['a'] })).rejects.toMatchObject({
      code: 'storage/quota',
      details: { asked: 123, usage: 5, quota: 9 },
      message: expect.stringContaining('123 more bytes. It reports 5 of 9 bytes in use.'),
    });
    vi.restoreAllMocks();
    expect(await store.list('')).toEqual(['a']);
    expect(await store.size('')).toBe(3);
    await store.commit({ put: [], delete: ['a'] });
    expect(await store.list('')).toEqual([]);
  });

  test('is reported where nobody can say how full', async () => {
    vi.stubGlobal('navigator', {});
    const store = await openStore('idb');
    abortAt(2, 'QuotaExceededError');
    const refused = store.commit({ put: [['a', bytes(1)]], delete: [] });
    await expect(refused).rejects.toMatchObject({ code: 'storage/quota', details: { asked: 1 } });
  });

  test('is told from a disk that fails', async () => {
    const store = await openStore('idb');
    abortAt(2, 'UnknownError');
    const refused = store.commit({ put: [['a', bytes(1)]], delete: [] });
    await expect(refused).rejects.toMatchObject({ code: 'storage/unavailable' });
    expect(await store.list('')).toEqual([]);
  });
});

test('a commit that lost its connection midway is tried once more', async () => {
  const store = await openStore('idb');
  const { put } = IDBObjectStore.prototype;
  let lost = 1;
  const losing = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (
    this: IDBObjectStore,
    value,
    key,
  ) {
    const request = put.call(this, value, key);
    if (lost-- > 0) (this.transaction as unknown as { _abort(reason: string): void })._abort('AbortError');
    return request;
  });
  await store.commit({ put: [['a', bytes(3)]], delete: [] });
  expect(await store.get('a')).toEqual(bytes(3));
  lost = 2;
  losing.mockClear();
  await expect(store.commit({ put: [['b', bytes(3)]], delete: [] })).rejects.toMatchObject({
    code: 'storage/unavailable',
  });
  expect(await store.get('b')).toBeUndefined();
});

test('one value that cannot be read does not take its neighbours with it', async () => {
  const store = await openStore('idb');
  await store.commit({ put: ['a', 'b', 'c'].map((key) => [key, bytes(2)] as const), delete: [] });
  const { get } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    if (key !== 'b') return get.call(this, key);
    const transaction = this.transaction as unknown as {
      _execRequestAsync(request: { operation: () => void; source: unknown }): IDBRequest;
    };
    return transaction._execRequestAsync({
      source: this,
      operation: () => {
        throw new DOMException('The file is gone.', 'NotReadableError');
      },
    });
  });
  expect(await store.getMany(['a', 'b', 'c'])).toEqual([bytes(2), undefined, bytes(2)]);
});

test('options that nobody knows are refused', async () => {
  const refused = { code: 'input/option' };
  await expect(openStore('tape' as 'idb')).rejects.toMatchObject({
    ...refused,
    details: { option: 'store' },
  });
  await expect(openStore('toString' as 'idb')).rejects.toMatchObject(refused);
  await expect(openStore('idb', { database: '' })).rejects.toMatchObject(refused);
  await expect(openStore('idb', { durability: 'default' as 'strict' })).rejects.toMatchObject({
    ...refused,
    details: { option: 'durability' },
    message: expect.stringContaining('"default"'),
  });
});
