import { onlyKnown, wholeNumber } from '../options.js';
import { dhsa } from './dhsa.js';
import type { Predictor } from './predictor.js';

/** Exact while that is cheap, DHSA beyond. */
export interface AutoOptions {
  readonly method: 'auto';
  /** Tokens a row reads at most. Default 2048. */
  readonly budget?: number;
}

/** Up to here choosing costs about as much as it saves (`node bench/select.mjs`), so a smaller budget gains nothing. */
const BREAK_EVEN = 2048;

/**
 * DHSA with a budget under which nothing is chosen: every tile that ends within it reads everything and is not scored.
 * Whether a tile is exact depends on its position alone, so plans are prefix-stable.
 */
export const auto = (options: AutoOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'budget']);
  const budget = Math.max(BREAK_EVEN, wholeNumber('attention.budget', options.budget, BREAK_EVEN, 1));
  return dhsa({ method: 'dhsa', budget });
};
