import { describe, expect, test } from 'vitest';
import { PAGE } from '../../../src/backends/backend.js';
import { digest } from '../../../src/kv/digest.js';
import { encodeHead, encodeRecord } from '../../../src/kv/records.js';
import type { StoredRun } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';
import {
  ids,
  open,
  pageBytes,
  prefill,
  restore,
  runOf,
  segmentTokens,
} from '../../support/archive-fixture.js';
import { faultyStore } from '../../support/faulty-store.js';

const filled = async () => {
  const store = await openMemory();
  const archive = await open(store);
  await prefill(archive, 0, 4);
  return { store, archive };
};

/** The key of a record of segment `index`, or of its head. */
const keyOf = async (store: Store, index: number, group: number | 'head'): Promise<string> => {
  const { head, records } = runOf(await open(store), index);
  const wanted = group === 'head' ? encodeHead(head) : encodeRecord(records[group]!);
  for (const key of await store.list('')) {
    if (Buffer.compare((await store.get(key))!, wanted) === 0) return key;
  }
  throw new Error('not stored');
};

/** Gives changed bytes a checksum that fits. */
const resealed = (bytes: Uint8Array): Uint8Array => {
  bytes.set(new Uint8Array(digest(bytes.subarray(0, -16)).buffer), bytes.length - 16);
  return bytes;
};

describe('restoring', () => {
  test('an empty archive finds nothing', async () => {
    const archive = await open(await openMemory());
    expect(await restore(archive)).toEqual({ segments: 0, reason: 'missing', runs: [] });
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
    for (let index = 0; index < 4; index++) expect(found.runs[index]).toEqual(runOf(again, index));
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

  test('waits for what is on its way to the store if it is asked for, and for nothing else', async () => {
    const store = await openMemory();
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const archive = await open({
      ...store,
      commit: async (batch) => {
        if (batch.put.some(([key]) => /^(pages|head)\//.test(key))) await gate;
        return store.commit(batch);
      },
    });
    const chain = archive.chain();
    for (const index of [0, 1]) {
      const { head, records } = runOf(archive, index);
      await chain.save(index, ids, head, records);
    }
    // As who reads on does, behind what it handed over.
    const behind = await chain.attach(ids, { from: 2, onRun: () => true });
    expect(behind).toMatchObject({ segments: 0, reason: 'missing' });
    const found = restore(archive);
    expect(await Promise.race([found, new Promise((resolve) => setTimeout(resolve, 20, 'waits'))])).toBe(
      'waits',
    );
    go();
    expect(await found).toMatchObject({ segments: 2 });
  });

  test('asks for what lies behind a missing segment at once, and believes no answer that is out of date', async () => {
    const store = await openMemory();
    let asked: string[] = [];
    const archive = await open({
      ...store,
      getMany: (keys) => {
        asked.push(...keys.filter((key) => key.startsWith('head/')));
        return store.getMany(keys);
      },
    });
    const save = async (index: number): Promise<void> => {
      const { head, records } = runOf(archive, index);
      await archive.chain().save(index, ids, head, records);
    };
    const chain = archive.chain();
    const next = (from: number) => {
      asked = [];
      return chain.attach(ids, { from, onRun: () => true });
    };
    expect(await next(0)).toEqual({ segments: 0, reason: 'missing' });
    // Asked once for the first ones, and once more for those behind the first: that answer is there when it is wanted.
    expect(asked).toHaveLength(4 + 3);
    expect(await next(1)).toEqual({ segments: 0, reason: 'missing' });
    expect(asked).toHaveLength(2);

    // Stored by another tab, where nobody asked yet; stored, and on its way to the store, from another context since.
    await prefill(await open(store), 3, 4);
    await next(0);
    expect(await next(3)).toEqual({ segments: 1, reason: 'end' });
    await next(1);
    await save(2);
    await archive.drained();
    expect(await next(2)).toEqual({ segments: 2, reason: 'end' });
    await next(0);
    await save(1);
    expect(await next(1)).toEqual({ segments: 3, reason: 'end' });
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

  test('stops at the first head that is missing, damaged, or holds other tokens', async () => {
    const { store } = await filled();
    const key = await keyOf(store, 2, 'head');
    const intact = (await store.get(key))!;

    await store.commit({ put: [], delete: [key] });
    expect(await restore(await open(store))).toMatchObject({ segments: 2, reason: 'missing' });

    const damaged = intact.slice();
    damaged[damaged.length >> 1]! ^= 4;
    await store.commit({ put: [[key, damaged]], delete: [] });
    expect(await restore(await open(store))).toMatchObject({
      segments: 2,
      reason: 'damaged',
      fault: expect.stringMatching(/checksum/),
    });
    expect(await store.get(key)).toEqual(damaged);

    const misplaced = (await store.get(await keyOf(store, 1, 'head')))!;
    await store.commit({ put: [[key, misplaced]], delete: [] });
    expect(await restore(await open(store))).toMatchObject({
      segments: 2,
      reason: 'damaged',
      fault: 'it is the head of something else',
    });

    const other = intact.slice();
    other[16 + 12 + 8]! ^= 1;
    await store.commit({ put: [[key, resealed(other)]], delete: [] });
    expect(await restore(await open(store))).toMatchObject({ segments: 2, reason: 'tokens' });
  });

  test('reads heads, and of pages what is asked for', async () => {
    const { store: inner } = await filled();
    const read: string[][] = [];
    const store: Store = {
      ...inner,
      getMany: (keys) => {
        read.push([...keys]);
        return inner.getMany(keys);
      },
    };
    const archive = await open(store);
    const runs: StoredRun[] = [];
    const attached = await archive.chain().attach(ids, { onRun: (run) => void runs.push(run) });
    expect(attached).toEqual({ segments: 4, reason: 'end' });
    expect(read.flat().every((key) => key.startsWith('head/'))).toBe(true);
    expect(read.map((keys) => keys.length)).toEqual([4]);

    read.length = 0;
    const found = await archive.fetch([
      { run: runs[3]!, group: 1 },
      { run: runs[0]!, group: 0 },
    ]);
    expect(found).toEqual([runOf(archive, 3).records[1], runOf(archive, 0).records[0]]);
    expect(read).toEqual([[runs[3]!.keys[1], runs[0]!.keys[0]]]);
    expect(archive.lost).toEqual([]);
  });

  test('gives no record that is missing, damaged or something else, says why, and stores it again', async () => {
    const { store } = await filled();
    const key = await keyOf(store, 2, 1);
    const intact = (await store.get(key))!;
    const cut = intact.slice(0, -4);
    const otherGroup = (await store.get(await keyOf(store, 2, 0)))!;
    const otherPlace = (await store.get(await keyOf(store, 1, 1)))!;
    for (const [bytes, reason, fault] of [
      [undefined, 'missing', undefined],
      [cut, 'damaged', expect.stringMatching(/bytes/)],
      [otherGroup, 'damaged', 'it is a record of something else'],
      [otherPlace, 'damaged', 'it is a record of something else'],
    ] as const) {
      await store.commit(bytes ? { put: [[key, bytes]], delete: [] } : { put: [], delete: [key] });
      const archive = await open(store);
      const runs: StoredRun[] = [];
      await archive.chain().attach(ids, { onRun: (run) => void runs.push(run) });
      const [run] = runs.slice(2);
      const wants = archive.groups.map((_, group) => ({ run: run!, group }));
      const found = await archive.fetch(wants);
      expect(found.map((record) => record !== undefined)).toEqual(wants.map(({ group }) => group !== 1));
      expect(archive.lost).toEqual([{ run, group: 1, reason, ...(fault && { fault }) }]);

      await prefill(archive, 0, 4);
      expect(await store.get(key)).toEqual(intact);
      expect((await archive.fetch(wants))[1]).toEqual(runOf(archive, 2).records[1]);
    }
  });

  test('looks again at a record that is not the one it knows', async () => {
    const { store, archive } = await filled();
    const key = await keyOf(store, 2, 1);
    const intact = (await store.get(key))!;
    const runs: StoredRun[] = [];
    await archive.chain().attach(ids, { onRun: (run) => void runs.push(run) });
    const want = [{ run: runs[2]!, group: 1 }];
    expect(await archive.fetch(want)).toEqual([runOf(archive, 2).records[1]]);
    const damaged = intact.slice();
    damaged[damaged.length - 1]! ^= 1;
    const longer = Uint8Array.from([...intact.slice(0, -16), 0, 0, 0, 0, ...intact.slice(-16)]);
    for (const bytes of [damaged, longer, intact.slice(0, -4)]) {
      await store.commit({ put: [[key, bytes]], delete: [] });
      expect(await archive.fetch(want)).toEqual([undefined]);
    }
    await store.commit({ put: [[key, intact]], delete: [] });
    expect(await archive.fetch(want)).toEqual([runOf(archive, 2).records[1]]);
  });

  test('goes on behind a segment that was computed again', async () => {
    const { store } = await filled();
    await store.commit({ put: [], delete: [await keyOf(store, 1, 'head')] });
    const archive = await open(store);
    expect(await restore(archive)).toMatchObject({ segments: 1, reason: 'missing' });
    await prefill(archive, 1, 2);
    const rest = await restore(archive, ids, 2);
    expect(rest).toMatchObject({ segments: 2, reason: 'end' });
    expect(rest.runs[0]).toEqual(runOf(archive, 2));
    expect(await restore(archive, ids, 9)).toMatchObject({ segments: 0, reason: 'end' });
  });

  test('stops when it is cancelled, and passes on what the receiver throws', async () => {
    const { archive } = await filled();
    const cancel = new AbortController();
    const seen: number[] = [];
    const page = segmentTokens / PAGE;
    const cancelled = archive.chain().attach(ids, {
      signal: cancel.signal,
      onRun: ({ firstPage }) => {
        seen.push(firstPage / page);
        if (firstPage === page) cancel.abort();
      },
    });
    await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([0, 1]);
    const thrown = archive.chain().attach(ids, {
      onRun: async () => {
        throw new Error('mine');
      },
    });
    await expect(thrown).rejects.toThrow('mine');
  });
});

describe('saving', () => {
  test('writes nothing that is known to be stored intact', async () => {
    const { store: inner } = await filled();
    let written: string[] = [];
    const store: Store = {
      ...inner,
      commit: (batch) => {
        written.push(...batch.put.map(([key]) => key).filter((key) => /^(head|pages)/.test(key)));
        return inner.commit(batch);
      },
    };
    const archive = await open(store);
    await restore(archive, ids.slice(0, 3 * segmentTokens));
    await prefill(archive, 0, 3);
    expect(written).toEqual([]);
    await prefill(archive, 3, 4);
    expect(written.length).toBe(archive.groups.length + 1);
    written = [];
    await prefill(archive, 0, 4);
    expect(written).toEqual([]);
  });

  test('writes a damaged segment again', async () => {
    const { store, archive } = await filled();
    const key = await keyOf(store, 0, 'head');
    const intact = (await store.get(key))!;
    await store.commit({ put: [[key, intact.slice(0, -4)]], delete: [] });
    expect(await restore(archive)).toMatchObject({ segments: 0, reason: 'damaged' });
    await prefill(archive, 0, 1);
    expect(await restore(archive)).toMatchObject({ segments: 4, reason: 'end' });
  });

  test('copies the pages before it returns', async () => {
    const store = await openMemory();
    const archive = await open(store);
    const { head, records } = runOf(archive, 0);
    const saved = archive.chain().save(0, ids, head, records);
    for (const { pages } of records) for (const page of pages.flat()) page.fill(0);
    head.tokens.fill(0);
    await saved;
    await archive.drained();
    expect((await restore(archive)).runs[0]).toEqual(runOf(archive, 0));
  });

  test('tells of a run once it is stored, and its head is the last of it', async () => {
    const inner = await openMemory();
    const seen: string[] = [];
    const store: Store = {
      ...inner,
      async commit(batch) {
        await inner.commit(batch);
        seen.push(...batch.put.map(([key]) => key).filter((key) => /^(head|pages)/.test(key)));
      },
    };
    const archive = await open(store);
    const chain = archive.chain();
    const runs: StoredRun[] = [];
    for (const index of [0, 0]) {
      const { head, records } = runOf(archive, index);
      await chain.save(index, ids, head, records, (run) => {
        expect(seen.length).toBe(archive.groups.length + 1);
        runs.push(run);
      });
      await archive.drained();
    }
    expect(runs).toHaveLength(2);
    expect(seen).toEqual([...runs[0]!.keys, expect.stringMatching(/^head/)]);
  });

  test('follows tokens that change, once it is told', async () => {
    const archive = await open(await openMemory());
    const chain = archive.chain();
    const other = Object.assign([...ids], { [segmentTokens + 3]: 1 });
    for (const tokens of [ids, other]) {
      chain.forget(segmentTokens + 3);
      for (let index = 0; index < 3; index++) {
        const { head, records } = runOf(archive, index, tokens);
        await chain.save(index, tokens, head, records);
      }
    }
    await archive.drained();
    for (const tokens of [ids, other]) {
      const { segments, runs } = await restore(archive, tokens);
      expect(segments).toBe(3);
      expect(runs[2]).toEqual(runOf(archive, 2, tokens));
    }
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
    expect(found).toMatchObject({ segments: 1, reason: 'damaged' });
    expect(archive.lost.every(({ reason }) => reason === 'unavailable')).toBe(true);
    expect(found.runs[0]).toEqual(runOf(archive, 0));
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
