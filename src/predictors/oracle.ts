import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Needs, Predictor } from './predictor.js';

/** The blocks that attention really looks at. */
export interface OracleOptions extends BudgetOptions {
  readonly method: 'oracle';
  /** Tokens in a block. Default 16. */
  readonly size?: number;
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
}

/**
 * The upper end of every comparison: every token is scored exactly, and blocks are chosen by the attention mass that they
 * hold for the tile. It costs more than dense attention.
 */
export const oracle = (options: OracleOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', 'lists', ...BUDGET_OPTIONS]);
  const size = wholeNumber('attention.size', options.size, 16, 1, 4096);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const keep = keepOf(options);
  return {
    name: 'oracle',
    needs: {
      lists,
      chunks: { boundaries: { source: 'fixed', size }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      prefixStable: true,
    },
    signature: `oracle size=${size} lists=${lists} ${keepSignature(keep)}`,
    plan(backend, { tiles, q, kv, scale, chunks, scores, candidates }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      backend.select(candidates!, tiles, EVERYTHING);
      backend.scoreTokens(scores!, q, kv, chunks!, candidates!, scale);
      backend.select(out, tiles, keep, scores!, chunks!);
    },
  };
};
