/** Runs that another thread reads: the same bytes, whatever becomes of it. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { digest, hex } from '../../src/kv/digest.js';
import { readBeside } from '../../src/kv/read-beside.js';
import { decodeRecord, encodeRecord } from '../../src/kv/records.js';
import { sealOf } from '../../src/kv/seal.js';
import { pagesKey } from '../../src/kv/stored-run.js';
import { openStore } from '../../src/stores/index.js';
import { createPatience } from '../../src/stores/patience.js';
import type { Store } from '../../src/stores/store.js';
import { wipe } from '../../src/wipe.js';
import { random } from '../support/random.js';
import { startStoreWorker } from './store-workers.js';

/** As a worker's: into other scripts the tests' server puts what only its pages have. */
const readsUrl = new URL('../../dist/reads.js?worker_file&type=module', import.meta.url);

const draw = random(3);
const record = (firstPage: number): Uint8Array =>
  encodeRecord({ layers: { from: 0, to: 1 }, firstPage, pages: [[draw.bytes(25_000)]] });
const KEYS = [0, 1, 2, 3, 7, 8].map((group) => pagesKey('a'.repeat(32), group));
const RECORDS = KEYS.map((_, n) => record(n));

type StoreName = 'idb' | 'opfs';
/** Files are written in a worker only. */
const worker = startStoreWorker();
let databases = 0;
/** A store with these records, one that has its runs read beside, and how often the first one was asked for many. */
const openBoth = async (
  name: StoreName = 'idb',
  url: URL | string = readsUrl,
  patience = createPatience(),
) => {
  const database = `beside-${Date.now()}-${databases++}`;
  const inner = name === 'idb' ? await openStore('idb', { database }) : await worker.open(database);
  await inner.commit({
    put: [...KEYS.map((key, n) => [key, RECORDS[n]!] as const), ['use/counter', Uint8Array.of(1)]],
    delete: [],
  });
  let asked = 0;
  const counted: Store = {
    ...inner,
    getMany(keys) {
      asked++;
      return inner.getMany(keys);
    },
  };
  const store = readBeside(counted, { store: name, database, url }, patience);
  onTestFinished(() => store.close());
  return { inner, store, database, asked: () => asked };
};
/** Asks for runs until the store itself is not asked any more. */
const untilBeside = async ({ store, asked }: Awaited<ReturnType<typeof openBoth>>): Promise<void> => {
  await vi.waitUntil(async () => {
    const before = asked();
    await store.getMany(KEYS.slice(0, 1));
    return asked() === before;
  }, PATIENCE);
};
/** Comparing bytes one by one takes long. */
const sums = (values: readonly (Uint8Array | undefined)[]): (string | undefined)[] =>
  values.map((value) => value && hex(digest(value)));
const SUMS = sums(RECORDS);
/** A script that fetches another takes its time on a busy machine. */
const PATIENCE = { timeout: 10_000 };
const STORES = ['idb', 'opfs'] as const;
const script = (text: string): string => URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));

test.each(
  STORES,
)('%s: runs come from the thread: in order, equal, nothing where nothing is', async (name) => {
  const both = await openBoth(name);
  expect(sums(await both.store.getMany(KEYS))).toEqual(SUMS);
  await untilBeside(both);
  const before = both.asked();
  const missing = pagesKey('b'.repeat(32), 0);
  const asked = [KEYS[4]!, missing, ...KEYS, KEYS[0]!];
  expect(sums(await both.store.getMany(asked))).toEqual([SUMS[4], undefined, ...SUMS, SUMS[0]]);
  const alone = await Promise.all(KEYS.map((key) => both.store.getMany([key])));
  expect(sums(alone.flat())).toEqual(SUMS);
  expect(both.asked()).toBe(before);
  expect(await both.store.getMany(['use/counter'])).toEqual([Uint8Array.of(1)]);
  expect(both.asked()).toBe(before + 1);
});

test.each(
  STORES,
)('%s: what was written since is seen, what is damaged is not believed, what is whole is not hashed again', async (name) => {
  const both = await openBoth(name);
  await untilBeside(both);
  const damaged = RECORDS[1]!.slice();
  damaged[999]! ^= 4;
  await both.store.commit({ put: [[KEYS[1]!, damaged]], delete: [KEYS[0]!] });
  const [gone, wrong, right] = await both.store.getMany(KEYS.slice(0, 3));
  expect(gone).toBeUndefined();
  expect(decodeRecord(wrong!).fault).toMatch(/checksum/);
  // Nobody changes what was handed over; here it shows that the digest was looked at in the thread.
  right![999]! ^= 4;
  expect(decodeRecord(right!).fault).toBeUndefined();
  expect(decodeRecord(right!.slice()).fault).toMatch(/checksum/);
});

test.each(
  STORES,
)('%s: records land in shared memory: nothing but a word of each is handed over, and only of what is whole', async (name) => {
  const both = await openBoth(name);
  await untilBeside(both);
  const damaged = RECORDS[1]!.slice();
  damaged[999]! ^= 4;
  await both.store.commit({ put: [[KEYS[1]!, damaged]], delete: [KEYS[0]!] });
  const memory = new SharedArrayBuffer(KEYS.length * 25_000);
  const rooms = KEYS.map((_, n) => [new Uint8Array(memory, n * 25_000, 25_000)]);
  const before = both.asked();
  const [gone, wrong, ...landed] = (await both.store.land!(KEYS, rooms))!;
  expect(both.asked()).toBe(before);
  expect(gone).toBeUndefined();
  expect(decodeRecord(wrong as Uint8Array).fault).toMatch(/checksum/);
  const whole = RECORDS.slice(2).map((bytes) => decodeRecord(bytes).found!);
  const words = whole.map(({ layers, firstPage }, n) => ({
    layers,
    firstPage,
    seal: sealOf(RECORDS[n + 2]!),
  }));
  expect(landed).toEqual(words);
  expect(sums(rooms.slice(2).flat())).toEqual(sums(whole.map(({ pages }) => pages[0]![0])));
  for (const [room] of rooms.slice(0, 2)) expect(room!.every((byte) => byte === 0)).toBe(true);
});

test('a thread that dies while records land says so; one that cannot read has the store read', async () => {
  const rooms = KEYS.map(() => [new Uint8Array(new SharedArrayBuffer(25_000))]);
  const dying = await openBoth(
    'idb',
    script('postMessage({ ready: true }); onmessage = ({ data }) => { if (data.rooms) throw 1; }'),
  );
  await dying.store.getMany(KEYS);
  const asked = await vi.waitUntil(() => dying.store.land!(KEYS, rooms)?.catch((error) => error.message));
  expect(asked).toBe('gone');
  expect(dying.store.land!(KEYS, rooms)).toBeUndefined();
  const unable = await openBoth(
    'idb',
    script(
      'postMessage({ ready: true }); onmessage = ({ data }) => postMessage({ id: data.id, failed: "no" })',
    ),
  );
  await unable.store.getMany(KEYS);
  const given = await vi.waitUntil(() => unable.store.land!(KEYS, rooms));
  expect(sums(given as Uint8Array[])).toEqual(SUMS);
  await unable.store.close();
  expect(unable.store.land!(KEYS, rooms)).toBeUndefined();
});

test.each([
  ['is not there', () => new URL('no-such-script.js', readsUrl)],
  ['refuses', () => script('postMessage({ refused: "no database" })')],
  [
    'dies when it is asked',
    () => script('postMessage({ ready: true }); onmessage = ({ data }) => { if (data.keys) throw 1; }'),
  ],
  [
    'cannot read',
    () =>
      script(
        'postMessage({ ready: true }); onmessage = ({ data }) => postMessage({ id: data.id, failed: "no" })',
      ),
  ],
] as const)('where the thread %s the store reads', async (_, url) => {
  const { store, asked } = await openBoth('idb', url());
  for (let round = 0; round < 20; round++) {
    expect(sums(await store.getMany(KEYS))).toEqual(SUMS);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  expect(asked()).toBe(20);
});

test.each(
  STORES,
)('%s: what was asked for when it is closed ends, and nothing is read afterwards', async (name) => {
  const both = await openBoth(name);
  await untilBeside(both);
  const asked = both.store.getMany(KEYS);
  await both.store.close();
  await asked.catch((error) => expect(error.code).toBe('engine/closed'));
  await expect(both.store.getMany(KEYS)).rejects.toMatchObject({ code: 'engine/closed' });
});

test('a thread that is there and never answers is given up, and the store asked', async () => {
  const silent = script('let asked = 0; onmessage = () => asked++ || postMessage({ ready: true });');
  const both = await openBoth('idb', silent, createPatience(5));
  expect(sums(await both.store.getMany(KEYS))).toEqual(SUMS);
  let landing: Promise<unknown> | undefined;
  await vi.waitUntil(() => {
    landing = both.store.land!(KEYS, []);
    return landing !== undefined;
  }, PATIENCE);
  const before = both.asked();
  // What was to land is let go of by whoever asked: the thread is no more.
  await expect(landing).rejects.toMatchObject({ code: 'storage/unavailable' });
  expect(both.store.land!(KEYS, [])).toBeUndefined();
  expect(sums(await both.store.getMany(KEYS))).toEqual(SUMS);
  expect(both.asked()).toBe(before + 1);
});

test('files that the thread has open go when nothing lives in them', async () => {
  const database = `beside-${Date.now()}-${databases++}`;
  const inner = await worker.open(database);
  const store = readBeside(inner, { store: 'opfs', database, url: readsUrl });
  onTestFinished(() => store.close());
  await store.commit({ put: KEYS.map((key, n) => [key, RECORDS[n]!] as const), delete: [] });
  await vi.waitUntil(async () => {
    await store.getMany(KEYS);
    return store.land!([], []);
  }, PATIENCE);
  expect(sums(await store.getMany(KEYS))).toEqual(SUMS);
  expect(await worker.server.files(database)).toHaveLength(1);
  await store.commit({ put: [], delete: KEYS });
  expect(await store.getMany(KEYS)).toEqual(KEYS.map(() => undefined));
  // One that is still open is removed with the next change, or by whoever opens the store next.
  await vi.waitUntil(async () => {
    await store.commit({ put: [], delete: [] });
    return (await worker.server.files(database)).length === 0;
  }, PATIENCE);
});

test('what the thread had open can be wiped as soon as the store is closed', async () => {
  const both = await openBoth('opfs');
  await untilBeside(both);
  expect(sums(await both.store.getMany(KEYS))).toEqual(SUMS);
  await both.store.close();
  await wipe({ database: both.database, models: false });
  const again = await worker.open(both.database);
  expect(await again.list('')).toEqual([]);
  await again.close();
});
