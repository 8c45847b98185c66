import { onlyKnown, wholeNumber } from '../options.js';
import type { Predictor } from './predictor.js';

/** The last tokens and the first ones. What lies between is never read again. */
export interface SlidingOptions {
  readonly method: 'sliding';
  /** Tokens before a tile that it reads. Default 1024. */
  readonly window?: number;
  /** First tokens of the context, always read. Default 16; without them long texts fall apart. */
  readonly sinks?: number;
}

/** Sliding window with attention sinks (StreamingLLM, arXiv 2309.17453), positions as they are. */
export const sliding = (options: SlidingOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'window', 'sinks']);
  const window = wholeNumber('attention.window', options.window, 1024, 1);
  const sinks = wholeNumber('attention.sinks', options.sinks, 16, 0);
  return {
    name: 'sliding',
    needs: { lists: 'layer', candidates: false, prefixStable: true },
    signature: `sliding window=${window} sinks=${sinks}`,
    plan: (backend, { tiles }, out) => backend.select(out, tiles, { budget: 0, sinks, local: window }),
  };
};
