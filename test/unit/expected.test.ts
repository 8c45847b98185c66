/** Expected Attention: queries to come as a Gaussian, and what keys may expect of them. */
import { describe, expect, test } from 'vitest';
import { createExpectation } from '../../src/policies/expectation.js';
import { expected } from '../../src/policies/expected.js';
import type { Moments, RetentionParts } from '../../src/policies/policy.js';
import {
  createMoments,
  expectedLogit,
  meanAngles,
  turn,
  turnedBack,
  turnedMoments,
} from '../../src/policies/query-moments.js';
import { createReading, putPages } from '../conformance/reading.js';
import { createRefBackend } from '../reference/backend.js';
import { storedKey, unrotated } from '../reference/keys.js';
import { random } from '../support/random.js';

const DIM = 8;
const angleAt = (position: number, dim = 6, magnitude = 1): Float32Array =>
  Float32Array.from({ length: dim }, (_, i) => {
    const angle = position * 0.3 ** (i % (dim / 2));
    return magnitude * (i < dim / 2 ? Math.cos(angle) : Math.sin(angle));
  });

/** Queries that lean one way and are spread unevenly. */
const someQueries = (seed: number, count: number, dim = DIM): Float32Array[] => {
  const { normals } = random(seed);
  return Array.from({ length: count }, () => {
    const own = normals(dim);
    return own.map((x, c) => 0.4 * (c % 3) + (0.3 + 0.1 * c) * x + 0.3 * own[0]!);
  });
};
const momentsOf = (queries: readonly Float32Array[], dim = DIM): Moments => {
  const sums = createMoments(dim);
  for (const query of queries) sums.add(query);
  return sums.moments;
};

describe('moments of queries', () => {
  test.each(['half', 'adjacent'] as const)('turn with them: %s', (pairing) => {
    const queries = someQueries(3, 50);
    const angles = angleAt(17);
    const turned = queries.map((query) => {
      const own = query.slice();
      turn(own, angles, pairing);
      return own;
    });
    const [found, wanted] = [turnedMoments(momentsOf(queries), angles, pairing), momentsOf(turned)];
    for (const [i, x] of wanted.mean.entries()) expect(found.mean[i]).toBeCloseTo(x, 5);
    for (const [i, x] of wanted.covariance.entries()) expect(found.covariance[i]).toBeCloseTo(x, 5);
    expect(found.mean).not.toEqual(momentsOf(queries).mean);
    const [back, one] = [turnedBack(angleAt(17, 6, 1.5)), queries[0]!.slice()];
    turn(one, angleAt(17, 6, 1.5), pairing);
    turn(one, back, pairing);
    for (const [i, x] of queries[0]!.entries()) expect(one[i]).toBeCloseTo(x, 5);
  });

  test('foretell what a key gets of many of them on average', () => {
    const key = random(6).normals(DIM);
    const scale = 0.4;
    // Draws from the Gaussian itself: L·z + μ for a covariance L·Lᵀ.
    const { normals } = random(12);
    const mean = normals(DIM);
    const lower = normals(DIM * DIM).map((x, at) => (at % DIM <= Math.floor(at / DIM) ? 0.5 * x : 0));
    const covariance = new Float32Array(DIM * DIM).map((_, at) => {
      const [i, j] = [Math.floor(at / DIM), at % DIM];
      let sum = 0;
      for (let c = 0; c < DIM; c++) sum += lower[i * DIM + c]! * lower[j * DIM + c]!;
      return sum;
    });
    let total = 0;
    const DRAWS = 60_000;
    for (let n = 0; n < DRAWS; n++) {
      const z = normals(DIM);
      let dot = 0;
      for (let i = 0; i < DIM; i++) {
        let own = mean[i]!;
        for (let c = 0; c <= i; c++) own += lower[i * DIM + c]! * z[c]!;
        dot += own * key[i]!;
      }
      total += Math.exp(scale * dot);
    }
    const found = expectedLogit({ mean, covariance }, key, scale);
    expect(Math.abs(found - Math.log(total / DRAWS))).toBeLessThan(0.03);
    // Without the spread it would be too little by more than that.
    expect(
      found - expectedLogit({ mean, covariance: new Float32Array(DIM * DIM) }, key, scale),
    ).toBeGreaterThan(0.1);
  });
});

describe('what stored keys may expect', () => {
  const TOKENS = 200;
  const AHEAD = 32;
  const backend = createRefBackend();

  test.each([
    'f16',
    'q8',
  ] as const)('is the plain formula over %s keys, page by page or at once', async (codec) => {
    const reading = await createReading({ tokens: TOKENS, kvHeads: 2, group: 3, keys: codec });
    const { shape, heads } = reading;
    const kv = putPages(backend, reading);
    const scale = 1 / Math.sqrt(shape.keyDim);
    const moments = Array.from({ length: heads }, (_, head) =>
      momentsOf(someQueries(20 + head, 40, shape.keyDim), shape.keyDim),
    );
    const angles = (_layer: number, position: number, rows: number): Float32Array => {
      const all = new Float32Array(rows * 6);
      for (let row = 0; row < rows; row++) all.set(angleAt(position + row), row * 6);
      return all;
    };
    const parts: RetentionParts = {
      ...{ backend, layers: [kv], heads, scale, keepPages: () => undefined },
      turning: { pairing: 'adjacent', angles },
    };
    const expectation = createExpectation(parts, { moments: [moments], ahead: AHEAD });
    await expectation.read(150);
    const [found] = await expectation.read(TOKENS);
    expectation.forget(70);
    expect(await expectation.read(TOKENS)).toEqual([found]);

    const from = Math.floor(TOKENS / AHEAD) * AHEAD;
    const mean = meanAngles(angles(0, from, AHEAD), 6);
    for (let kvHead = 0; kvHead < 2; kvHead++) {
      const wanted = new Float64Array(TOKENS);
      for (let head = 3 * kvHead; head < 3 * kvHead + 3; head++) {
        const { mean: mu, covariance } = turnedMoments(moments[head]!, mean, 'adjacent');
        const weights = Array.from({ length: TOKENS }, (_, t) => {
          if (t < 4) return 0;
          const key = unrotated(kv, storedKey(kv, kvHead, t));
          let logit = 0;
          for (let i = 0; i < key.length; i++) {
            logit += scale * key[i]! * mu[i]!;
            for (let j = 0; j < key.length; j++)
              logit += (scale * scale * key[i]! * key[j]! * covariance[i * key.length + j]!) / 2;
          }
          return Math.exp(logit);
        });
        const all = weights.reduce((a, b) => a + b, 0);
        weights.forEach((weight, t) => {
          wanted[t]! += weight / all / 3;
        });
      }
      for (let t = 0; t < TOKENS; t++)
        expect(Math.abs(found![kvHead]![t]! - wanted[t]!)).toBeLessThan(1e-4 * Math.max(...wanted));
    }
  });

  test('is worth as much as the value behind it', () => {
    const scores = [[new Float32Array(100).fill(0.01)]];
    const values = [[new Float32Array(100).fill(1)]];
    values[0]![0]![50] = 0;
    const tokens = 100;
    const keep = (more: object): number => {
      const policy = expected({ policy: 'expected', budget: 99, recent: 5, grain: 1, ...more }, []);
      expect(policy.needs.rows).toBe(0);
      const [[kept]] = policy.keep!({ tokens, scores, ...(policy.needs.values && { values }) }) as [
        [[number, number][]],
      ];
      return kept.some(([from, to]) => from <= 50 && 50 < to) ? 1 : 0;
    };
    expect([keep({}), keep({ values: false })]).toEqual([0, 1]);
  });
});
