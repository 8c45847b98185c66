/** The `opfs` store: what every store promises, and what becomes of its files. In workers, since a page gets no files. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digest, hex } from '../../src/kv/digest.js';
import { openStore, type Store } from '../../src/stores/index.js';
import { random } from '../support/random.js';
import { type StoreWorker, startStoreWorker } from './store-workers.js';
import { describeStore } from './stores.js';

const shared = startStoreWorker();
const other = startStoreWorker();
describeStore('opfs, relaxed', { open: (database) => shared.open(database), persistent: true });
describeStore('opfs, strict', {
  open: (database) => shared.open(database, { durability: 'strict' }),
  persistent: true,
});

const modeless = startStoreWorker();
describeStore('opfs where handles are not shared', {
  open: async (database) => {
    await modeless.server.forgetModes();
    return modeless.open(database);
  },
  persistent: true,
});

/** Large enough for a file, and not as large as another. */
const value = (seed: number): Uint8Array => random(seed).bytes(40_000 + seed);
const put = (store: Store, ...seeds: number[]): Promise<void> =>
  store.commit({ put: seeds.map((seed) => [`key/${seed}`, value(seed)] as const), delete: [] });
const remove = (store: Store, ...seeds: number[]): Promise<void> =>
  store.commit({ put: [], delete: seeds.map((seed) => `key/${seed}`) });

describe('files of an opfs store', () => {
  let database: string;
  let store: Store;
  const files = () => shared.server.files(database);
  beforeEach(async () => {
    database = `files-${Date.now()}-${Math.random()}`;
    store = await shared.open(database);
  });
  afterEach(() => store.close());

  test('there is one for a batch with large values, none for small ones', async () => {
    await store.commit({ put: [['small', Uint8Array.of(1)]], delete: [] });
    expect(await files()).toEqual([]);
    await put(store, 1, 2, 3);
    await put(store, 4);
    expect(await files()).toHaveLength(2);
  });

  test('values are lent in one piece of memory, to calls side by side too', async () => {
    const seeds = Array.from({ length: 40 }, (_, n) => n + 1);
    await put(store, ...seeds);
    await put(store, 41, 42);
    const asked = [...seeds, 42, 41, 99];
    const digests = asked.map((seed) => (seed === 99 ? undefined : hex(digest(value(seed)))));
    const keys = asked.map((seed) => `key/${seed}`);
    // 1.7 MB twice, through one megabyte; where files are read otherwise, each read has its own.
    const lent = await other.server.lent(database, keys);
    expect(lent.digests).toEqual([digests, digests]);
    if (await other.server.sharesHandles()) expect(lent.buffers).toBe(1);
    await modeless.server.forgetModes();
    expect((await modeless.server.lent(database, keys)).digests).toEqual([digests, digests]);
  });

  test('values that lie one behind the other are read together, in whatever order and however many', async () => {
    const seeds = Array.from({ length: 40 }, (_, n) => n + 1);
    const values = new Map([...seeds, 41, 42].map((seed) => [seed, value(seed)]));
    // `toEqual` is slow over millions of bytes.
    const isSame = (found?: Uint8Array, expected?: Uint8Array): boolean =>
      found?.length === expected?.length && (found ?? []).every((byte, n) => byte === expected![n]);
    await put(store, ...seeds);
    await put(store, 41, 42);
    const orders = [
      [...seeds, 41, 42],
      [41, ...[...seeds].reverse(), 42],
      seeds.filter((seed) => seed % 5 !== 0),
      [3, 4, 5, 4, 5, 6, 99, 7],
    ];
    for (const order of orders) {
      const found = await store.getMany(order.map((seed) => `key/${seed}`));
      const wrong = order.filter((seed, n) => !isSame(found[n], values.get(seed)));
      expect(wrong).toEqual([]);
    }
    // Each is the caller's own.
    const [first, second] = await store.getMany(['key/1', 'key/2']);
    first!.fill(0);
    expect(isSame(second, values.get(2))).toBe(true);
    expect(isSame(await store.get('key/1'), values.get(1))).toBe(true);
  });

  test('one goes with its last value, deleted or overwritten', async () => {
    await put(store, 1, 2);
    await put(store, 3);
    await remove(store, 3);
    expect(await files()).toHaveLength(1);
    await store.commit({ put: [['key/1', Uint8Array.of(1)]], delete: [] });
    await put(store, 2);
    expect(await files()).toHaveLength(1);
    expect(await store.getMany(['key/1', 'key/2', 'key/3'])).toEqual([Uint8Array.of(1), value(2), undefined]);
    await remove(store, 2);
    expect(await files()).toEqual([]);
  });

  test('together they hold at most twice what is stored', async () => {
    const draw = random(5).below;
    const live = new Set<number>();
    for (let step = 0; step < 25; step++) {
      const added = Array.from({ length: 1 + draw(6) }, () => draw(40));
      const gone = Array.from({ length: draw(8) }, () => draw(40));
      await put(store, ...added);
      await remove(store, ...gone);
      for (const one of added) live.add(one);
      for (const one of gone) live.delete(one);
    }
    const stored = await store.size('');
    expect(stored).toBe([...live].reduce((sum, seed) => sum + value(seed).length, 0));
    expect(await shared.server.fileBytes(database)).toBeLessThanOrEqual(2 * stored);
    for (const seed of live) expect(await store.get(`key/${seed}`)).toEqual(value(seed));
  });

  test('that a writer left which died are removed by the next who opens; those of a living one are not', async () => {
    await put(store, 1);
    const [living] = await files();
    const writer = living!.split('.')[0]!;
    await shared.server.leaveFile(database, `${writer}.99`);
    await shared.server.leaveFile(database, 'nobody.0');
    const second = await other.open(database);
    expect((await files()).sort()).toEqual([living, `${writer}.99`].sort());
    await store.close();
    const third = await other.open(database);
    expect(await files()).toEqual([living]);
    expect(await third.get('key/1')).toEqual(value(1));
    await second.close();
    await third.close();
  });

  test('that somebody cleared are values that are not there, and can be written again', async () => {
    await put(store, 1, 2);
    await put(store, 3);
    await store.close();
    const [first] = (await files()).sort();
    await shared.server.removeFile(database, first!);
    store = await shared.open(database);
    const left = await store.list('');
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(3);
    await put(store, 1, 2, 3);
    expect(await store.getMany(['key/1', 'key/2', 'key/3'])).toEqual([value(1), value(2), value(3)]);
  });

  test('cleared while the store is open are values that are not there', async () => {
    await put(store, 1);
    await shared.server.removeFile(database, (await files())[0]!);
    expect(await store.get('key/1')).toBeUndefined();
    await put(store, 1);
    expect(await store.get('key/1')).toEqual(value(1));
  });

  test('that another worker reads go when it has let go', async () => {
    const second = await other.open(database);
    await put(store, 1);
    expect(await second.get('key/1')).toEqual(value(1));
    await remove(store, 1);
    expect(await second.get('key/1')).toBeUndefined();
    await expect
      .poll(async () => {
        await store.commit({ put: [], delete: [] });
        return files();
      })
      .toEqual([]);
    await second.close();
  });
});

describe('several workers on one opfs store', () => {
  let workers: StoreWorker[];
  beforeEach(() => {
    workers = [startStoreWorker(), startStoreWorker(), startStoreWorker()];
    return () => {
      for (const { terminate } of workers) terminate();
    };
  });

  test('write and read at once, and nothing is lost or half there', async () => {
    const database = `several-${Date.now()}`;
    const stores = await Promise.all(workers.map(({ open }) => open(database)));
    const keys = Array.from({ length: 6 }, (_, n) => `together/${n}`);
    await Promise.all(
      stores.map(async (store, n) => {
        for (let round = 0; round < 6; round++) {
          const mark = 100 * n + round;
          const all = keys.map((key) => [key, new Uint8Array(50_000).fill(mark)] as const);
          await store.commit({ put: [...all, [`own/${n}/${round}`, value(mark)]], delete: [] });
          const view = await store.getMany(keys);
          expect(new Set(view.map((one) => one?.[0])).size).toBe(1);
          if (round % 3 === 0) await store.commit({ put: [], delete: [`own/${n}/${round}`] });
        }
      }),
    );
    const expected = Array.from({ length: 18 }, (_, n) => [Math.floor(n / 6), n % 6] as const).filter(
      ([, round]) => round % 3 !== 0,
    );
    for (const [n, round] of expected)
      expect(await stores[0]!.get(`own/${n}/${round}`)).toEqual(value(100 * n + round));
    expect(await stores[1]!.list('own/')).toHaveLength(expected.length);
    for (const store of stores) await store.close();
    const again = await shared.open(database);
    expect(await shared.server.fileBytes(database)).toBeLessThanOrEqual(2 * (await again.size('')));
    await again.close();
  });

  test('one that is terminated in the middle leaves its last commits whole', async () => {
    const database = `terminated-${Date.now()}`;
    const [victim] = workers;
    const dying = await victim!.open(database);
    let told = 0;
    const writing = async (): Promise<void> => {
      for (let round = 1; ; round++) {
        const all = [0, 1, 2].map((n) => [`key/${n}`, new Uint8Array(300_000).fill(round)] as const);
        await dying.commit({ put: all, delete: [] });
        told = round;
      }
    };
    void writing();
    await expect.poll(() => told).toBeGreaterThan(3);
    victim!.terminate();
    const seen = told;
    // Its locks and handles go a moment after it.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const next = await shared.open(database);
    const found = await next.getMany(['key/0', 'key/1', 'key/2']);
    const marks = new Set(found.map((one) => one?.[0]));
    expect(marks.size).toBe(1);
    expect([...marks][0]! - seen).toBeGreaterThanOrEqual(0);
    expect([...marks][0]! - seen).toBeLessThan(3);
    expect(await shared.server.files(database)).toHaveLength(1);
    await next.close();
  });
});

test('a device that is full refuses a batch whole, and leaves no file of it', async ({ skip }) => {
  const confined = startStoreWorker();
  if (!(await confined.server.confine(12 << 20))) skip('Only Chromium lets a worker give itself a quota.');
  const store = await confined.open('full');
  const megabyte = random(1).bytes(1 << 20);
  const batch = (name: string) => ({
    put: [0, 1, 2].map((n) => [`${name}/${n}`, megabyte] as const),
    delete: [],
  });
  let stored = 0;
  const filling = async (): Promise<void> => {
    for (; stored < 20; stored++) await store.commit(batch(String(stored)));
  };
  await expect(filling()).rejects.toMatchObject({ code: 'storage/quota' });
  expect(stored).toBeGreaterThan(0);
  expect(await store.list('')).toHaveLength(3 * stored);
  expect(await confined.server.files('full')).toHaveLength(stored);
  expect(await store.get('0/2')).toEqual(megabyte);

  await store.commit({ put: [], delete: await store.list('') });
  expect(await confined.server.files('full')).toEqual([]);
  await store.close();
  confined.terminate();
});

test('a page is told that it needs a worker', async () => {
  await expect(openStore('opfs')).rejects.toMatchObject({
    code: 'storage/unavailable',
    message: expect.stringMatching(/in a worker only.*use the store 'idb'/),
  });
});
