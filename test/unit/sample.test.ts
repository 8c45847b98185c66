import { expect, test } from 'vitest';
import { greatest } from '../../src/generate/likeliest.js';
import { createSampler, uniform } from '../../src/generate/sample.js';

const logits = (...values: number[]): Float32Array => Float32Array.from(values);
const counts = (sample: (logits: Float32Array) => number, of: Float32Array, draws: number): number[] => {
  const seen = Array.from(of, () => 0);
  for (let i = 0; i < draws; i++) seen[sample(of)]! += 1;
  return seen;
};

test('greedy takes the highest logit, the lower id on ties, and never NaN', () => {
  expect(greatest(logits(1, 3, 3, 2))).toBe(1);
  expect(greatest(logits(Number.NaN, -5, Number.NaN))).toBe(1);
  expect(createSampler({})(logits(0, 0, 9))).toBe(2);
  expect(createSampler({ temperature: 0, seed: 1 })(logits(5, 4))).toBe(0);
});

test('a seed repeats a run; another seed does not', () => {
  const wide = Float32Array.from({ length: 50 }, (_, i) => Math.sin(i));
  const run = (seed: number): number[] => {
    const sample = createSampler({ temperature: 1, seed });
    return Array.from({ length: 40 }, () => sample(wide));
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
});

test('draws follow the tempered distribution', () => {
  const of = logits(Math.log(0.5), Math.log(0.3), Math.log(0.2));
  const draws = 20_000;
  const plain = counts(createSampler({ temperature: 1, seed: 3 }), of, draws);
  // Four standard deviations of a share of that many draws.
  const off = 4 * Math.sqrt(0.25 / draws);
  for (const [id, share] of [0.5, 0.3, 0.2].entries())
    expect(Math.abs(plain[id]! / draws - share)).toBeLessThan(off);
  const cold = counts(createSampler({ temperature: 0.5, seed: 3 }), of, draws);
  expect(Math.abs(cold[0]! / draws - 0.25 / (0.25 + 0.09 + 0.04))).toBeLessThan(off);
});

test('top-k, top-p and min-p cut where they say', () => {
  const of = logits(Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05));
  expect(counts(createSampler({ temperature: 1, topK: 2, seed: 1 }), of, 2000).map((n) => n > 0)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(counts(createSampler({ temperature: 1, topP: 0.79, seed: 1 }), of, 2000).map((n) => n > 0)).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(counts(createSampler({ temperature: 1, topP: 0.81, seed: 1 }), of, 2000).map((n) => n > 0)).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(counts(createSampler({ temperature: 1, minP: 0.25, seed: 1 }), of, 2000).map((n) => n > 0)).toEqual([
    true,
    true,
    true,
    false,
  ]);
});

test('logits of −∞ are never drawn, and one certain token always is', () => {
  const sample = createSampler({ temperature: 5, seed: 2 });
  for (let i = 0; i < 200; i++)
    expect(sample(logits(Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY))).toBe(1);
});

test('uniform numbers lie in [0, 1) and fill it', () => {
  const next = uniform(42);
  const drawn = Array.from({ length: 10_000 }, next);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...drawn)).toBeLessThan(1);
  // Four standard deviations of the mean.
  const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(4 / Math.sqrt(12 * drawn.length));
});
