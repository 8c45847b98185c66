import type { Range } from '../backends/backend.js';
import { numberBetween, onlyKnown, wholeNumber } from '../options.js';
import { choosable, type Forced, keepBest } from './keep-best.js';
import type { Policy } from './policy.js';

/** Fewer tokens from layer to layer. */
export interface PyramidInferOptions {
  readonly policy: 'pyramid-infer';
  /** Share of the tokens between the forced ones that the last layer keeps, (0, 1]. Default 0.19, as the paper's 32 layers. */
  readonly share?: number;
  /** First tokens of the context, always kept. Default 4. */
  readonly sinks?: number;
  /** The last tokens before the answer, always kept. Default 64. */
  readonly recent?: number;
  /** Tokens kept or dropped together. Default 16. */
  readonly grain?: number;
}

/** Fewer are not left in any layer. */
const LEAST = 64;

/** What a layer keeps of the layer before: from 1 in the first falling by a cosine to `end`. */
const ratios = (layers: number, end: number): number[] =>
  Array.from({ length: layers }, (_, i) => end + ((1 - end) * (Math.cos((Math.PI * i) / layers) + 1)) / 2);

const product = (values: readonly number[]): number => values.reduce((all, value) => all * value, 1);

/** Shares that the layers keep, of which the last is `share`: the end of the cosine that leads there is found by halving. */
export const shares = (layers: number, share: number): number[] => {
  let [low, high] = [0, 1];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (product(ratios(layers, middle)) < share) low = middle;
    else high = middle;
  }
  let left = 1;
  return ratios(layers, high).map((ratio) => {
    left *= ratio;
    return left;
  });
};

/**
 * PyramidInfer (arXiv 2405.12532 §4): each layer keeps of what the layer before kept, by the attention of the last rows averaged
 * over all heads, one set for all of them. The paper drops tokens while it reads, so that deeper layers do not compute them;
 * here the text was read, and it is the answer's plans that grow shorter from layer to layer. It saves memory and
 * attention, no reading.
 */
export const pyramidInfer = (options: PyramidInferOptions): Policy => {
  onlyKnown('retention', options, ['policy', 'share', 'sinks', 'recent', 'grain']);
  const share = numberBetween('retention.share', options.share, 0.19, Number.MIN_VALUE, 1);
  const sinks = wholeNumber('retention.sinks', options.sinks, 4, 0);
  const recent = wholeNumber('retention.recent', options.recent, 64, 0);
  const grain = wholeNumber('retention.grain', options.grain, 16, 1, 64);
  return {
    name: 'pyramid-infer',
    needs: { reading: false, rows: 64, decay: 1, every: 0, values: false },
    signature: `pyramid-infer share=${share} sinks=${sinks} recent=${recent} grain=${grain}`,
    keep({ tokens, scores }) {
      const forced: Forced = { tokens, sinks, recent, grain };
      const [from, to] = choosable(forced);
      const budgets = shares(scores.length, share).map(
        (left) => from + tokens - to + Math.max(LEAST, Math.round(left * (to - from))),
      );
      let before: readonly Range[] = [[0, tokens]];
      return scores.map((heads, layer) => {
        const mean = new Float32Array(tokens).fill(Number.NEGATIVE_INFINITY);
        for (const [start, end] of before) {
          for (let t = start; t < end; t++) mean[t] = heads.reduce((sum, own) => sum + own[t]!, 0);
        }
        before = keepBest(mean, budgets[layer]!, forced);
        return heads.map(() => before);
      });
    },
  };
};
