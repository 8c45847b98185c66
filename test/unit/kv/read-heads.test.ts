/** Heads come in a few large reads, the next of which are under way while some are used, and none is read twice. */
import { expect, test } from 'vitest';
import { readHeads } from '../../../src/kv/read-heads.js';
import { headKey } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';

const keys = Array.from({ length: 40 }, (_, n) => String(n).padStart(32, '0'));

const filled = async (bytes: number, missing = -1) => {
  const inner = await openMemory();
  const put = keys
    .map((key, n) => [headKey(key), new Uint8Array(bytes).fill(n)] as const)
    .filter((_, n) => n !== missing);
  await inner.commit({ put, delete: [] });
  const reads: number[] = [];
  let used = 0;
  const ahead: number[] = [];
  const store: Store = {
    ...inner,
    getMany: (wanted) => {
      reads.push(wanted.length);
      ahead.push(reads.reduce((sum, n) => sum + n, 0) - used);
      return inner.getMany(wanted);
    },
  };
  const all = async (from = 0): Promise<(number | undefined)[]> => {
    const found: (number | undefined)[] = [];
    for await (const head of readHeads(store, keys, from)) {
      found.push(head?.[0]);
      used += 1;
    }
    return found;
  };
  return { all, reads, ahead };
};

test('as many as have three megabytes at a time, at most three reads ahead of what is used', async () => {
  const { all, reads, ahead } = await filled(640_000);
  expect(await all()).toEqual(keys.map((_, n) => n));
  expect(reads).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  expect(Math.max(...ahead)).toBeLessThanOrEqual(12);
  expect(Math.max(...ahead)).toBeGreaterThan(4);
});

test('small ones in few reads, from any place on', async () => {
  const { all, reads } = await filled(2000);
  expect(await all(7)).toEqual(keys.map((_, n) => n).slice(7));
  expect(reads).toEqual([4, 29]);
});

test('one that is missing is the last', async () => {
  const { all, reads } = await filled(640_000, 9);
  expect(await all()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, undefined]);
  expect(reads.reduce((sum, n) => sum + n, 0)).toBeLessThanOrEqual(20);
});
