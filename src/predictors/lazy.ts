import { wholeEnd } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { numberBetween, onlyKnown } from '../options.js';
import { EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';

/** Fewer tokens the deeper the layer, chosen anew by every row. */
export interface LazyOptions {
  readonly method: 'lazy';
  /** Shares of the tokens that are left, each behind one more of the layers in equal parts; falling, (0, 1]. Default 0.7, 0.4. */
  readonly shares?: readonly number[];
  /** First tokens of the context, always read. Default 16. */
  readonly sinks?: number;
  /** Tokens before a row, always read. Default 64. */
  readonly local?: number;
}

/**
 * LazyLLM (arXiv 2407.14057 §3), as far as it is about what is read: of the tokens that a row of a question or an answer still
 * reads, those go at two depths that hold least of its attention there, over all heads; deeper layers read the others. The next row
 * begins with all of them again (revival), whose keys and values are there. Where we leave the paper: a text is read densely by
 * all layers, so that it saves attention, not the computing of tokens.
 */
export const lazy = (options: LazyOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'shares', 'sinks', 'local']);
  const { shares = [0.7, 0.4], ...forced } = options;
  const wrong = !Array.isArray(shares) || shares.some((share, i) => i > 0 && !(share <= shares[i - 1]!));
  if (wrong || shares.length === 0) {
    throw new LonghandError(
      'input/option',
      `attention.shares is [${shares}]: what is left falls from one depth to the next, and there is at least one. List shares so, or leave the option out.`,
      { option: 'attention.shares' },
    );
  }
  const keeps = shares.map((share) =>
    keepOf({ ...forced, density: numberBetween('attention.shares', share, 1, Number.MIN_VALUE, 1) }),
  );
  const answers: Predictor = {
    name: 'lazy',
    needs: {
      lists: 'layer',
      chunks: { boundaries: { source: 'fixed', size: 1 }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      prefixStable: true,
    },
    signature: `lazy ${keeps.map(keepSignature).join(' ')}`,
    plan(backend, { layer, tiles, q, kv, scale, chunks, scores, candidates }, out) {
      /** The layer after which the n-th share is left. */
      const depth = (n: number): number =>
        Math.max(n, Math.round(((n + 1) * chunks!.shape.layers) / (keeps.length + 1)) - 1);
      const isLess = keeps.findIndex((keep, n) => !fits(keep, wholeEnd(tiles)) && depth(n) < layer) >= 0;
      if (isLess) backend.keepOnly(out, candidates!, candidates!);
      else backend.select(out, tiles, EVERYTHING);
      const next = keeps.find((_, n) => depth(n) === layer);
      if (!next || layer === chunks!.shape.layers - 1 || fits(next, wholeEnd(tiles))) return;
      backend.scoreTokens(scores!, q, kv, chunks!, out, scale);
      backend.select(candidates!, tiles, next, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
