import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Needs, Predictor } from './predictor.js';

/** The best blocks of equal size. */
export interface BlocksOptions extends BudgetOptions {
  readonly method: 'blocks';
  /** Tokens in a block. Default 32. */
  readonly size?: number;
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
}

/**
 * Block-sparse attention: top blocks by mean-pooled query · mean-pooled keys, the baseline that DHSA has to beat
 * (arXiv 2510.24606). One stage for prefill and decode alike.
 */
export const blocks = (options: BlocksOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', 'lists', ...BUDGET_OPTIONS]);
  const size = wholeNumber('attention.size', options.size, 32, 1, 4096);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const keep = keepOf(options);
  return {
    name: 'blocks',
    needs: {
      lists,
      chunks: { boundaries: { source: 'fixed', size }, means: true, sketches: false },
      candidates: false,
      prefixStable: true,
    },
    signature: `blocks size=${size} lists=${lists} ${keepSignature(keep)}`,
    plan(backend, { layer, tiles, q, scale, chunks, scores }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      backend.scoreChunks(scores!, q, chunks!, layer, tiles, { by: 'mean', scale });
      backend.select(out, tiles, keep, scores!, chunks!);
    },
  };
};
