import { describe, expect, test } from 'vitest';
import { type Backend, PAGE, type Range } from '../../src/backends/backend.js';
import { pyramid, quotas } from '../../src/policies/budgets.js';
import { streaming } from '../../src/policies/duo.js';
import { createPolicy, type RetentionOptions } from '../../src/policies/index.js';
import { keepBest, pooled } from '../../src/policies/keep-best.js';
import { createObserver } from '../../src/policies/observer.js';
import type { Observed, Policy, PolicyNeeds } from '../../src/policies/policy.js';
import { shares } from '../../src/policies/pyramid-infer.js';
import { count } from '../../src/policies/ranges.js';
import { createReading, putPages, type Reading, tensorOf } from '../conformance/reading.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

const tokensOf = (ranges: readonly Range[]): number[] =>
  ranges.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
const numbers = random(4);
const someScores = (tokens: number): Float32Array =>
  Float32Array.from({ length: tokens }, () => numbers.next() ** 4);
const policyOf = (options: RetentionOptions): Required<Pick<Policy, 'keep' | 'needs'>> =>
  createPolicy(options) as Required<Pick<Policy, 'keep' | 'needs'>>;

describe('what is kept by scores', () => {
  test.each([1, 4, 16, 64])('is the best that fits, sinks and the latest, in pieces of %i', (grain) => {
    for (const [tokens, budget, sinks, recent] of [
      [1, 10, 4, 4],
      [63, 20, 3, 5],
      [500, 120, 4, 32],
      [1000, 999, 20, 7],
      [700, 10, 16, 64],
    ] as const) {
      const scores = someScores(tokens);
      const kept = tokensOf(keepBest(scores, budget, { tokens, sinks, recent, grain }));
      const forced = Array.from({ length: tokens }, (_, t) => t).filter(
        (t) => t < sinks || t >= tokens - recent,
      );
      expect(new Set(kept).size).toBe(kept.length);
      expect(kept).toEqual(expect.arrayContaining(forced));
      expect(kept.length).toBeLessThanOrEqual(Math.max(budget, forced.length));
      // Nothing that was left out is worth more than what was taken, piece by piece.
      const worth = (t: number): number => {
        const from = Math.floor(t / grain) * grain;
        const own = Array.from({ length: grain }, (_, i) => from + i).filter(
          (i) => i >= sinks && i < tokens - recent,
        );
        return Math.max(...own.map((i) => scores[i]!));
      };
      const free = [...scores.keys()].filter((t) => !forced.includes(t));
      const taken = free.filter((t) => kept.includes(t)).map(worth);
      const left = free.filter((t) => !kept.includes(t)).map(worth);
      if (taken.length > 0 && left.length > 0)
        expect(Math.min(...taken)).toBeGreaterThanOrEqual(Math.max(...left));
      if (grain === 1 && budget < tokens) expect(kept.length).toBe(Math.max(budget, forced.length));
    }
  });

  test('of equals the later come first, and what was dropped never comes back', () => {
    const forced = { tokens: 10, sinks: 1, recent: 1, grain: 1 };
    expect(tokensOf(keepBest(new Float32Array(10), 5, forced))).toEqual([0, 6, 7, 8, 9]);
    const dropped = new Float32Array(10).fill(Number.NEGATIVE_INFINITY, 2, 8);
    expect(tokensOf(keepBest(dropped, 8, forced))).toEqual([0, 1, 8, 9]);
  });

  test('pools neighbours', () => {
    expect([...pooled(Float32Array.of(0, 1, 0, 0, 3, 0), 3)]).toEqual([1, 1, 1, 3, 3, 3]);
  });
});

describe('budgets', () => {
  test.each([
    1, 2, 16, 30,
  ])('of %i layers in a pyramid fall to a twentieth, and are the same in all', (layers) => {
    const budgets = pyramid(1000, layers, 20);
    expect(Math.abs(budgets.reduce((a, b) => a + b, 0) - 1000 * layers)).toBeLessThan(layers);
    expect(budgets.at(-1)).toBe(layers === 1 ? 1000 : 50);
    expect([...budgets].sort((a, b) => b - a)).toEqual(budgets);
  });

  test('of heads follow the scores of the layer, a part of them', () => {
    const forced = { tokens: 100, sinks: 2, recent: 8, grain: 1 };
    const [sharp, flat] = [new Float32Array(100), new Float32Array(100).fill(0.1)];
    sharp[50] = 1;
    const [few, many] = quotas([sharp, flat], 30, forced, 1);
    // One token stands out in the first head; all others that fit are of the second.
    expect([few, many]).toEqual([11, expect.any(Number)]);
    expect(many).toBeGreaterThanOrEqual(49);
    expect(quotas([sharp, flat], 30, forced, 0)).toEqual([30, 30]);
  });
});

describe('policies', () => {
  const observed = (tokens: number, layers: number, heads: number): Observed => ({
    tokens,
    scores: Array.from({ length: layers }, () => Array.from({ length: heads }, () => someScores(tokens))),
    values: Array.from({ length: layers }, () =>
      Array.from({ length: heads }, () => someScores(tokens).map((x) => x + 0.1)),
    ),
  });
  const byScores = ['h2o', 'snap-kv', 'a2sf'] as const;

  test.each(byScores)('%s keeps what its budget allows, in whatever way it is shared out', (policy) => {
    const it = observed(600, 4, 3);
    for (const more of [
      {},
      { layers: 'pyramid' },
      { heads: 'ada' },
      { values: true, layers: 'pyramid', heads: 'ada' },
    ]) {
      const kept = policyOf({ policy, budget: 150, recent: 20, grain: 1, ...more } as RetentionOptions).keep(
        it,
      );
      expect(kept.map((heads) => heads.length)).toEqual([3, 3, 3, 3]);
      const each = kept.flat().map(count);
      const mean = each.reduce((a, b) => a + b, 0) / each.length;
      expect(mean).toBeGreaterThan(145);
      expect(mean).toBeLessThan(157);
      for (const ranges of kept.flat()) {
        for (const [i, [from]] of ranges.entries())
          expect(from).toBeGreaterThanOrEqual(i && ranges[i - 1]![1]);
      }
    }
    const share = policyOf({ policy, density: 0.5, recent: 9, grain: 1 } as RetentionOptions).keep(it);
    expect(share.flat().map(count)).toEqual(new Array(12).fill(300));
  });

  test('with values: of two tokens with equal attention the one without a value goes, and sinks stay', () => {
    const tokens = 100;
    const scores = [[new Float32Array(tokens).fill(0.5)]];
    const values = [[new Float32Array(tokens).fill(1)]];
    values[0]![0]![50] = 0.001;
    values[0]![0]!.fill(0.001, 0, 4);
    const keep = (more: object): number[] =>
      tokensOf(
        policyOf({ policy: 'h2o', budget: 99, recent: 5, grain: 1, ...more } as RetentionOptions).keep({
          tokens,
          scores,
          values: more && 'values' in more ? values : undefined,
        } as Observed)[0]![0]!,
      );
    expect(keep({ values: true })).not.toContain(50);
    expect(keep({ values: true })).toEqual(expect.arrayContaining([0, 1, 2, 3]));
    expect(keep({})).toContain(50);
  });
});

describe('pyramid-infer', () => {
  test.each([1, 6, 16, 32])('in %i layers comes down to its share by a cosine', (layers) => {
    const left = shares(layers, 0.19);
    if (layers > 1) expect(left.at(-1)).toBeCloseTo(0.19, 6);
    // Closed form: each layer keeps of the one before what a cosine says, the first of them everything.
    const ratio = left.map((own, i) => own / (left[i - 1] ?? 1));
    expect(ratio[0]).toBeCloseTo(1, 6);
    const end =
      layers > 1
        ? (ratio[1]! - (1 + Math.cos(Math.PI / layers)) / 2) / (1 - (1 + Math.cos(Math.PI / layers)) / 2)
        : 0;
    for (const [i, own] of ratio.entries()) {
      if (layers > 1)
        expect(own).toBeCloseTo(end + ((1 - end) * (Math.cos((Math.PI * i) / layers) + 1)) / 2, 6);
    }
  });

  test('keeps in every layer some of what the layer before kept, the same for all heads', () => {
    const scores = Array.from({ length: 8 }, () => [someScores(2000), someScores(2000)]);
    const kept = policyOf({ policy: 'pyramid-infer', grain: 1 }).keep({ tokens: 2000, scores });
    let before = new Set(Array.from({ length: 2000 }, (_, t) => t));
    for (const [layer, [one, other]] of kept.entries()) {
      expect(one).toEqual(other);
      const own = tokensOf(one!);
      expect(own.filter((t) => !before.has(t))).toEqual([]);
      expect(own.length).toBe(68 + Math.round(1932 * shares(8, 0.19)[layer]!));
      before = new Set(own);
    }
    const all = policyOf({ policy: 'pyramid-infer', share: 1 }).keep({ tokens: 2000, scores });
    expect(new Set(all.flat().map(count))).toEqual(new Set([2000]));
  });
});

describe('duo', () => {
  const heads = [
    [0.1, 0.9],
    [0.5, 0.2],
  ];

  test('lets the heads stream that retrieve least', () => {
    expect(streaming(heads, 0.5)).toEqual([
      [true, false],
      [false, true],
    ]);
    expect(streaming(heads, 0).flat()).not.toContain(true);
    expect(streaming(heads, 1).flat()).not.toContain(false);
    expect(streaming([[0, 0, 0, 0]], 0.5)).toEqual([[false, false, true, true]]);
  });

  test('takes the table of this model, or none', () => {
    const policy = createPolicy({ policy: 'duo', heads })!;
    policy.check!([2, 2]);
    const wrong = expect.objectContaining({ code: 'input/option' });
    expect(() => policy.check!([2, 2, 2])).toThrow(wrong);
    expect(() => policy.check!([4])).toThrow(wrong);
    for (const table of [[[2]], [0.5], 'file.tsv', [[Number.NaN]]]) {
      expect(() => createPolicy({ policy: 'duo', heads: table } as never)).toThrow(wrong);
    }
    expect(policy.measured).toBeUndefined();
    expect(createPolicy({ policy: 'duo' })!.measured).toBeDefined();
  });

  test('act refuses a table that is not of this model, or no table, and shares beyond 1', () => {
    const wrong = expect.objectContaining({ code: 'input/option' });
    const policy = createPolicy({ policy: 'act', heads: [[true, false], [true]] })!;
    policy.check!([2, 1]);
    expect(() => policy.check!([2, 2])).toThrow(wrong);
    createPolicy({ policy: 'act' })!.check!([2, 2]);
    for (const heads of [[[1, 0]], [true], 'all'])
      expect(() => createPolicy({ policy: 'act', heads } as never)).toThrow(wrong);
    for (const options of [{ beta: 1.1 }, { threshold: -0.1 }, { rows: 0 }, { sinks: 4 }])
      expect(() => createPolicy({ policy: 'act', ...options } as never)).toThrow(wrong);
  });
});

describe('what is observed', () => {
  const TOKENS = 330;
  const ROWS = 30;
  const backend = createRefBackend();
  const needs = (decay: number, values = false): PolicyNeeds => ({
    reading: false,
    rows: ROWS,
    decay,
    every: 1,
    values,
  });

  /** Rows as a question has them, after each of which scores may be asked for. */
  const observe = async (reading: Reading, decay: number, calls: readonly number[], keys?: Float32Array) => {
    const kv = putPages(backend, reading);
    const { heads, shape } = reading;
    const scale = 1 / Math.sqrt(shape.keyDim);
    const parts = { backend: backend as Backend, layers: [kv], heads, scale, keepPages: () => undefined };
    const observer = createObserver(parts, needs(decay, true));
    const q = keys ?? random(9).normals(ROWS * heads * shape.keyDim);
    const first = TOKENS - ROWS;
    let at = 0;
    for (const rows of calls) {
      const tiles = { position: first + at, rows, tileRows: 1 };
      const width = heads * shape.keyDim;
      const plan = backend.plan('plan', 1);
      backend.select(plan, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
      observer.begin(first, first + at);
      await observer.observe(
        0,
        tensorOf(backend, rows, width, q.slice(at * width, (at + rows) * width)),
        plan,
      );
      at += rows;
      expect(observer.isThere(first + at)).toBe(true);
    }
    const tiles = { position: first, rows: ROWS, tileRows: 1 };
    const plan = backend.plan('plan', 1);
    backend.select(plan, tiles, { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 });
    const all = backend.tensor('all', ROWS * heads, TOKENS);
    backend.observe(all, tensorOf(backend, ROWS, heads * shape.keyDim, q), kv, plan, scale);
    const { scores, values } = await observer.observed(TOKENS);
    return { scores: scores[0]!, values: values![0]!, rows: await backend.read(all), kv };
  };

  test.each([
    1, 0.9, 0.5, 0,
  ])('is the closed form of the sum, with %d left of it after every row', async (decay) => {
    const reading = await createReading({ tokens: TOKENS, kvHeads: 2, group: 3 });
    const { scores, rows } = await observe(reading, decay, [1, 7, 2, 20]);
    const again = await observe(reading, decay, [ROWS]);
    for (let head = 0; head < 2; head++) {
      for (let t = 0; t < TOKENS; t++) {
        let wanted = 0;
        for (let row = 0; row < ROWS; row++) {
          for (let own = 0; own < 3; own++) {
            wanted += decay ** (ROWS - 1 - row) * rows[(row * 6 + head * 3 + own) * TOKENS + t]!;
          }
        }
        expect(Math.abs(scores[head]![t]! - wanted)).toBeLessThan(1e-5);
        expect(again.scores[head]![t]).toBe(scores[head]![t]);
      }
    }
  });

  test('forgets a token that is looked at no more after about 1/(1 − α) rows', async () => {
    const reading = await createReading({ tokens: TOKENS, kvHeads: 1, group: 1 });
    const { shape, keys } = reading;
    const q = new Float32Array(ROWS * shape.keyDim);
    const keyAt = (token: number): Float32Array =>
      keys[0]!.subarray(token * shape.keyDim, (token + 1) * shape.keyDim);
    // Ten rows look at token 40, the others at token 200.
    for (let row = 0; row < ROWS; row++)
      q.set(
        keyAt(row < 10 ? 40 : 200).map((x) => 4 * x),
        row * shape.keyDim,
      );
    const sum = await observe(reading, 1, [ROWS], q);
    const short = await observe(reading, 0.8, [ROWS], q);
    const ratio = (scores: readonly Float32Array[]): number => scores[0]![40]! / scores[0]![200]!;
    expect(ratio(sum.scores)).toBeGreaterThan(0.3);
    expect(ratio(short.scores)).toBeLessThan(0.03);
  });

  test('values are weighed as they are stored', async () => {
    const reading = await createReading({ tokens: TOKENS });
    const { values, kv } = await observe(reading, 1, [ROWS]);
    const stored = random(8).normals(TOKENS * 2 * 64);
    expect(kv.pages).toBe(Math.ceil(TOKENS / PAGE));
    for (let head = 0; head < 2; head++) {
      for (const t of [0, 63, 64, 200, TOKENS - 1]) {
        const vector = stored.subarray((t * 2 + head) * 64, (t * 2 + head + 1) * 64);
        const wanted = vector.reduce((sum, x) => sum + Math.abs(x), 0);
        expect(values[head]![t]! / wanted).toBeCloseTo(1, 1);
      }
    }
  });
});
