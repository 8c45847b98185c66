import type { SampleOptions } from '../../src/generate/sample.js';
import { random } from '../support/random.js';
import { randomModel } from '../support/random-model.js';

/** The model that llama.cpp's sampling chain was recorded on. */
export const chainModel = (): Uint8Array<ArrayBuffer> =>
  randomModel({
    architecture: 'llama',
    type: 'F32',
    tokenizer: 'gpt-2',
    seed: 211,
    dim: 64,
    hidden: 96,
    layers: 2,
  });

/** What it reads: few tokens, often repeated, so that penalties have something to bite on. */
export const chainIds = (): number[] => {
  const { below } = random(5);
  return Array.from({ length: 60 }, () => below(24));
};

/** Each cut alone, then together, then everything in front of them. */
export const CHAINS: readonly SampleOptions[] = [
  { temperature: 1 },
  { temperature: 0.6 },
  { temperature: 1.7, topK: 7 },
  { temperature: 0.5, topP: 0.6 },
  { temperature: 2, topP: 0.95 },
  { temperature: 0.7, minP: 0.2 },
  { temperature: 0.8, topK: 12, topP: 0.8, minP: 0.1 },
  { temperature: 1.3, topK: 40, topP: 0.97, minP: 0.02 },
  { temperature: 1, repetitionPenalty: 1.4 },
  { temperature: 1, repetitionPenalty: 0.7, penaltyTokens: 9 },
  { temperature: 1, presencePenalty: 1.5, penaltyTokens: 5 },
  { temperature: 1, frequencyPenalty: 0.4 },
  { temperature: 0.9, repetitionPenalty: 1.2, presencePenalty: 0.5, frequencyPenalty: -0.3, topP: 0.84 },
  { temperature: 1, logitBias: { 0: 3, 5: -2.5, 17: -100, 30: 9 } },
  { temperature: 0.8, logitBias: { 3: 4, 9: -200 }, repetitionPenalty: 1.5, presencePenalty: 1, topK: 20 },
];

/** Greedy with what may change the winner. */
export const GREEDY: readonly SampleOptions[] = [
  {},
  { repetitionPenalty: 1.5 },
  { presencePenalty: 2, penaltyTokens: 12 },
  { frequencyPenalty: 0.8, penaltyTokens: 200 },
  { logitBias: { 1: 6 }, frequencyPenalty: 1 },
];
