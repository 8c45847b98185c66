import { expect, test } from 'vitest';
import { highest } from '../../src/generate/likeliest.js';
import { createSampler as create, type SampleOptions } from '../../src/generate/sample.js';
import { MASS_ERROR, type TopLogits } from '../../src/generate/top-logits.js';
import { createTopShortlist } from '../../src/generate/top-shortlist.js';
import { random } from '../support/random.js';

const createSampler = (options: SampleOptions) => create(options, createTopShortlist);

/** What a device finds, its sum as wrong as it may be. */
const topOf = (logits: Float32Array, count: number, error: number): TopLogits => {
  const ids = highest(logits, count);
  const above = logits.filter((logit) => logit > Number.NEGATIVE_INFINITY);
  const mass = above.reduce((sum, logit) => sum + Math.exp(logit - logits[ids[0]!]!), 0);
  return {
    ids,
    logits: Float32Array.from(ids, (id) => logits[id]!),
    mass: mass * (1 + error),
    whole: above.length < count,
  };
};

const vocabulary = (seed: number): Float32Array => {
  const { normal, below } = random(seed);
  const spread = [0.01, 1, 4, 10][seed % 4]!;
  return Float32Array.from({ length: 1 + below(2000) }, () => {
    const kind = below(20);
    if (kind === 0) return [Number.NEGATIVE_INFINITY, Number.NaN][below(2)]!;
    return kind < 8 ? Math.round(normal() * spread) : normal() * spread;
  });
};

const choices: readonly SampleOptions[] = [
  {},
  { temperature: 1, topK: 1 },
  { temperature: 0.7, topK: 40 },
  { temperature: 1.3, topK: 128, topP: 0.9, minP: 0.02 },
  { temperature: 0.8, topP: 0.9 },
  { temperature: 1, topP: 0.5, minP: 0.1 },
  { temperature: 0.6, minP: 0.05 },
];

test.each(choices)('from the highest logits the same tokens are drawn as from all: %o', (options) => {
  let enough = 0;
  for (const seed of [1, 2]) {
    const all = createSampler({ ...options, seed });
    const some = createSampler({ ...options, seed });
    const { count, enough: isEnough, choose } = some.top!;
    for (let step = 0; step < 400; step++) {
      const logits = vocabulary(step);
      const top = topOf(logits, count, [MASS_ERROR, -MASS_ERROR, 0][step % 3]! * 0.99);
      const wanted = all(logits);
      if (!isEnough(top)) {
        some(logits);
        continue;
      }
      enough++;
      expect(choose(top), `step ${step}`).toBe(wanted);
    }
  }
  expect(enough).toBeGreaterThan(options.topK || !options.temperature ? 700 : 200);
});

test('what may draw any token, or changes any logit, asks for all of them', () => {
  const options: SampleOptions[] = [
    { temperature: 1 },
    { temperature: 1, topK: 129 },
    { logitBias: { 3: 1 } },
    { repetitionPenalty: 1.1 },
    { temperature: 1, topK: 5, frequencyPenalty: 0.5 },
  ];
  for (const some of options) expect(createSampler(some).top).toBeUndefined();
  expect(createSampler({ repetitionPenalty: 1.1, penaltyTokens: 0 }).top).toBeDefined();
});

test('where it hangs on the last digits of the sum, they are not enough', () => {
  const logits = Float32Array.of(0, 0, 0, 0);
  const { enough } = createSampler({ temperature: 1, topP: 0.5 }).top!;
  expect(enough(topOf(logits, 64, 0))).toBe(false);
  expect(enough(topOf(logits, 64, 1e-3))).toBe(true);
  const { enough: reaches } = createSampler({ temperature: 1, topP: 0.9 }).top!;
  expect(reaches(topOf(new Float32Array(1000), 64, 0))).toBe(false);
});
