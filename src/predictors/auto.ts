import { MOST_REUSE } from '../backends/backend.js';
import { onlyKnown, wholeNumber } from '../options.js';
import { EVERYTHING } from './budget.js';
import { dhsa } from './dhsa.js';
import type { Predictor } from './predictor.js';

/** Exact while that is cheap, DHSA beyond. */
export interface AutoOptions {
  readonly method: 'auto';
  /** Tokens a row reads at most, once choosing pays. Default 2048, and not less. */
  readonly budget?: number;
}

/** Up to here choosing costs about as much as it saves in reading (`node bench/select.mjs`). */
const BREAK_EVEN = 2048;
/** Rows of their own choose by sketches, which pays beyond this many budgets (`node bench/run.mjs select-step`). */
const ROW_BREAK_EVEN = 2;
/** The break-even of rows lies on a multiple of this. */
const STEP = 256;

/**
 * DHSA where it saves time. A tile that ends within the budget reads everything and is not scored; so does a row of its
 * own (question, answer) within a few budgets. Both depend on positions alone, so plans are prefix-stable.
 */
export const auto = (options: AutoOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'budget']);
  const budget = Math.max(BREAK_EVEN, wholeNumber('attention.budget', options.budget, BREAK_EVEN, 1));
  const chosen = dhsa({ method: 'dhsa', budget });
  const rowBreakEven = Math.ceil((ROW_BREAK_EVEN * budget) / STEP) * STEP;
  return {
    name: 'auto',
    // All rows of a call lie on one side of it.
    needs: { ...chosen.needs, edge: rowBreakEven },
    signature: chosen.signature.replace('dhsa', 'auto'),
    plan(backend, input, out) {
      const { tiles } = input;
      const dense = tiles.tileRows <= MOST_REUSE && tiles.position + tiles.rows <= rowBreakEven;
      if (dense) backend.select(out, tiles, EVERYTHING);
      else chosen.plan(backend, input, out);
    },
  };
};
