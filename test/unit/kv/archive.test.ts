import { describe, expect, test } from 'vitest';
import { digest } from '../../../src/kv/digest.js';
import { encodeRecord } from '../../../src/kv/records.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import {
  ids,
  open,
  pageBytes,
  prefill,
  recordsOf,
  restore,
  segmentTokens,
} from '../../support/archive-fixture.js';
import { faultyStore } from '../../support/faulty-store.js';

const filled = async () => {
  const store = await openMemory();
  const archive = await open(store);
  await prefill(archive, 0, 4);
  return { store, archive };
};

/** The key of the record of one group of the segment that was stored as number `index`. */
const keyOf = async (store: Store, index: number, group: number): Promise<string> => {
  const archive = await open(store);
  const wanted = encodeRecord(recordsOf(archive, index)[group]!);
  for (const key of await store.list('')) {
    if (Buffer.compare((await store.get(key))!, wanted) === 0) return key;
  }
  throw new Error('not stored');
};

describe('restoring', () => {
  test('an empty archive finds nothing', async () => {
    const archive = await open(await openMemory());
    expect(await restore(archive)).toEqual({ segments: 0, reason: 'missing', records: [] });
    expect(await restore(archive, ids.slice(0, segmentTokens - 1))).toMatchObject({
      segments: 0,
      reason: 'end',
    });
    expect(archive.groups.length).toBeGreaterThan(1);
  });

  test('gives back every whole segment, byte for byte, to whoever has the same tokens', async () => {
    const { store } = await filled();
    const again = await open(store);
    const found = await restore(again);
    expect(found).toMatchObject({ segments: 4, reason: 'end' });
    for (let index = 0; index < 4; index++) expect(found.records[index]).toEqual(recordsOf(again, index));
  });

  test('finds the longest common run of segments', async () => {
    const { store } = await filled();
    for (const at of [0, segmentTokens - 1, segmentTokens, 2 * segmentTokens + 5, 4 * segmentTokens + 1]) {
      const other = Object.assign([...ids], { [at]: 1 });
      const whole = Math.min(Math.floor(at / segmentTokens), 4);
      expect(await restore(await open(store), other)).toMatchObject({
        segments: whole,
        reason: whole === 4 ? 'end' : 'missing',
      });
    }
  });

  test('finds nothing that was made with something else', async () => {
    const { store } = await filled();
    for (const other of [
      { fingerprint: 'g' },
      { segmentTokens: segmentTokens / 2 },
      { pageBytes: [...pageBytes.slice(0, -1), 32] },
    ]) {
      expect(await restore(await open(store, other))).toMatchObject({ segments: 0, reason: 'missing' });
    }
    expect(await restore(await open(store))).toMatchObject({ segments: 4 });
  });

  test('stops at the first record that is missing, damaged, or holds other tokens', async () => {
    const { store } = await filled();
    for (const group of [0, 1]) {
      const key = await keyOf(store, 2, group);
      const intact = (await store.get(key))!;

      await store.commit({ put: [], delete: [key] });
      expect(await restore(await open(store))).toMatchObject({ segments: 2, reason: 'missing' });

      const damaged = intact.slice();
      damaged[damaged.length >> 1]! ^= 4;
      await store.commit({ put: [[key, damaged]], delete: [] });
      const found = await restore(await open(store));
      expect(found).toMatchObject({
        segments: 2,
        reason: 'damaged',
        fault: expect.stringMatching(/checksum/),
      });
      expect(await store.get(key)).toEqual(damaged);

      const misplaced = (await store.get(await keyOf(store, 1, group)))!;
      await store.commit({ put: [[key, misplaced]], delete: [] });
      expect(await restore(await open(store))).toMatchObject({ segments: 2, reason: 'damaged' });
      await store.commit({ put: [[key, intact]], delete: [] });
    }

    const key = await keyOf(store, 2, 0);
    const other = (await store.get(key))!;
    const [record] = recordsOf(await open(store), 2);
    const tokensAt = 16 + 4 * (6 + record!.pages.length);
    other[tokensAt + 8]! ^= 1;
    other.set(new Uint8Array(digest(other.subarray(0, -16)).buffer), other.length - 16);
    await store.commit({ put: [[key, other]], delete: [] });
    expect(await restore(await open(store))).toMatchObject({ segments: 2, reason: 'tokens' });
  });

  test('goes on behind a segment that was computed again', async () => {
    const { store } = await filled();
    await store.commit({ put: [], delete: [await keyOf(store, 1, 0)] });
    const archive = await open(store);
    expect(await restore(archive)).toMatchObject({ segments: 1, reason: 'missing' });
    await prefill(archive, 1, 2);
    const rest = await restore(archive, ids, 2);
    expect(rest).toMatchObject({ segments: 2, reason: 'end' });
    expect(rest.records[0]).toEqual(recordsOf(archive, 2));
    expect(await restore(archive, ids, 9)).toMatchObject({ segments: 0, reason: 'end' });
  });

  test('stops when it is cancelled, and passes on what the receiver throws', async () => {
    const { archive } = await filled();
    const cancel = new AbortController();
    const seen: number[] = [];
    const cancelled = archive.restore(ids, {
      signal: cancel.signal,
      onSegment: ({ index }) => {
        seen.push(index);
        if (index === 1) cancel.abort();
      },
    });
    await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([0, 1]);
    const thrown = archive.restore(ids, {
      onSegment: async () => {
        throw new Error('mine');
      },
    });
    await expect(thrown).rejects.toThrow('mine');
  });
});

describe('saving', () => {
  test('writes nothing that is known to be stored intact', async () => {
    const { store: inner } = await filled();
    const store = faultyStore(inner, { commit: Infinity, how: 'full' });
    const archive = await open(store);
    await restore(archive, ids.slice(0, 3 * segmentTokens));
    await prefill(archive, 0, 3);
    expect(store.commits).toBe(0);
    await prefill(archive, 3, 4);
    const written = store.commits;
    expect(written).toBe(archive.groups.length);
    await prefill(archive, 0, 4);
    expect(store.commits).toBe(written);
  });

  test('writes a damaged segment again', async () => {
    const { store, archive } = await filled();
    const key = await keyOf(store, 0, 1);
    const intact = (await store.get(key))!;
    await store.commit({ put: [[key, intact.slice(0, -4)]], delete: [] });
    expect(await restore(archive)).toMatchObject({ segments: 0, reason: 'damaged' });
    await prefill(archive, 0, 1);
    expect(await restore(archive)).toMatchObject({ segments: 4, reason: 'end' });
  });

  test('copies the pages before it returns', async () => {
    const store = await openMemory();
    const archive = await open(store);
    const records = recordsOf(archive, 0);
    const saved = archive.save(0, ids, records);
    for (const { pages } of records) for (const page of pages.flat()) page.fill(0);
    await saved;
    await archive.drained();
    expect((await restore(archive)).records[0]).toEqual(recordsOf(archive, 0));
  });
});

describe('storage that fails', () => {
  test('while reading ends a restore with what came before', async () => {
    const { store: inner } = await filled();
    const states: string[] = [];
    let reads = 0;
    const store: Store = {
      ...faultyStore(inner, { commit: 1, how: 'dead' }),
      getMany: (keys) =>
        ++reads < 3 ? inner.getMany(keys) : Promise.reject({ code: 'storage/unavailable', message: 'gone' }),
    };
    const archive = await open(store, { onState: (state) => states.push(state) });
    const found = await restore(archive);
    expect(found).toMatchObject({ segments: 2, reason: 'unavailable' });
    expect(found.records[1]).toEqual(recordsOf(archive, 1));
    expect(states).toEqual(['unavailable']);
  });

  test('while opening is reported, not thrown', async () => {
    const inner = await openMemory();
    const store: Store = {
      ...inner,
      list: () => Promise.reject({ code: 'storage/unavailable', message: 'no' }),
    };
    expect((await open(store)).state).toBe('unavailable');
  });
});
