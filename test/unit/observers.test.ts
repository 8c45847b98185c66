/** What methods that look at attention make of heads whose attention is known. */
import { describe, expect, test } from 'vitest';
import { PAGE, type Range, type Tensor } from '../../src/backends/backend.js';
import { distanceOf } from '../../src/predictors/flex-prefill.js';
import type { AttentionOptions } from '../../src/predictors/index.js';
import { diagonalScores, type Lines, lineScores } from '../../src/predictors/lines.js';
import { bestBlocks } from '../../src/predictors/write-blocks.js';
import { createRefBackend } from '../reference/backend.js';
import { createPredictor } from '../support/predictors.js';
import { random } from '../support/random.js';

const DIM = 16;
const SIZE = 32;

interface Heads {
  readonly tokens: number;
  readonly kvHeads: number;
  readonly group: number;
  key(token: number, kvHead: number, channel: number): number;
  query(position: number, head: number, channel: number): number;
}

/** Plans the last tile of a text of f16 keys; and the exact probabilities of its rows, by (row, head). */
const planned = async (options: AttentionOptions, { tokens, kvHeads, group, key, query }: Heads) => {
  const backend = createRefBackend();
  const shape = { kvHeads, keyDim: DIM, valueDim: DIM, keys: 'f16', values: 'f16' } as const;
  const kv = backend.kvLayer('kv', shape);
  backend.mapPages(kv, Math.ceil(tokens / PAGE));
  const filled = (
    rows: number,
    heads: number,
    at: (row: number, head: number, c: number) => number,
  ): Tensor => {
    const tensor = backend.tensor('test', rows, heads * DIM);
    const values = Float32Array.from({ length: rows * heads * DIM }, (_, i) =>
      at(Math.floor(i / (heads * DIM)), Math.floor(i / DIM) % heads, i % DIM),
    );
    backend.upload(tensor, values);
    return tensor;
  };
  const keys = filled(tokens, kvHeads, key);
  backend.appendKv(kv, keys, keys, 0);
  const tiles = { position: tokens - PAGE, rows: PAGE, tileRows: PAGE };
  const heads = kvHeads * group;
  const q = filled(PAGE, heads, (row, head, c) => query(tiles.position + row, head, c));
  const predictor = createPredictor(options);
  const { needs } = predictor;
  const lists = needs.lists === 'kv-head' ? kvHeads : 1;
  const chunks =
    needs.chunks && backend.chunkIndex('chunks', { ...needs.chunks, layers: 1, kvHeads, keyDim: DIM });
  if (chunks) {
    backend.segment(chunks, kv, tokens, new Uint8Array(tokens));
    backend.summarize(chunks, 0, kv);
  }
  const plan = backend.plan('plan', lists);
  const input = { layer: 0, tiles, q, kv, scale: 1, candidates: backend.plan('candidates', lists) };
  const scored = chunks && { chunks, scores: backend.scores('scores', lists) };
  predictor.plan(backend, { ...input, ...scored }, plan);
  const lastOf = await backend.readPlan(plan);
  const all = backend.plan('all', 1);
  backend.select(all, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
  const out = backend.tensor('out', PAGE * heads, tokens);
  backend.observe(out, q, kv, all, 1);
  return { lists: lastOf.map((row) => [...row]), probabilities: await backend.read(out) };
};

const holds = (ranges: readonly Range[], token: number): boolean =>
  ranges.some(([start, end]) => token >= start && token < end);
const sizeOf = (ranges: readonly Range[]): number => ranges.reduce((n, [a, b]) => n + b - a, 0);

const TOKENS = 640;
const noise = (seed: number, count: number): Float32Array =>
  random(seed)
    .normals(count)
    .map((x) => 0.1 * x);
const noisy = noise(1, TOKENS * 8 * DIM);

/** One KV head: a column that every row looks at, and a token at a distance that moves with the row. */
const columnAndDiagonal = (column: number, distance: number): Heads => ({
  ...{ tokens: TOKENS, kvHeads: 1, group: 2 },
  // Positions turn in a circle of channels 2 and 3, so that a row can look a fixed distance back.
  key: (token, _, c) => {
    if (c === 0) return token === column ? 8 : 0;
    if (c === 2) return 6 * Math.cos(token / 40);
    if (c === 3) return 6 * Math.sin(token / 40);
    return 0;
  },
  query: (position, head, c) => {
    if (head === 0) return c === 0 ? 2 : 0;
    const at = (position - distance) / 40;
    return c === 2 ? 5 * Math.cos(at) : c === 3 ? 5 * Math.sin(at) : 0;
  },
});

describe('columns and diagonals', () => {
  test('of known sums, every block gets what crosses it', () => {
    const sums: Lines = { columns: new Float32Array(256), diagonals: new Float32Array(256) };
    sums.columns[70] = 3;
    sums.diagonals[100] = 8;
    // The tile is [192, 256): the diagonal is [92, 156), 4 tokens of block 2, 32 of blocks 3, 28 of block 4.
    const diagonal = diagonalScores(sums, 9, SIZE, 192, 192);
    expect([...diagonal]).toEqual([0, 0, 0.5, 4, 3.5, 0]);
    expect([...lineScores(sums, 9, SIZE, 192, 192)]).toEqual([0, 0, 3.5, 4, 3.5, 0]);
    // Beyond `lines` the heaviest count.
    sums.columns[0] = 1;
    sums.diagonals[255] = 1;
    expect([...lineScores(sums, 1, SIZE, 192, 192)]).toEqual([0, 0, 3.5, 4, 3.5, 0]);
  });

  test.each([
    'vertical-slash',
    'flex-prefill',
  ] as const)('%s reads the hot column and the hot diagonal', async (method) => {
    const more = method === 'flex-prefill' ? { distance: 0, least: 0 } : {};
    const options = { method, budget: 384, sinks: 0, local: 0, ...more } as AttentionOptions;
    const { lists } = await planned(options, columnAndDiagonal(70, 300));
    expect(holds(lists[0]!, 70)).toBe(true);
    for (let row = 0; row < PAGE; row++) expect(holds(lists[0]!, TOKENS - PAGE + row - 300)).toBe(true);
    expect(sizeOf(lists[0]!)).toBeLessThanOrEqual(384);
  });
});

describe('flex-prefill', () => {
  test('the distance of shares is 0 of the same, 1 of what has nothing in common, and a number with zeros', () => {
    expect(distanceOf([1, 2, 0, 5], [2, 4, 0, 10])).toBe(0);
    expect(distanceOf([0, 0], [0, 0])).toBe(0);
    expect(distanceOf([1, 0], [0, 3])).toBe(1);
    expect(distanceOf([1, 1], [1, 0])).toBeCloseTo(Math.sqrt(0.311278), 5);
  });

  test('means are trusted where they foretell, and only there', async () => {
    // Block 5 points along the queries as a whole: means see it. Token 70 stands alone: means lose it.
    const heads = (lone: boolean): Heads => ({
      ...{ tokens: TOKENS, kvHeads: 1, group: 1 },
      key: (token, _, c) => {
        const meant = lone ? token === 70 : Math.floor(token / SIZE) === 5;
        const against = lone && Math.floor(token / SIZE) === 2 && token !== 70;
        return c === 0 ? (meant ? 12 : against ? -12 / 31 : 0) : noisy[token * DIM + c]!;
      },
      query: (_position, _head, c) => (c === 0 ? 1 : 0),
    });
    const options = { method: 'flex-prefill', budget: 200, sinks: 0, local: 0, least: 0 } as const;
    for (const lone of [false, true]) {
      const wanted = lone ? 70 : 5 * SIZE;
      const always = await planned({ ...options, distance: 1 }, heads(lone));
      const judged = await planned({ ...options, distance: 0.5 }, heads(lone));
      expect(holds(always.lists[0]!, wanted)).toBe(!lone);
      expect(holds(judged.lists[0]!, wanted)).toBe(true);
    }
  });
});

describe('proxy-attn', () => {
  const needle = (places: readonly number[], sharp: readonly number[], group: number): Heads => ({
    ...{ tokens: TOKENS, kvHeads: 2, group },
    key: (token, head, c) =>
      c === 0 ? (token === places[head] ? 9 : 0) : noisy[(token * 2 + head) * DIM + c]!,
    query: (position, head, c) =>
      sharp[head]! * (c === 0 ? 1 : noisy[(position * 2 + Math.floor(head / group)) * DIM + c]!),
  });
  const options = { method: 'proxy-attn', sinks: 0, local: 0 } as const;

  test('where every head is its own proxy, blocks are ranked by their greatest weight', async () => {
    const heads = needle([70, 333], [0.5, 0.5], 1);
    const { lists, probabilities } = await planned({ ...options, budget: 64 + 6 * SIZE, mass: 1 }, heads);
    for (const [head, ranges] of lists.entries()) {
      const best = Array.from({ length: (TOKENS - PAGE) / SIZE }, (_, block) => {
        let most = 0;
        for (let row = 0; row < PAGE; row++) {
          const at = (row * 2 + head) * TOKENS + block * SIZE;
          most = Math.max(most, ...probabilities.subarray(at, at + SIZE));
        }
        return most;
      });
      const ranked = bestBlocks(best, SIZE, 6 * SIZE).map(([start]) => start);
      for (const start of ranked) expect(holds(ranges, start)).toBe(true);
      expect(sizeOf(ranges)).toBe(64 + 6 * SIZE);
    }
  });

  test('heads that are the same have the same list, and a sharper head a shorter one', async () => {
    const same: Heads = {
      ...needle([70, 70], [1, 1], 1),
      key: (t, _, c) => (c === 0 && t === 70 ? 9 : noisy[t * DIM + c]!),
      query: (p, _, c) => (c === 0 ? 1 : noisy[p * DIM + c]!),
    };
    const { lists } = await planned({ ...options, budget: 600, mass: 0.9 }, same);
    expect(lists[0]).toEqual(lists[1]);
    const sharper = await planned({ ...options, budget: 600, mass: 0.9 }, needle([70, 70], [0.2, 2], 1));
    expect(sizeOf(sharper.lists[1]!)).toBeLessThan(sizeOf(sharper.lists[0]!));
    for (const ranges of sharper.lists) expect(holds(ranges, 70)).toBe(true);
  });
});

describe('x-attention', () => {
  test('ranks blocks by the softmax of mean antidiagonals, counted one by one', async () => {
    const heads: Heads = {
      ...{ tokens: TOKENS, kvHeads: 2, group: 2 },
      key: (token, head, c) => 10 * noisy[(token * 2 + head) * DIM + c]!,
      query: (position, head, c) => 10 * noisy[(position * 4 + head) * DIM + c]!,
    };
    for (const stride of [4, 16] as const) {
      const options = { method: 'x-attention', stride, mass: 1, sinks: 0, local: 0 } as const;
      const budget = PAGE + 5 * SIZE;
      const { lists } = await planned({ ...options, budget }, heads);
      for (const [list, ranges] of lists.entries()) {
        const scores = new Float64Array((TOKENS - PAGE) / SIZE);
        for (let from = TOKENS - PAGE; from < TOKENS; from += stride) {
          for (const head of [2 * list, 2 * list + 1]) {
            const logits = Array.from({ length: (TOKENS - PAGE) / stride }, (_, group) => {
              let sum = 0;
              for (let i = 0; i < stride; i++) {
                for (let c = 0; c < DIM; c++) {
                  sum += heads.query(from + i, head, c) * heads.key(group * stride + stride - 1 - i, list, c);
                }
              }
              return Math.exp(sum / stride);
            });
            const all = logits.reduce((a, b) => a + b, 0);
            logits.forEach((logit, group) => {
              scores[Math.floor((group * stride) / SIZE)]! += logit / all;
            });
          }
        }
        const wanted = bestBlocks(scores, SIZE, 5 * SIZE).map(([start]) => start);
        for (const start of wanted) expect(holds(ranges, start)).toBe(true);
        expect(sizeOf(ranges)).toBe(budget);
      }
    }
  });

  test('stops where its blocks hold the mass', async () => {
    // One block has nearly all: of the others none is needed.
    const heads: Heads = {
      ...{ tokens: TOKENS, kvHeads: 1, group: 1 },
      key: (token, _, c) => (c === 0 && Math.floor(token / SIZE) === 7 ? 12 : noisy[token * DIM + c]!),
      query: (_position, _head, c) => (c === 0 ? 1 : 0),
    };
    const { lists } = await planned({ method: 'x-attention', budget: 600, sinks: 0, local: 0 }, heads);
    expect(lists[0]).toEqual([
      [7 * SIZE, 8 * SIZE],
      [TOKENS - PAGE, TOKENS],
    ]);
  });
});

describe('sale', () => {
  const heads: Heads = {
    ...{ tokens: TOKENS, kvHeads: 2, group: 2 },
    key: (token, head, c) => 10 * noisy[(token * 2 + head) * DIM + c]!,
    query: (position, head, c) => 2 * noisy[(position * 4 + head) * DIM + c]!,
  };
  const options = { method: 'sale', budget: TOKENS - 1, sinks: 0, local: 0, first: 32, window: 64 } as const;

  test('what is not read weighs less than the threshold beside the first and the nearest tokens', async () => {
    let before = TOKENS;
    for (const thresholds of [0.09, 0.1, 0.12, 1]) {
      const { lists, probabilities } = await planned({ ...options, thresholds }, heads);
      let heaviest = 0;
      for (let at = 0; at < PAGE * 4; at++) {
        const p = probabilities.subarray(at * TOKENS, (at + 1) * TOKENS);
        const against =
          p.subarray(0, 32).reduce((a, b) => a + b, 0) + p.subarray(TOKENS - 128).reduce((a, b) => a + b, 0);
        const ranges = lists[Math.floor((at % 4) / 2)]!;
        p.forEach((weight, token) => {
          if (!holds(ranges, token)) heaviest = Math.max(heaviest, weight / against);
        });
      }
      expect(heaviest).toBeLessThan(thresholds);
      expect(heaviest).toBeGreaterThan(0);
      const size = sizeOf(lists[0]!) + sizeOf(lists[1]!);
      expect(size).toBeLessThan(2 * before);
      before = size / 2;
    }
    // The budget has no room for one block of those before the tile: with no threshold all others are read.
    const { lists } = await planned({ ...options, thresholds: 0 }, heads);
    expect(lists.map(sizeOf)).toEqual([TOKENS - SIZE, TOKENS - SIZE]);
  });

  test('thresholds are of layers and heads; one that is missing is named', async () => {
    const loose = await planned({ ...options, thresholds: [[0, 1]] }, heads);
    expect(sizeOf(loose.lists[0]!)).toBe(TOKENS - SIZE);
    expect(sizeOf(loose.lists[1]!)).toBeLessThan(TOKENS - SIZE);
    await expect(planned({ ...options, thresholds: [[0.1]] }, heads)).rejects.toMatchObject({
      code: 'input/option',
      message: expect.stringContaining('KV head 1 of layer 0'),
    });
    expect(() => createPredictor({ ...options, thresholds: [[2]] })).toThrow(
      expect.objectContaining({ code: 'input/option' }),
    );
  });
});
