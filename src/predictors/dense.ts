import { onlyKnown } from '../options.js';
import { EVERYTHING } from './budget.js';
import type { Predictor } from './predictor.js';

/** Every token reads every earlier one. */
export interface DenseOptions {
  readonly method: 'dense';
}

/** Exact attention: the plan lists everything. */
export const dense = (options: DenseOptions): Predictor => {
  onlyKnown('attention', options, ['method']);
  return {
    name: 'dense',
    needs: { lists: 'layer', candidates: false, prefixStable: true },
    signature: 'dense',
    plan: (backend, { tiles }, out) => backend.select(out, tiles, EVERYTHING),
  };
};
