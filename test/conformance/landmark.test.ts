/** A softmax in two levels: what a block weighs is up to what stands for it. Plain build. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, Range } from '../../src/backends/backend.js';
import { openPredictor } from '../../src/predictors/index.js';
import { storedKeys } from '../../src/predictors/stored-keys.js';
import { random } from '../support/random.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type ReadingOptions, tensorOf } from './reading.js';

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

const tokens = 641;
const DIM = 64;
const BLOCK = 32;
const [SINKS, LOCAL] = [4, 8];
/** Where near tokens begin, whose softmax the landmarks are part of. */
const NEAR = 608;

/** What the last row of a reading reads, and what attention makes of it. */
const answer = async (options: ReadingOptions, budget: number, q?: Float32Array) => {
  const reading = await createReading({ ...options, tokens, dim: DIM });
  const { shape, heads } = reading;
  const kv = putPages(backend, reading);
  const predictor = await openPredictor({
    ...{ method: 'landmark', size: BLOCK, budget, sinks: SINKS, local: LOCAL },
  });
  const tiles = { position: tokens - 1, rows: 1, tileRows: 1 };
  const asked = q ?? random(3).normals(heads * DIM);
  const query = tensorOf(backend, 1, heads * DIM, asked);
  const [plan, plain] = [backend.plan('plan', shape.kvHeads), backend.plan('plain', shape.kvHeads)];
  predictor.plan(backend, { layer: 0, tiles, q: query, kv, scale: 1 / 8 }, plan);
  const rows = (await backend.readPlan(plan)).map((row) => [...row]);
  const zeros = rows.map((row) => row.map((_, i) => (i % 2 === 0 ? 0 : 1e-30)));
  backend.writePlan(plain, tiles, rows, zeros);
  const attend = async (some: typeof plan): Promise<Float32Array> => {
    const out = backend.tensor('out', 1, heads * DIM);
    backend.attend(out, query, kv, some, { scale: 1 / 8 });
    return (await backend.read(out)).slice();
  };
  const [weighed, without] = [await attend(plan), await attend(plain)];
  return { rows, weighed, without, keys: storedKeys(backend, kv, 0, kv.pages), asked, kv, shape };
};

const blockOf = (token: number): number => Math.floor(token / BLOCK);
const holds = (ranges: readonly Range[], token: number): boolean =>
  ranges.some(([start, end]) => token >= start && token < end);

/** Two softmaxes, one inside the other, over the tokens that `ranges` hold: the weight of each token. */
const twoLevels = (
  ranges: readonly Range[],
  keys: Float32Array,
  kvHeads: number,
  list: number,
  q: Float32Array,
) => {
  const logit = (vector: ArrayLike<number>): number => q.reduce((sum, x, c) => sum + x * vector[c]!, 0) / 8;
  const keyOf = (token: number): Float32Array => {
    const at = (token * kvHeads + list) * DIM;
    return keys.subarray(at, at + DIM);
  };
  const read = Array.from({ length: tokens }, (_, token) => token).filter((token) => holds(ranges, token));
  const weights = new Map<number, number>();
  let sum = 0;
  for (const token of read.filter((t) => t < SINKS || t >= NEAR)) {
    weights.set(token, Math.exp(logit(keyOf(token))));
    sum += weights.get(token)!;
  }
  const gated = read.filter((t) => t >= SINKS && t < NEAR);
  for (const block of new Set(gated.map(blockOf))) {
    const own = gated.filter((token) => blockOf(token) === block);
    const all = Array.from({ length: BLOCK }, (_, i) => keyOf(block * BLOCK + i));
    const mean = Array.from({ length: DIM }, (_, c) => all.reduce((s, key) => s + key[c]! / BLOCK, 0));
    const landmark = own.length * Math.exp(logit(mean));
    const inside = own.map((token) => Math.exp(logit(keyOf(token))));
    const total = inside.reduce((a, b) => a + b, 0);
    for (const [i, token] of own.entries()) weights.set(token, (landmark * inside[i]!) / total);
    sum += landmark;
  }
  return new Map([...weights].map(([token, weight]) => [token, weight / sum]));
};

const greatestGap = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (x, i) => Math.abs(x - b[i]!)).reduce((most, x) => Math.max(most, x), 0);

test('what a row reads weighs what two softmaxes say, and not what one says', async () => {
  // Values are those of the reading's own seed.
  const found = await answer({ tokens, group: 1 }, 300);
  const values = random(8).normals(tokens * 2 * DIM);
  for (const [list, ranges] of found.rows.entries()) {
    const q = found.asked.subarray(list * DIM, (list + 1) * DIM);
    const weights = twoLevels(ranges, found.keys, 2, list, q);
    expect(weights.size).toBeGreaterThan(200);
    const wanted = Array.from({ length: DIM }, (_, c) =>
      [...weights].reduce((sum, [token, weight]) => sum + weight * values[(token * 2 + list) * DIM + c]!, 0),
    );
    const own = [list * DIM, (list + 1) * DIM] as const;
    // Values in eight bits, of at most 4: a step of 4 / 127, averaged.
    expect(greatestGap(found.weighed.subarray(...own), wanted)).toBeLessThan(0.02);
    expect(greatestGap(found.without.subarray(...own), wanted)).toBeGreaterThan(0.06);
  }
});

test('where the keys of every block are alike, two softmaxes are one', async () => {
  const alike = (keys: Float32Array): void => {
    const width = 2 * DIM;
    for (let token = 0; token < tokens; token++) {
      const first = blockOf(token) * BLOCK * width;
      keys.copyWithin(token * width, first, first + width);
    }
  };
  const found = await answer({ tokens, group: 1, edit: alike }, 300);
  expect(greatestGap(found.weighed, found.without)).toBeLessThan(1e-4);
});

test('a key that stands out in its block loses weight to those that do not: a fact is forgotten', async () => {
  const q = random(11).normals(2 * DIM, 1.5);
  const planted = (keys: Float32Array): void => {
    keys.fill(0);
    keys.set(q, 200 * 2 * DIM);
  };
  const found = await answer({ tokens, group: 1, edit: planted }, 300, q);
  const value = random(8)
    .normals(tokens * 2 * DIM)
    .subarray(200 * 2 * DIM, 201 * 2 * DIM);
  for (const [list, ranges] of found.rows.entries()) {
    expect(holds(ranges, 200)).toBe(true);
    const own = [list * DIM, (list + 1) * DIM] as const;
    const fact = value.subarray(...own);
    expect(greatestGap(found.without.subarray(...own), fact)).toBeLessThan(0.1);
    expect(greatestGap(found.weighed.subarray(...own), fact)).toBeGreaterThan(0.5);
  }
});
