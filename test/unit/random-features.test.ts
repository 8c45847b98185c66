import { expect, test } from 'vitest';
import { drawDirections, featuresOf } from '../../src/predictors/random-features.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';

const DIM = 16;
const backend = createRefBackend();
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, c) => sum + x * b[c]!, 0);

/** e^(x·y) as so many features of one seed have it. */
const estimate = (x: Float32Array, y: Float32Array, features: number, seed: number): number => {
  const both = featuresOf(backend, Float32Array.of(...x, ...y), { features, dim: DIM, seed });
  return dot(both.subarray(0, features), both.subarray(features)) / features;
};

const seeds = Array.from({ length: 400 }, (_, seed) => seed);
const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

test('directions: a square of them is orthogonal, long as normal vectors are, and that of its seed', () => {
  const drawn = drawDirections(2 * DIM, DIM, 3);
  const rows = Array.from({ length: 2 * DIM }, (_, row) => drawn.subarray(row * DIM, (row + 1) * DIM));
  for (const [i, row] of rows.entries()) {
    for (const other of rows.slice(i - (i % DIM), i)) expect(Math.abs(dot(row, other))).toBeLessThan(1e-4);
  }
  // Of 400 squares: the mean square length is the width, and lengths differ.
  const lengths = seeds.flatMap((seed) => {
    const square = drawDirections(DIM, DIM, seed);
    return Array.from({ length: DIM }, (_, i) => {
      const row = square.subarray(i * DIM, (i + 1) * DIM);
      return dot(row, row);
    });
  });
  expect(mean(lengths)).toBeGreaterThan(DIM - 0.5);
  expect(mean(lengths)).toBeLessThan(DIM + 0.5);
  expect(Math.min(...lengths)).toBeLessThan(DIM / 2);
  expect(drawDirections(2 * DIM, DIM, 3)).toEqual(drawn);
  expect(drawDirections(2 * DIM, DIM, 4)).not.toEqual(drawn);
});

test('the products of features are e^(x·y) on average, and four times as many features halve the error', () => {
  const numbers = random(7);
  const x = numbers.normals(DIM).map((v) => v / 8);
  for (const along of [-1, 0.5, 1]) {
    const y = numbers.normals(DIM).map((v, c) => along * x[c]! + 0.05 * v);
    const exact = Math.exp(dot(x, y));
    const errorOf = (features: number): number =>
      Math.sqrt(mean(seeds.map((seed) => (estimate(x, y, features, seed) / exact - 1) ** 2)));
    const found = mean(seeds.map((seed) => estimate(x, y, 64, seed)));
    expect(Math.abs(found / exact - 1)).toBeLessThan(0.03);
    const ratio = errorOf(DIM) / errorOf(4 * DIM);
    expect(ratio).toBeGreaterThan(1.6);
    expect(ratio).toBeLessThan(2.5);
  }
});

test('features of a vector far out are numbers all the same, and so many of them in 32 bits', () => {
  const [features, dim, seed] = [512, 256, 1];
  const drawn = drawDirections(features, dim, seed);
  const rows = Array.from({ length: features }, (_, row) => drawn.slice(row * dim, (row + 1) * dim));
  // Its own feature would be e^(half of its square): more than 32 bits hold.
  const longest = rows.reduce((a, b) => (dot(a, a) > dot(b, b) ? a : b));
  expect(dot(longest, longest) / 2).toBeGreaterThan(100);
  for (const factor of [0, 1, 4, 1e9]) {
    const found = featuresOf(
      backend,
      longest.map((w) => factor * w),
      { features, dim, seed },
    );
    for (const feature of found) expect(feature).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(Math.fround(1024 * Math.max(...found)))).toBe(true);
  }
});
