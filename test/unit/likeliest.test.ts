import { expect, test } from 'vitest';
import { decay } from '../../src/generate/decay.js';
import { greatest, highest, nucleus, reaching } from '../../src/generate/likeliest.js';
import { random } from '../support/random.js';

const byDefinition = (logits: Float32Array): number[] =>
  [...logits.keys()]
    .filter((id) => logits[id]! > Number.NEGATIVE_INFINITY)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);

/** Logits that hurt: ties, banned and missing ones, a far tail, all alike. */
const hardLogits = (seed: number, size: number): Float32Array => {
  const { normal, below } = random(seed);
  const spread = [0, 0.01, 1, 4, 40, 400][seed % 6]!;
  return Float32Array.from({ length: size }, () => {
    const kind = below(10);
    if (kind === 0) return Number.NEGATIVE_INFINITY;
    if (kind === 1) return Number.NaN;
    return kind < 5 ? Math.round(normal() * spread) : normal() * spread;
  });
};

test('the highest, by sorting them all', () => {
  for (let seed = 0; seed < 60; seed++) {
    const logits = hardLogits(seed, 1 + seed * 7);
    const all = byDefinition(logits);
    for (const count of [1, 2, 3, 17, logits.length - 1, logits.length, logits.length + 5]) {
      if (count > 0) expect([...highest(logits, count)]).toEqual(all.slice(0, count));
    }
    if (all.length > 0) expect(greatest(logits)).toBe(all[0]);
  }
});

test('the nucleus, by sorting them all', () => {
  for (let seed = 0; seed < 60; seed++) {
    const logits = hardLogits(seed, 3 + seed * 11);
    const all = byDefinition(logits);
    if (all.length === 0) continue;
    const top = logits[all[0]!]!;
    const weights = all.map((id) => Math.exp(logits[id]! - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const p of [1e-6, 0.1, 0.5, 0.9, 0.999]) {
      let kept = 0;
      for (let sum = 0; sum < p * total; ) sum += weights[kept++]!;
      const found = [...nucleus(logits, top, p)];
      expect(found).toEqual(all.slice(0, found.length));
      // Sums in another order: where the share is reached to the last bit, one more or less is as right.
      expect(Math.abs(found.length - kept)).toBeLessThanOrEqual(1);
      const mass = weights.slice(0, found.length).reduce((sum, weight) => sum + weight, 0);
      expect(mass / total).toBeGreaterThan(p - 1e-9);
    }
  }
});

test('e^−x is what Math.exp says, near and far', () => {
  const { uniform } = random(4);
  for (let i = 0; i < 20_000; i++) {
    const x = uniform(0, 1) * 10 ** uniform(-6, 2.8);
    expect(Math.abs(decay(x) - Math.exp(-x))).toBeLessThanOrEqual(1e-11 * Math.exp(-x));
  }
  expect([0, 64, 800, Number.POSITIVE_INFINITY].map(decay)).toEqual([1, Math.exp(-64), 0, 0]);
});

test('at least one is kept', () => {
  const logits = Float32Array.of(1, 2);
  expect([...reaching(logits, Uint32Array.of(1, 0), 2, 0)]).toEqual([1]);
  expect([...nucleus(logits, 2, Number.MIN_VALUE)]).toEqual([1]);
});
