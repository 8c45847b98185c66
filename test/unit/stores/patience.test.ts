import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openMemory } from '../../../src/stores/memory.js';
import { createPatience, patient } from '../../../src/stores/patience.js';
import type { Store } from '../../../src/stores/store.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);
/** How it settles; `undefined` as long as it does not. */
const watched = (promise: Promise<unknown>) => {
  const seen: { value?: unknown; error?: { code?: string; message: string } } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error) => {
      seen.error = error;
    },
  );
  return seen;
};
const seconds = (n: number): Promise<unknown> => vi.advanceTimersByTimeAsync(n * 1000);

test('what answers is what it was, and leaves no timer', async () => {
  const store = patient(await openMemory(), createPatience());
  await store.commit({ put: [['a', Uint8Array.of(1)]], delete: [] });
  expect(await store.getMany(['a', 'b'])).toEqual([Uint8Array.of(1), undefined]);
  expect(await store.list('')).toEqual(['a']);
  expect(store.name).toBe('memory');
  await store.close();
  await expect(store.get('a')).rejects.toMatchObject({ code: 'engine/closed' });
  await seconds(2);
  expect(vi.getTimerCount()).toBe(0);
});

test('what does not answer within a minute is given up, what comes after it sooner, until something answers', async () => {
  let isStuck = true;
  const inner = await openMemory();
  const get: Store['get'] = (key) => (isStuck ? never() : inner.get(key));
  const store = patient({ ...inner, get }, createPatience());
  const first = watched(store.get('a'));
  await seconds(59);
  expect(first).toEqual({});
  await seconds(2);
  expect(first.error).toMatchObject({
    code: 'storage/unavailable',
    message: expect.stringMatching(/did not answer \(get\).*in memory.*Reload/),
  });
  const second = watched(store.get('a'));
  await seconds(4);
  expect(second.error?.code).toBe('storage/unavailable');
  expect(await store.list('')).toEqual([]);
  const third = watched(store.get('a'));
  await seconds(30);
  expect(third).toEqual({});
  isStuck = false;
  expect(await store.get('a')).toBeUndefined();
});

test('looks are counted, not time: a thread that computed for long hears the answer first', async () => {
  let answer!: () => void;
  const inner = await openMemory();
  const get: Store['get'] = () =>
    new Promise((resolve) => {
      answer = () => resolve(undefined);
    });
  const asked = watched(patient({ ...inner, get }, createPatience()).get('a'));
  await seconds(1);
  vi.setSystemTime(Date.now() + 3_600_000);
  await seconds(1);
  expect(asked).toEqual({});
  answer();
  await seconds(0);
  expect(asked).toEqual({ value: undefined });
});

test('to close is given up in silence; locks are waited for', async () => {
  const inner = await openMemory();
  const store = patient({ ...inner, close: never }, createPatience());
  const unlock = await store.lock('a');
  const waits = watched(store.lock('a', { wait: true }));
  const closed = watched(store.close());
  await seconds(61);
  expect('value' in closed).toBe(true);
  await seconds(600);
  expect(waits).toEqual({});
  unlock!();
  await seconds(0);
  expect(waits.value).toBeTypeOf('function');
});

test('errors are what they were', async () => {
  const inner = await openMemory();
  const refuse = async (): Promise<never> => {
    throw new TypeError('No.');
  };
  const store = patient({ ...inner, commit: refuse, close: refuse }, createPatience());
  await expect(store.commit({ put: [], delete: [] })).rejects.toThrow(TypeError);
  await expect(store.close()).rejects.toThrow(TypeError);
});

test('what is handed over after it was given up is not', async () => {
  let hand!: () => void;
  const inner = await openMemory();
  const lend: NonNullable<Store['lend']> = (_, use) =>
    new Promise((resolve) => {
      hand = () => {
        use(Uint8Array.of(1), 0);
        resolve();
      };
    });
  const store = patient({ ...inner, lend }, createPatience());
  const handed: Uint8Array[] = [];
  const lent = watched(store.lend!(['a'], (bytes) => handed.push(bytes)));
  await seconds(61);
  expect(lent.error?.code).toBe('storage/unavailable');
  hand();
  await seconds(1);
  expect(handed).toEqual([]);
  await Promise.all([store.lend!(['a'], (bytes) => handed.push(bytes)), seconds(0).then(() => hand())]);
  expect(handed).toEqual([Uint8Array.of(1)]);
});

test('whoever writes under a lock holds it until no commit is left that may still come', async () => {
  let arrive!: () => void;
  const inner = await openMemory();
  const commit: Store['commit'] = (batch) =>
    new Promise((resolve) => {
      arrive = () => resolve(inner.commit(batch));
    });
  const store = patient({ ...inner, commit }, createPatience());
  const [writing, reading] = [await store.lock('a', { writes: true }), await store.lock('b')];
  const stuck = watched(store.commit({ put: [['x', Uint8Array.of(1)]], delete: [] }));
  await seconds(61);
  expect(stuck.error?.code).toBe('storage/unavailable');
  writing!();
  reading!();
  expect(await inner.lock('a')).toBeUndefined();
  expect(await inner.lock('b')).toBeTypeOf('function');
  arrive();
  await seconds(0);
  expect(await inner.lock('a')).toBeTypeOf('function');
});
