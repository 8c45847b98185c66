import { expect, test } from 'vitest';
import { createWriteBehind, type StorageState } from '../../../src/kv/write-behind.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import { type Fault, faultyStore } from '../../support/faulty-store.js';
import { random } from '../../support/random.js';

const open = async (fault: Fault = { commit: Infinity, how: 'full' }) => {
  const inner = await openMemory();
  const store = faultyStore(inner, fault);
  const states: [StorageState, unknown][] = [];
  const onState = (state: StorageState, cause?: unknown) => void states.push([state, cause]);
  const writer = createWriteBehind(store, { batchBytes: 100, queueBytes: 300, onState });
  const stored: string[] = [];
  const put = (name: string, sizes: readonly number[]) =>
    writer.put(
      sizes.map((size, n) => [`${name}${n}`, new Uint8Array(size)] as const),
      () => stored.push(name),
    );
  return { inner, store, writer, states, stored, put };
};

test('writes in batches that just reach their size, in order', async () => {
  const { inner, store, writer, stored, put } = await open();
  await put('a', [60, 60]);
  await put('b', [10, 10, 10]);
  await put('c', [250]);
  await writer.drained();
  expect(await inner.size('')).toBe(400);
  expect(stored).toEqual(['a', 'b', 'c']);
  expect(store.commits).toBeLessThanOrEqual(3);
  expect(store.largest).toBeLessThanOrEqual(280);
});

test('holds back who writes faster than the store', async () => {
  const { inner, put } = await open();
  let accepted = 0;
  const all = Array.from({ length: 10 }, (_, n) => put(`${n}/`, [100]).then(() => accepted++));
  await Promise.resolve();
  await Promise.resolve();
  // Three are within the queue's limit and go through at once, the others wait.
  expect(accepted).toBe(3);
  await Promise.all(all);
  expect(await inner.size('')).toBeGreaterThanOrEqual(700);
});

test('counts entries as stored only when all of them are', async () => {
  const { writer, stored, put } = await open({ commit: 2, how: 'full' });
  await put('a', [100, 100]);
  await writer.drained();
  expect(stored).toEqual([]);
});

test('reports a full device once, drops what waits, and takes no more records', async () => {
  const { inner, store, writer, states, stored, put } = await open({ commit: 2, how: 'full' });
  await Promise.all([put('a', [100]), put('b', [100]), put('c', [100]), put('d', [100, 100, 100])]);
  await writer.drained();
  await put('e', [1]);
  await writer.drained();
  expect(stored).toEqual(['a']);
  expect(await inner.list('')).toEqual(['a0']);
  expect(states).toEqual([['full', expect.objectContaining({ code: 'storage/quota' })]]);
  expect(store.commits).toBe(2);
});

test('takes records again after room was made', async () => {
  const { writer, states, stored, put } = await open({ commit: 2, how: 'full' });
  await put('a', [100]);
  await put('b', [100]);
  await writer.drained();
  await expect(writer.commit({ put: [['m', new Uint8Array(1)]], delete: ['a0'] })).rejects.toMatchObject({
    code: 'storage/quota',
  });
  await writer.commit({ put: [], delete: ['a0'] });
  expect(writer.state).toBe('full');
  writer.freed();
  expect(writer.state).toBe('ok');
  expect(states.map(([state]) => state)).toEqual(['full', 'ok']);
  expect(stored).toEqual(['a']);
});

test('commits after everything that is queued', async () => {
  const inner = await openMemory();
  let before: string[] = [];
  const writer = createWriteBehind(
    {
      ...inner,
      async commit(batch) {
        if (batch.put[0]?.[0] === 'm') before = await inner.list('');
        else await new Promise((resolve) => setTimeout(resolve, 5));
        return inner.commit(batch);
      },
    },
    { batchBytes: 1 },
  );
  const one = new Uint8Array(1);
  await writer.put(
    ['a', 'b', 'c'].map((key) => [key, one] as const),
    () => undefined,
  );
  await writer.commit({ put: [['m', one]], delete: [] });
  expect(before).toEqual(['a', 'b', 'c']);
});

test('shows a failure that is none of storage, to whoever waits for it', async () => {
  const inner = await openMemory();
  await inner.close();
  const states: unknown[] = [];
  const writer = createWriteBehind(inner, { onState: (state, cause) => states.push(state, cause) });
  await expect(writer.commit({ put: [], delete: ['a'] })).rejects.toMatchObject({ code: 'engine/closed' });
  expect(writer.state).toBe('ok');
  await writer.put([['a', new Uint8Array(1)]], () => undefined);
  await writer.drained();
  expect(states).toEqual(['unavailable', expect.objectContaining({ code: 'engine/closed' })]);
});

test('a slow disk never grows memory: what was accepted and is not stored stays within the queue and one run', async () => {
  const draw = random(77);
  const inner = await openMemory();
  let [accepted, stored, most] = [0, 0, 0];
  const slow: Store = {
    ...inner,
    async commit(batch) {
      await new Promise((resolve) => setTimeout(resolve, draw.below(4)));
      await inner.commit(batch);
      stored += batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0);
    },
  };
  const writer = createWriteBehind(slow, { batchBytes: 400, queueBytes: 1000 });
  const largest = 300;
  for (let n = 0; n < 200; n++) {
    const bytes = new Uint8Array(1 + draw.below(largest));
    accepted += bytes.length;
    most = Math.max(most, accepted - stored);
    await writer.put([[`${n}`, bytes]], () => undefined);
  }
  await writer.drained();
  expect(stored).toBe(accepted);
  expect(most).toBeGreaterThan(600);
  expect(most).toBeLessThanOrEqual(1000 + largest);
});
