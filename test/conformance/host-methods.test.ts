/** What methods that note things of stored keys on the CPU promise beyond what every predictor does. Plain build. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Backend, KvLayer, Range } from '../../src/backends/backend.js';
import { type AttentionOptions, openPredictor } from '../../src/predictors/index.js';
import { clusterKeys } from '../../src/predictors/key-clusters.js';
import { bestOf, representatives } from '../../src/predictors/long-heads.js';
import { pooledKeys } from '../../src/predictors/pooled-keys.js';
import type { Predictor } from '../../src/predictors/predictor.js';
import { random } from '../support/random.js';
import { makeWasmBackend } from './make-backend.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

let backend: Backend;
beforeAll(async () => {
  backend = await makeWasmBackend({ build: 'simd128' });
});
afterAll(() => backend.close());

const DIM = 64;
const tokens = 641;

/** What one row or tile at the end of the reading reads, by list. */
const planned = async (
  predictor: Predictor,
  reading: Reading,
  kv: KvLayer,
  q: Float32Array,
  tileRows = 1,
): Promise<Range[][]> => {
  const { shape, heads } = reading;
  const { needs } = predictor;
  const position = tileRows === 1 ? tokens - 1 : tokens - 1 - tileRows;
  const tiles = { position, rows: tileRows, tileRows };
  const out = backend.plan('plan', shape.kvHeads);
  const candidates = backend.plan('candidates', shape.kvHeads);
  const { kvHeads, keyDim } = shape;
  const index = needs.chunks && backend.chunkIndex('chunks', { ...needs.chunks, layers: 1, kvHeads, keyDim });
  if (index) {
    backend.segment(index, kv, tokens, reading.marks);
    backend.summarize(index, 0, kv);
  }
  const chunks = index && { chunks: index, scores: backend.scores('scores', kvHeads) };
  const query = tensorOf(backend, tileRows, heads * keyDim, q);
  predictor.plan(backend, { layer: 0, tiles, q: query, kv, scale: 1 / 8, candidates, ...chunks }, out);
  return (await backend.readPlan(out)).map((row) => [...row]);
};

const holds = (ranges: readonly Range[], token: number): boolean =>
  ranges.some(([start, end]) => token >= start && token < end);

const options = { budget: 120, sinks: 4, local: 8 } as const;
const methods: readonly AttentionOptions[] = [
  { method: 'retrieval', run: 128, ...options },
  { method: 'long-heads', ...options, budget: 260 },
  { method: 'hyper-attention', answers: 'dense', ...options },
  { method: 'sea', size: 16, answers: 'dense', ...options },
];

test.each(methods)('$method: pages that hold something else now are noted again', async (attention) => {
  const tileRows = 'answers' in attention ? 64 : 1;
  const [one, other] = [await createReading({ tokens }), await createReading({ tokens, seed: 2 })];
  const q = random(3).normals(tileRows * one.heads * DIM);
  const kept = await openPredictor(attention);
  const kv = putPages(backend, one);
  const first = await planned(kept, one, kv, q, tileRows);
  expect(await planned(kept, one, kv, q, tileRows)).toEqual(first);
  for (const [page, bytes] of other.pages[0]!.entries()) backend.writePage(kv, page, bytes);
  const second = await planned(kept, other, kv, q, tileRows);
  expect(second).not.toEqual(first);
  expect(second).toEqual(
    await planned(await openPredictor(attention), other, putPages(backend, other), q, tileRows),
  );
});

test('clusters: every key is in one, each mean is that of its keys, and what points alike stands together', () => {
  const numbers = random(5);
  const topics = Array.from({ length: 4 }, () => numbers.normals(DIM));
  const common = numbers.normals(DIM).map((x) => 10 * x);
  const keys = Float32Array.from({ length: 64 * 2 * DIM }, (_, i) => {
    const [token, c] = [Math.floor(i / (2 * DIM)), i % DIM];
    return common[c]! + topics[token % 4]![c]! + 0.1 * numbers.normal();
  });
  const shape = { kvHeads: 2, keyDim: DIM, valueDim: DIM, keys: 'q8', values: 'q8' } as const;
  for (const [head, { means, members }] of clusterKeys(keys, shape, 9, backend).entries()) {
    expect(members.flat().sort((a, b) => a - b)).toEqual([...Array(64).keys()]);
    for (const [cluster, some] of members.entries()) {
      if (some.length === 0) continue;
      expect(new Set(some.map((token) => token % 4)).size).toBe(1);
      const mean = some.reduce((sum, token) => sum + keys[(token * 2 + head) * DIM]!, 0) / some.length;
      expect(means[cluster * DIM]).toBeCloseTo(mean, 3);
    }
  }
});

test('clusters of a long run are found piece by piece, and leave nothing on the backend, whatever happens', async () => {
  const numbers = random(6);
  const topics = Array.from({ length: 256 }, () => numbers.normals(DIM));
  const keys = Float32Array.from({ length: 4096 * DIM }, (_, i) => {
    return topics[Math.floor(i / DIM) % 256]![i % DIM]! + 0.01 * numbers.normal();
  });
  const shape = { kvHeads: 1, keyDim: DIM, valueDim: DIM, keys: 'q8', values: 'q8' } as const;
  const before = backend.bytes();
  const [found] = clusterKeys(keys, shape, 16, backend);
  const { weights, pages } = backend.bytes();
  expect({ weights, pages }).toEqual({ weights: before.weights, pages: before.pages });
  // Every 16th key begins a cluster, so of 256 topics sixteen do, again and again: their own keys stand with them.
  for (const tokens of found!.members) {
    const of = new Set(tokens.map((token) => token % 256).filter((topic) => topic % 16 === 0));
    expect(of.size).toBeLessThanOrEqual(1);
  }
  expect(found!.members.flat()).toHaveLength(4096);
  const failing = {
    ...backend,
    peek: () => {
      throw new Error('no');
    },
  };
  const activations = backend.bytes().activations;
  expect(() => clusterKeys(keys, shape, 16, failing)).toThrow('no');
  expect(backend.bytes()).toMatchObject({ weights: before.weights, activations });
});

test('retrieval: of the hundred keys that a row wants most, clusters hand over nearly all, and lots a share', async () => {
  const reading = await createReading({ tokens, group: 1 });
  const kv = putPages(backend, reading);
  const keys = reading.keys[0]!;
  let [found, lots] = [0, 0];
  for (let seed = 0; seed < 5; seed++) {
    const q = random(20 + seed).normals(reading.heads * DIM);
    const [few, all] = await Promise.all(
      [2, 64].map(async (candidates) =>
        planned(
          await openPredictor({ method: 'retrieval', run: 128, budget: 160, sinks: 0, local: 0, candidates }),
          reading,
          kv,
          q,
        ),
      ),
    );
    const drawn = await planned(
      await openPredictor({ method: 'random', ...options, budget: 160 }),
      reading,
      kv,
      q,
    );
    for (let head = 0; head < 2; head++) {
      const best = Array.from({ length: 640 }, (_, token) => {
        const at = (token * 2 + head) * DIM;
        return { token, dot: keys.subarray(at, at + DIM).reduce((s, x, c) => s + x * q[head * DIM + c]!, 0) };
      })
        .sort((a, b) => b.dot - a.dot)
        .slice(0, 100);
      // With enough of them it is exact: but for what 8-bit keys round.
      expect(best.filter(({ token }) => holds(all![head]!, token)).length).toBeGreaterThanOrEqual(99);
      found += best.filter(({ token }) => holds(few![head]!, token)).length / 1000;
      lots += best.filter(({ token }) => holds(drawn[head]!, token)).length / 1000;
    }
  }
  expect(found).toBeGreaterThan(0.9);
  expect(lots).toBeLessThan(0.5);
});

test('long-heads: equal keys are stood for by themselves, and one that nothing asks for by none of it', () => {
  const shape = { kvHeads: 2, keyDim: DIM, valueDim: DIM, keys: 'q8', values: 'q8' } as const;
  const [a, b] = [random(7).normals(2 * DIM), random(8).normals(2 * DIM)];
  const equal = Float32Array.from({ length: 64 * 2 * DIM }, (_, i) => a[i % (2 * DIM)]!);
  const odd = equal.slice();
  for (let c = 0; c < 2 * DIM; c++) odd[20 * 2 * DIM + c] = -b[c]!;
  for (const keys of [equal, odd]) {
    for (const [head, stands] of representatives(keys, shape).entries()) {
      stands.forEach((x, c) => {
        expect(Math.abs(x - a[head * DIM + c]!)).toBeLessThan(0.02);
      });
    }
  }
});

test('long-heads pooled: equal keys are stood for by themselves, and one that lies apart has a stand-in of its own', () => {
  const shape = { kvHeads: 2, keyDim: DIM, valueDim: DIM, keys: 'q8', values: 'q8' } as const;
  const [a, b] = [random(7).normals(2 * DIM), random(8).normals(2 * DIM)];
  const equal = Float32Array.from({ length: 64 * 2 * DIM }, (_, i) => a[i % (2 * DIM)]!);
  for (const [head, stands] of pooledKeys(equal, shape).entries()) {
    // Weights sum to 1, whatever the direction.
    stands.forEach((x, c) => {
      expect(Math.abs(x - a[head * DIM + (c % DIM)]!)).toBeLessThan(1e-4);
    });
  }
  const odd = equal.slice();
  for (let c = 0; c < 2 * DIM; c++) odd[20 * 2 * DIM + c] = b[c]!;
  for (const [head, stands] of pooledKeys(odd, shape).entries()) {
    const apart = b.subarray(head * DIM, (head + 1) * DIM);
    // Beside the mean, which says next to nothing of it.
    expect(Math.hypot(...stands.subarray(0, DIM).map((x, c) => x - a[head * DIM + c]!))).toBeLessThan(0.3);
    expect(Math.hypot(...stands.subarray(DIM, 2 * DIM).map((x, c) => x - apart[c]!))).toBeLessThan(0.01);
  }
});

test('long-heads pooled: of chunks with a key that a query asks for, most of what attention finds is found, which means lose', () => {
  const shape = { kvHeads: 1, keyDim: DIM, valueDim: DIM, keys: 'q8', values: 'q8' } as const;
  const [next, CHUNKS, ASKED] = [random(15), 64, 8];
  const query = next.normals(DIM);
  const scale = 1 / Math.sqrt(DIM);
  const chunks = Array.from({ length: CHUNKS }, (_, chunk) => {
    // What a chunk's keys have in common is more than what sets them apart.
    const topic = next.normals(DIM);
    const keys = next.normals(64 * DIM, 0.3).map((x, i) => topic[i % DIM]! + x);
    // One key in every eighth chunk, as long as its neighbours.
    if (chunk % (CHUNKS / ASKED) === 3) keys.set(query, ((5 * chunk) % 64) * DIM);
    return keys;
  });
  const best = (scores: readonly number[]): Set<number> =>
    new Set(
      scores
        .map((score, chunk) => ({ score, chunk }))
        .sort((x, y) => y.score - x.score)
        .slice(0, ASKED)
        .map(({ chunk }) => chunk),
    );
  const exactly = best(
    chunks.map((keys) => {
      let sum = 0;
      for (let t = 0; t < 64; t++)
        sum += Math.exp(scale * bestOf(keys.subarray(t * DIM, (t + 1) * DIM), query));
      return sum;
    }),
  );
  const shareOf = (found: Set<number>): number =>
    [...found].filter((chunk) => exactly.has(chunk)).length / ASKED;
  const pooled = shareOf(best(chunks.map((keys) => bestOf(pooledKeys(keys, shape)[0]!, query))));
  const means = shareOf(
    best(chunks.map((keys) => bestOf(pooledKeys(keys, shape)[0]!.subarray(0, DIM), query))),
  );
  expect(pooled).toBeGreaterThanOrEqual(0.75);
  expect(means).toBeLessThanOrEqual(0.5);
});

test('hyper-attention: the lots are those of the seed, and a row meets the keys that point as it does', async () => {
  const width = 2 * DIM;
  const asked = random(9).normals(width);
  const reading = await createReading({
    tokens,
    group: 1,
    edit(keys) {
      for (let token = 288; token < 304; token++) keys.set(asked, token * width);
    },
  });
  const kv = putPages(backend, reading);
  const planOf = async (seed: number, q: Float32Array) => {
    const predictor = await openPredictor({
      ...{ method: 'hyper-attention', seed, bucket: 16 },
      ...{ ...options, budget: 200 },
    });
    return planned(predictor, reading, kv, q, 64);
  };
  const along = Float32Array.from({ length: 64 * width }, (_, i) => asked[i % width]!);
  const about = random(10).normals(64 * width);
  for (const seed of [1, 2, 3]) {
    for (const ranges of await planOf(seed, along)) expect(holds(ranges, 300)).toBe(true);
  }
  expect(await planOf(1, about)).toEqual(await planOf(1, about));
  expect(await planOf(2, about)).not.toEqual(await planOf(1, about));
});

test('sea: of the blocks that a tile looks at most many features name nearly all, and lots a share', async () => {
  // Short vectors: nothing is shortened, and what is estimated is attention itself.
  const shorter = 0.3;
  const reading = await createReading({ tokens, edit: (keys) => keys.set(keys.map((x) => shorter * x)) });
  const kv = putPages(backend, reading);
  // Rows of a tile look in one direction, or nothing would tell blocks apart.
  const numbers = random(6);
  const along = numbers.normals(reading.heads * DIM);
  const q = Float32Array.from(
    { length: 64 * along.length },
    (_, i) => shorter * (along[i % along.length]! + 0.3 * numbers.normal()),
  );
  const keys = reading.keys[0]!;
  const blocks = 36;
  const masses = [0, 1].map((list) => {
    const sums = new Float64Array(blocks);
    for (let row = 0; row < 64 * 2; row++) {
      const at = (Math.floor(row / 2) * reading.heads + 2 * list + (row % 2)) * DIM;
      const weights = Array.from({ length: 16 * blocks }, (_, token) => {
        let dot = 0;
        for (let c = 0; c < DIM; c++) dot += q[at + c]! * keys[(token * 2 + list) * DIM + c]!;
        return Math.exp(dot / 8);
      });
      const sum = weights.reduce((a, b) => a + b, 0);
      weights.forEach((weight, token) => {
        sums[Math.floor(token / 16)]! += weight / sum;
      });
    }
    return sums;
  });
  // A third of them fits beside the tile.
  const budget = { budget: 64 + 64 + (16 * blocks) / 3, sinks: 0, local: 0 };
  const found = async (attention: AttentionOptions): Promise<number> => {
    const plan = await planned(await openPredictor(attention), reading, kv, q, 64);
    let [hits, wanted] = [0, 0];
    for (const [list, sums] of masses.entries()) {
      const best = [...sums.keys()].sort((a, b) => sums[b]! - sums[a]!).slice(0, blocks / 3);
      wanted += best.length;
      hits += best.filter((block) => holds(plan[list]!, 16 * block + 3)).length;
    }
    return hits / wanted;
  };
  expect(await found({ method: 'sea', size: 16, features: 4096, ...budget })).toBeGreaterThanOrEqual(0.75);
  expect(await found({ method: 'random', ...budget })).toBeLessThan(0.6);
});
