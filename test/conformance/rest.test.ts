/** What is drawn of the keys that no block holds stands for all of them. Plain build. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, KvLayer, Range } from '../../src/backends/backend.js';
import { type AttentionOptions, openPredictor } from '../../src/predictors/index.js';
import { random } from '../support/random.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

const tokens = 640;
const tiles = { position: 576, rows: 64, tileRows: 64 };
let backend: Backend;
let reading: Reading;
let kv: KvLayer;
let queries: Float32Array;
let dense: Float32Array;

beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
  reading = await createReading({ tokens, group: 1 });
  kv = putPages(backend, reading);
  // Attention that is spread over many keys: what is drawn is for this.
  queries = random(3).normals(64 * reading.heads * reading.shape.keyDim, 0.7);
  dense = (await attended({ method: 'dense' })).weighed;
});
afterAll(() => backend.close());

/** What attention makes of a method's plan, and of its ranges alone. */
const attended = async (options: AttentionOptions) => {
  const { shape, heads } = reading;
  const predictor = await openPredictor(options);
  const [plan, plain] = [backend.plan('plan', shape.kvHeads), backend.plan('plain', shape.kvHeads)];
  const q = tensorOf(backend, 64, heads * shape.keyDim, queries);
  predictor.plan(backend, { layer: 0, tiles, q, kv, scale: 1 / 8 }, plan);
  const merged = (await backend.readPlan(plan)).map((ranges) => {
    const out: [number, number][] = [];
    for (const [start, end] of ranges) {
      if (out.at(-1)?.[1] === start) out.at(-1)![1] = end;
      else out.push([start, end]);
    }
    return out as Range[];
  });
  backend.writePlan(plain, tiles, merged);
  const attend = async (some: typeof plan): Promise<Float32Array> => {
    const out = backend.tensor('out', 64, heads * shape.valueDim);
    backend.attend(out, q, kv, some, { scale: 1 / 8 });
    const read = (await backend.read(out)).slice();
    backend.free(out);
    return read;
  };
  const found = { weighed: await attend(plan), plain: await attend(plain), ranges: merged };
  for (const thing of [plan, plain, q]) backend.free(thing);
  return found;
};

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.sqrt(Array.from(a, (x, i) => (x - b[i]!) ** 2).reduce((sum, x) => sum + x, 0));

const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;

/** How far tiles land from dense attention, each by itself and all seeds on average. */
const errors = async (options: (seed: number) => AttentionOptions, kind: 'weighed' | 'plain') => {
  const all: Float32Array[] = [];
  for (let seed = 1; seed <= 24; seed++) all.push((await attended(options(seed)))[kind]);
  const average = Array.from(dense, (_, i) => mean(all.map((out) => out[i]!)));
  return { single: mean(all.map((out) => distance(out, dense))), together: distance(average, dense) };
};

/** What is forced, and two blocks. */
const BASE = 4 + 8 + 64 + 32;
const methods = [
  {
    name: 'hyper-attention',
    of:
      (rest: number) =>
      (seed: number): AttentionOptions => ({
        ...{ method: 'hyper-attention', bucket: 16, seed, rest, budget: BASE + rest, sinks: 4, local: 8 },
      }),
  },
  {
    name: 'random',
    of:
      (rest: number) =>
      (seed: number): AttentionOptions => ({
        ...{ method: 'random', seed, rest, budget: BASE + rest, sinks: 4, local: 8 },
      }),
  },
] as const;

test.each(methods)('$name: the more are drawn the nearer it is, and on average it is right', async ({
  of,
}) => {
  const [few, some, many] = [
    await errors(of(16), 'weighed'),
    await errors(of(64), 'weighed'),
    await errors(of(256), 'weighed'),
  ];
  // Four times as many: half of the error.
  expect(some.single).toBeLessThan(0.6 * few.single);
  expect(many.single).toBeLessThan(0.6 * some.single);
  // What is left of 24 of them is a fifth, if nothing pulls all of them to one side.
  expect(some.together).toBeLessThan(0.3 * some.single);
  // It does where each key counts for itself alone.
  const plain = await errors(of(64), 'plain');
  expect(plain.together).toBeGreaterThan(0.4 * plain.single);
  expect(plain.together).toBeGreaterThan(1.5 * some.together);
});

test.each(methods)('$name: a budget with a rest is no larger, and the same seed draws the same', async ({
  of,
}) => {
  const [one, again, other, none] = [
    await attended(of(64)(1)),
    await attended(of(64)(1)),
    await attended(of(64)(2)),
    await attended({ ...of(0)(1), budget: BASE + 64 } as AttentionOptions),
  ];
  expect(again.ranges).toEqual(one.ranges);
  expect(other.ranges).not.toEqual(one.ranges);
  const sizes = ({ ranges }: typeof one) =>
    ranges.map((row) => row.reduce((sum, [start, end]) => sum + end - start, 0));
  // Less than a block may be left over.
  for (const size of [...sizes(one), ...sizes(none)]) {
    expect(size).toBeLessThanOrEqual(BASE + 64);
    expect(size).toBeGreaterThan(BASE + 64 - 16);
  }
  expect(none.weighed).toEqual(none.plain);
  expect(one.weighed).not.toEqual(one.plain);
});
