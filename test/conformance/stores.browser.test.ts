import { expect, test, vi } from 'vitest';
import { openStore } from '../../src/stores/index.js';
import { wipe } from '../../src/wipe.js';
import { makeSecret } from '../support/make-secret.js';
import { random } from '../support/random.js';
import { describeIdb } from './idb.js';
import { describeStore } from './stores.js';

describeStore('memory', { open: () => openStore('memory'), persistent: false });
describeStore('idb, relaxed', { open: (database) => openStore('idb', { database }), persistent: true });
describeStore('idb, strict', {
  open: (database) => openStore('idb', { database, durability: 'strict' }),
  persistent: true,
});
const encryption = await makeSecret(1);
describeStore('idb, encrypted', {
  open: (database) => openStore('idb', { database, encryption }),
  persistent: true,
});
describeIdb();

/** A part of the origin's storage with a quota of its own. */
interface Buckets {
  open(name: string, options: { quota: number }): Promise<{ readonly indexedDB: IDBFactory }>;
  delete(name: string): Promise<void>;
}

const { storageBuckets: buckets } = navigator as unknown as { storageBuckets?: Buckets };

// Only Chromium lets a page give itself a quota.
test.runIf(buckets)(
  'a device that is full refuses a batch whole, and takes it when some is deleted',
  async () => {
    const bucket = await buckets!.open('full', { quota: 20 << 20 });
    vi.stubGlobal('indexedDB', bucket.indexedDB);
    const store = await openStore('idb');
    const megabyte = random(1).bytes(1 << 20);
    const batch = (name: string) => ({
      put: Array.from({ length: 4 }, (_, n) => [`${name}/${n}`, megabyte] as const),
      delete: [],
    });

    let stored = 0;
    const filling = async (): Promise<void> => {
      for (; stored < 20; stored++) await store.commit(batch(String(stored).padStart(2, '0')));
    };
    await expect(filling()).rejects.toMatchObject({ code: 'storage/quota', details: { asked: 4 << 20 } });
    expect(stored).toBeGreaterThan(0);
    expect(await store.list('')).toHaveLength(4 * stored);
    expect(await store.size('')).toBe(stored * (4 << 20));

    const keys = await store.list('');
    await store.commit({ put: [], delete: keys });
    // The browser counts freed room a moment later.
    const again = () => store.commit({ put: [['a', megabyte]], delete: [] }).catch(({ code }) => code);
    await expect.poll(again, { timeout: 20_000 }).toBeUndefined();
    expect(await store.list('')).toEqual(['a']);
    await store.close();
    vi.unstubAllGlobals();
    await buckets!.delete('full');
  },
);

test('wiping leaves no database and no file, plain or encrypted, though stores are open', async () => {
  const database = `wiped-${Date.now()}`;
  const names = [database, `${database} encrypted`];
  const kept = async (): Promise<string[]> =>
    (await indexedDB.databases()).map(({ name }) => name!).filter((name) => name.startsWith(database));
  const open = [await openStore('idb', { database }), await openStore('idb', { database, encryption })];
  for (const store of open) await store.commit({ put: [['a/1', new Uint8Array(9)]], delete: [] });
  const root = await navigator.storage.getDirectory();
  const all = await root.getDirectoryHandle('longhand-kv', { create: true });
  for (const name of names) {
    const folder = await all.getDirectoryHandle(`=${encodeURIComponent(name)}`, { create: true });
    await folder.getFileHandle('writer.1', { create: true });
  }
  expect((await kept()).sort()).toEqual(names);
  await wipe({ database, models: false });
  expect(await kept()).toEqual([]);
  for (const name of names) {
    const gone = all.getDirectoryHandle(`=${encodeURIComponent(name)}`);
    await expect(gone).rejects.toMatchObject({ name: 'NotFoundError' });
  }
  // Whoever goes on begins with nothing.
  expect(await open[0]!.list('')).toEqual([]);
  for (const store of open) await store.close();
});
