import { expect, test } from 'vitest';
import { createAdjust } from '../../src/generate/adjust.js';
import { logProbabilities } from '../../src/generate/log-probabilities.js';
import { createSampler } from '../../src/generate/sample.js';

const NONE = Number.NEGATIVE_INFINITY;
const adjusted = (options: Parameters<typeof createAdjust>[0], values: number[], tokens: number[]) => {
  const logits = Float32Array.from(values);
  const restore = createAdjust(options)(logits, tokens);
  const found = [...logits];
  restore();
  expect([...logits]).toEqual(values);
  return found;
};

test('repetition divides what is above 0 and multiplies what is below', () => {
  expect(adjusted({ repetitionPenalty: 2 }, [4, -4, 1, 0], [0, 1, 3])).toEqual([2, -8, 1, 0]);
});

test('presence counts once, frequency every time, and both may encourage', () => {
  expect(adjusted({ presencePenalty: 1 }, [5, 5, 5], [0, 0, 2])).toEqual([4, 5, 4]);
  expect(adjusted({ frequencyPenalty: 1 }, [5, 5, 5], [0, 0, 2])).toEqual([3, 5, 4]);
  expect(adjusted({ frequencyPenalty: -1, presencePenalty: 0.5 }, [5, 5], [1, 1])).toEqual([5, 6.5]);
});

test('only the last tokens are recent', () => {
  expect(adjusted({ presencePenalty: 1, penaltyTokens: 2 }, [5, 5, 5], [0, 1, 2])).toEqual([5, 4, 4]);
  expect(adjusted({ presencePenalty: 1, penaltyTokens: 0 }, [5, 5], [0, 1])).toEqual([5, 5]);
  const many = Array.from({ length: 65 }, (_, i) => (i === 0 ? 1 : 0));
  expect(adjusted({ presencePenalty: 1 }, [5, 5], many)).toEqual([4, 5]);
});

test('bias comes first, −100 bans', () => {
  expect(adjusted({ logitBias: { 0: 3, 1: -100, 2: NONE } }, [1, 1, 1], [])).toEqual([4, NONE, NONE]);
  expect(adjusted({ logitBias: { 0: 3 }, repetitionPenalty: 2 }, [1, 1], [0])).toEqual([2, 1]);
  expect(adjusted({ logitBias: { 0: -100 }, repetitionPenalty: 2 }, [1, 1], [0])).toEqual([NONE, 1]);
});

test('greedy and drawn alike', () => {
  const logits = Float32Array.of(3, 2.9, 0);
  expect(createSampler({ presencePenalty: 1 })(logits, [0])).toBe(1);
  expect(createSampler({ logitBias: { 0: -100, 1: -100 } })(logits)).toBe(2);
  const draw = createSampler({ temperature: 1, seed: 4, logitBias: { 0: -100, 2: NONE } });
  for (let i = 0; i < 100; i++) expect(draw(logits)).toBe(1);
  expect([...logits]).toEqual([...Float32Array.of(3, 2.9, 0)]);
});

test('log-probabilities are the model’s own, likeliest first', () => {
  const logits = Float32Array.of(Math.log(2), Math.log(5), NONE, Math.log(3));
  const { id, text, logprob, top } = logProbabilities(logits, 0, 2, (one) => `<${one}>`);
  expect([id, text]).toEqual([0, '<0>']);
  expect(Math.exp(logprob)).toBeCloseTo(0.2, 6);
  expect(top.map((one) => [one.id, one.text])).toEqual([
    [1, '<1>'],
    [3, '<3>'],
  ]);
  expect(Math.exp(top[0]!.logprob)).toBeCloseTo(0.5, 6);
  expect(logProbabilities(logits, 1, 0, String).top).toEqual([]);
  expect(logProbabilities(logits, 2, 1, String).logprob).toBe(NONE);
});
