/** Records that land in memory for pages: equal, judged before they are copied, and no memory is held without a reason. */
import { describe, expect, test } from 'vitest';
import { PAGE } from '../../../src/backends/backend.js';
import type { Rooms } from '../../../src/kv/landing.js';
import type { RunStore } from '../../../src/kv/read-records.js';
import type { StoredRun } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import { ids, open, prefill, runOf } from '../../support/archive-fixture.js';

const UNTOUCHED = 7;
const OVERWRITTEN = 0xee;

/** Memory that counts what is out, up to `most` rooms at once. */
const counting = (most = Number.POSITIVE_INFINITY) => {
  const out = new Set<Uint8Array>();
  const all: Uint8Array[] = [];
  const rooms: Rooms = {
    take(bytes) {
      if (out.size === most) return undefined;
      const room = new Uint8Array(bytes).fill(UNTOUCHED);
      out.add(room);
      all.push(room);
      return room;
    },
    free: (room) => void out.delete(room),
  };
  return { rooms, out, all };
};

/** What segment 2 is fetched from. */
const filled = async (most?: number) => {
  const memory = await openMemory();
  await prefill(await open(memory), 0, 4);
  const count = { getMany: 0, lend: 0 };
  const scratch = new Uint8Array(4096);
  const store: RunStore = {
    ...memory,
    getMany(keys) {
      count.getMany++;
      return memory.getMany(keys);
    },
    async lend(keys, use) {
      count.lend++;
      for (const [n, bytes] of (await memory.getMany(keys)).entries()) {
        if (!bytes) continue;
        scratch.set(bytes);
        use(scratch.subarray(0, bytes.length), n);
        scratch.fill(OVERWRITTEN);
      }
    },
  };
  const counted = counting(most);
  const archive = await open(store, { rooms: counted.rooms });
  const runs: StoredRun[] = [];
  await archive.chain().attach(ids, { onRun: (run) => void runs.push(run) });
  const run = runs[2]!;
  const wants = archive.groups.map((_, group) => ({ run, group }));
  const { records } = runOf(archive, 2);
  count.getMany = 0;
  return { ...counted, memory, store, archive, run, wants, records, count };
};

describe('records that are lent', () => {
  test('stand in rooms, page by page, and nowhere else', async () => {
    const { archive, wants, records, out, all, count } = await filled();
    const found = await archive.fetch(wants);
    expect(found).toEqual(records);
    expect(count).toEqual({ getMany: 0, lend: 1 });
    const pages = found.flatMap((record) => record!.pages.flat());
    expect(new Set(pages)).toEqual(out);
    // Nothing was taken beside: what is touched is what becomes pages.
    expect(all.length).toBe(pages.length);
    for (const record of found) archive.release(record!);
    expect(out.size).toBe(0);
    expect(archive.lost).toEqual([]);
  });

  test('of a run that should be shorter are not believed', async () => {
    const { archive, wants, run, out } = await filled();
    const short = { ...run, tokens: PAGE };
    await archive.fetch(wants.map(({ group }) => ({ run: short, group })));
    expect(archive.lost).toHaveLength(wants.length);
    expect(out.size).toBe(0);
  });

  test.each([
    ['missing', 'missing', () => undefined],
    ['cut short', 'damaged', (bytes: Uint8Array) => bytes.slice(0, -4)],
    [
      'changed in a page',
      'damaged',
      (bytes: Uint8Array) => bytes.map((byte, n) => (n === bytes.length - 40 ? byte ^ 1 : byte)),
    ],
    [
      'changed in its header',
      'damaged',
      (bytes: Uint8Array) => bytes.map((byte, n) => (n === 17 ? byte ^ 1 : byte)),
    ],
  ] as const)('that are %s are %s, and touch nothing', async (_, reason, change) => {
    const { memory, archive, wants, run, records, out, all } = await filled();
    const key = run.keys[1]!;
    const bytes = change((await memory.get(key))!);
    await memory.commit(bytes ? { put: [[key, bytes]], delete: [] } : { put: [], delete: [key] });
    const found = await archive.fetch(wants);
    expect(found).toEqual(records.map((record, n) => (n === 1 ? undefined : record)));
    expect(archive.lost).toMatchObject([{ run, group: 1, reason }]);
    const theirs = all.filter((room) => !out.has(room));
    expect(theirs.length).toBe(records[1]!.pages.flat().length);
    for (const room of theirs) expect(room.every((byte) => byte === UNTOUCHED)).toBe(true);
  });

  test('that are whole but others are given back with their rooms', async () => {
    const { memory, archive, wants, run, out } = await filled();
    await memory.commit({ put: [[run.keys[1]!, (await memory.get(run.keys[0]!))!]], delete: [] });
    const found = await archive.fetch([wants[1]!]);
    expect(found).toEqual([undefined]);
    expect(archive.lost).toMatchObject([{ reason: 'damaged', fault: 'it is a record of something else' }]);
    expect(out.size).toBe(0);
  });
});

test('where rooms run out what is read comes as bytes, and none is kept', async () => {
  const { archive, wants, records, out, count } = await filled(3);
  expect(await archive.fetch(wants)).toEqual(records);
  expect(count).toEqual({ getMany: 1, lend: 0 });
  expect(out.size).toBe(0);
});

test('a store that fails while it lends gets no room for ever', async () => {
  const { archive, store, wants, out, all } = await filled();
  const { lend } = store;
  store.lend = async (keys, use) => {
    await lend!(keys.slice(0, 1), use);
    throw Object.assign(new Error('refused'), { code: 'storage/unavailable' });
  };
  expect(await archive.fetch(wants)).toEqual(wants.map(() => undefined));
  expect(archive.lost.map(({ reason }) => reason)).toEqual(wants.map(() => 'unavailable'));
  expect(all.length).toBeGreaterThan(0);
  expect(out.size).toBe(0);
});

test('what a thread was writing to when it died is nobody’s, and what it was asked for comes otherwise', async () => {
  const { archive, store, wants, records, out, all, count } = await filled();
  store.land = () => Promise.reject(new Error('gone'));
  expect(await archive.fetch(wants)).toEqual(records);
  expect(count).toEqual({ getMany: 1, lend: 0 });
  const lost = new Set(all);
  expect(out).toEqual(lost);
  store.land = () => undefined;
  const after = await archive.fetch(wants);
  expect(after).toEqual(records);
  expect(after.flatMap((record) => record!.pages.flat()).filter((page) => lost.has(page))).toEqual([]);
});
