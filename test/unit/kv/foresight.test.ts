/** What a layer asks for is read ahead where the layers before it asked alike, within the room there is, and never twice. */
import { describe, expect, test } from 'vitest';
import { createForesight } from '../../../src/kv/foresight.js';
import type { Read } from '../../../src/kv/read-records.js';
import type { StoredRun } from '../../../src/kv/stored-run.js';
import { openMemory } from '../../../src/stores/memory.js';
import type { Store } from '../../../src/stores/store.js';

const LAYERS = 6;
const BYTES = 10;
/** Two records of a layer, one behind the other. */
const groups = Array.from({ length: 2 * LAYERS }, (_, n) => ({ from: n >> 1, to: (n >> 1) + 1 }));
const runs = Array.from(
  { length: 8 },
  (_, n): StoredRun => ({ firstPage: n, tokens: 64, keys: groups.map((_, group) => `${n}/${group}`) }),
);

const over = async (room = Number.POSITIVE_INFINITY, failing?: (keys: readonly string[]) => boolean) => {
  const inner = await openMemory();
  const keys = runs.flatMap((run) => run.keys);
  await inner.commit({
    put: keys.map((key, n) => [key, new Uint8Array(BYTES).fill(n)] as const),
    delete: [],
  });
  const read: string[][] = [];
  const store: Store = {
    ...inner,
    get: (key) => {
      read.push([key]);
      return inner.get(key);
    },
    getMany: (wanted) => {
      read.push([...wanted]);
      return failing?.(wanted) ? Promise.reject(new Error('gone')) : inner.getMany(wanted);
    },
  };
  const released: Read[] = [];
  const foresee = createForesight({
    read: (wants) => store.getMany(wants.map(({ run, group }) => run.keys[group]!)),
    release: (one) => void released.push(one),
    groups,
    bytes: groups.map(() => BYTES),
    room: () => room,
  });
  /** A layer asks for the first or second records of runs, and gets them. */
  const ask = async (layer: number, some: readonly number[], place = 0): Promise<void> => {
    const wants = some.map((n) => ({ run: runs[n]!, group: 2 * layer + place }));
    const found = await foresee(wants);
    const place0 = (n: number): number => n * groups.length + 2 * layer + place;
    expect(found.map((bytes) => (bytes as Uint8Array | undefined)?.[0])).toEqual(some.map(place0));
  };
  return { ask, read, released, foresee };
};

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const keysOf = (layer: number, some: readonly number[], place = 0): string[] =>
  some.map((n) => runs[n]!.keys[2 * layer + place]!);

describe('layers that ask alike', () => {
  test('from the third on each finds its records on their way, each record read once', async () => {
    const { ask, read } = await over();
    for (let layer = 0; layer < LAYERS; layer++) await ask(layer, ALL);
    // Nothing is foretold of the first; the second shows that they are alike, and reads ahead for the third.
    expect(read.slice(0, 3)).toEqual([0, 1, 2].map((layer) => keysOf(layer, ALL)));
    // Then two layers at once, run by run.
    expect(read[3]).toEqual(ALL.flatMap((n) => [...keysOf(3, [n]), ...keysOf(4, [n])]));
    expect(read.slice(4)).toEqual([keysOf(5, ALL)]);
    expect(new Set(read.flat()).size).toBe(LAYERS * ALL.length);
  });

  test('while one layer is used the next is under way', async () => {
    const { ask, read } = await over();
    await ask(0, ALL);
    await ask(1, ALL);
    expect(read).toHaveLength(3);
    await ask(2, ALL);
    expect(read).toHaveLength(4);
  });

  test('in parts too, and what was not foretold is read beside it', async () => {
    const { ask, read } = await over();
    for (let layer = 0; layer < 4; layer++) {
      await ask(layer, [0, 1, 2]);
      await ask(layer, [3, 4], 1);
      if (layer === 3) await ask(layer, [7], 1);
    }
    expect(read.flat().filter((key, n, all) => all.indexOf(key) !== n)).toEqual([]);
    expect(read.flat()).toContain(runs[7]!.keys[7]);
  });

  test('as many layers at once as have room in half of what may wait, the next ones when that much is free', async () => {
    const { ask, read } = await over(4 * 2 * BYTES);
    for (let layer = 0; layer < LAYERS; layer++) await ask(layer, [3, 5]);
    const two = (layer: number) => [3, 5].flatMap((n) => [...keysOf(layer, [n]), ...keysOf(layer + 1, [n])]);
    expect(read).toEqual([
      keysOf(0, [3, 5]),
      keysOf(1, [3, 5]),
      keysOf(2, [3, 5]),
      two(3),
      keysOf(5, [3, 5]),
    ]);
  });

  test('also what only one of them asked for', async () => {
    const { ask, read } = await over();
    await ask(0, [0, 1, 2]);
    await ask(1, [0, 1, 2, 3]);
    await ask(2, [0, 1, 2]);
    expect(read.at(-1)).toEqual([0, 1, 2, 3].flatMap((n) => [...keysOf(3, [n]), ...keysOf(4, [n])]));
  });

  test('no more than there is room for', async () => {
    const { ask, read } = await over(3 * BYTES);
    for (let layer = 0; layer < 3; layer++) await ask(layer, ALL);
    expect(read[2]).toEqual(keysOf(2, [0, 1, 2]));
    expect(read[3]).toEqual(keysOf(2, [3, 4, 5, 6, 7]));
  });
});

describe('layers that ask for other things', () => {
  test('are not read ahead', async () => {
    const { ask, read } = await over();
    for (let layer = 0; layer < LAYERS; layer++) await ask(layer, layer % 2 ? [0, 1, 2] : [3, 4, 5, 6]);
    expect(read.flat()).toHaveLength(3 * 3 + 3 * 4);
  });

  test('nor those of which half is asked for no more', async () => {
    const { ask, read } = await over();
    await ask(0, ALL);
    await ask(1, [0, 1, 2]);
    await ask(2, [0, 1, 2]);
    expect(read).toEqual([keysOf(0, ALL), keysOf(1, [0, 1, 2]), keysOf(2, [0, 1, 2]), keysOf(3, [0, 1, 2])]);
  });

  test('what was read ahead and not asked for is let go of', async () => {
    const { ask, read, released } = await over(8 * BYTES);
    await ask(0, ALL);
    await ask(1, ALL);
    await ask(2, [0]);
    expect(released).toEqual([]);
    await ask(3, ALL);
    expect(released.map((value) => (value as Uint8Array)[0])).toEqual(
      ALL.slice(1).map((n) => n * groups.length + 4),
    );
    await ask(4, ALL);
    // There is room again for the layer behind.
    expect(read.at(-1)).toEqual(keysOf(5, ALL));
  });
});

test('a call for several layers at once is read as it is asked', async () => {
  const { foresee, read } = await over();
  await foresee([0, 2, 4].map((group) => ({ run: runs[0]!, group })));
  expect(read).toEqual([['0/0', '0/2', '0/4']]);
});

test('what cannot be read ahead is read when it is asked for', async () => {
  let failed = false;
  const { ask } = await over(undefined, (keys) => {
    if (failed || !keys[0]!.endsWith('/4')) return false;
    failed = true;
    return true;
  });
  for (let layer = 0; layer < LAYERS; layer++) await ask(layer, ALL);
  expect(failed).toBe(true);
});
