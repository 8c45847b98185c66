import { SUB_BLOCK, wholeEnd } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';

/** A few layers read everything, and choose for those above them. */
export interface DeltaOptions extends BudgetOptions {
  readonly method: 'delta';
  /** First layers that read everything and choose nothing. Default 2. */
  readonly dense?: number;
  /**
   * The layers that read everything and choose for the ones that follow, ascending; the first is the one behind `dense`.
   * Default: that one, the middle one and the one at eleven fourteenths (2, 14 and 22 of 28, as in the paper).
   */
  readonly layers?: readonly number[];
  /** Tokens a row reads at most in the other layers. Default 1024. */
  readonly budget?: number;
  /** Tokens before a row, always read. Default 128. */
  readonly local?: number;
}

/**
 * DELTA (arXiv 2510.09883 §3): for rows of questions and answers a few layers attend to everything and hand the blocks of 16
 * tokens that hold most of it to the layers above, one list for all heads. Where we leave the paper: blocks are ranked by
 * their mass, summed over heads, not by the sum of the greatest head of every token; the first tokens are always read; and
 * the weights are computed once more for the choice. A text is read densely.
 */
export const delta = (options: DeltaOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'dense', 'layers', ...BUDGET_OPTIONS]);
  const dense = wholeNumber('attention.dense', options.dense, 2, 0);
  const keep = keepOf({ local: 128, ...(options.density === undefined && { budget: 1024 }), ...options });
  const listed = options.layers?.map((layer) => wholeNumber('attention.layers', layer, dense, dense));
  if (listed && (listed[0] !== dense || listed.some((layer, i) => i > 0 && layer <= listed[i - 1]!))) {
    throw new LonghandError(
      'input/option',
      `attention.layers is [${listed.join(', ')}]: layers that choose ascend from ${dense}, the first behind the dense ones. List them so, or leave the option out.`,
      { option: 'attention.layers' },
    );
  }
  const choosing = (layers: number): readonly number[] =>
    listed ?? [dense, Math.max(dense, layers >> 1), Math.max(dense, Math.round((11 * layers) / 14))];
  const answers: Predictor = {
    name: 'delta',
    needs: {
      lists: 'layer',
      chunks: { boundaries: { source: 'fixed', size: SUB_BLOCK }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      prefixStable: true,
    },
    signature: `delta dense=${dense} layers=${listed?.join(',') ?? 'auto'} ${keepSignature(keep)}`,
    plan(backend, { layer, tiles, q, kv, scale, chunks, scores, candidates }, out) {
      const chooses = choosing(chunks!.shape.layers).includes(layer);
      if (layer >= dense && !chooses && !fits(keep, wholeEnd(tiles))) {
        return backend.keepOnly(out, candidates!, candidates!);
      }
      backend.select(out, tiles, EVERYTHING);
      if (!chooses || fits(keep, wholeEnd(tiles))) return;
      backend.scoreTokens(scores!, q, kv, chunks!, out, scale);
      backend.select(candidates!, tiles, keep, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
