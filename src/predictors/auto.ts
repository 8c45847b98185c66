import { onlyKnown, wholeNumber } from '../options.js';
import { dhsa } from './dhsa.js';
import type { Predictor } from './predictor.js';

/** Exact while that is cheap, DHSA beyond. */
export interface AutoOptions {
  readonly method: 'auto';
  /** Tokens a row reads at most. Default 2048. */
  readonly budget?: number;
}

/**
 * The least budget: up to here reading everything is cheap beside the rest of a layer. Choosing an eighth of 2048
 * tokens takes about 0.7 of the time of dense attention (`node bench/select.mjs`), so there is little to gain before.
 */
const LEAST_BUDGET = 2048;

/**
 * DHSA with a budget under which nothing is chosen: every tile that ends within it reads everything and is not scored.
 * Whether a tile is exact depends on its position alone, so plans are prefix-stable.
 */
export const auto = (options: AutoOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'budget']);
  const budget = Math.max(LEAST_BUDGET, wholeNumber('attention.budget', options.budget, LEAST_BUDGET, 1));
  return dhsa({ method: 'dhsa', budget });
};
