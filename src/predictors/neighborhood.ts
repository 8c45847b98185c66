import { PAGE } from '../backends/backend.js';
import { onlyKnown, wholeNumber } from '../options.js';
import { pageRange, writePattern } from './pattern.js';
import type { Predictor } from './predictor.js';

/** Every n-th page before. */
export interface NeighborhoodOptions {
  readonly method: 'neighborhood';
  /** Tokens that a tile reads before its page, in whole pages of 64. Default 1024. */
  readonly window?: number;
  /** Pages from one that is read to the next. Default 1: all of the window lies just before the tile. */
  readonly dilation?: number;
}

/**
 * Neighborhood attention in one dimension, causal, dilated (NATTEN, arXiv 2403.04690 §2), in units of pages: a tile shares
 * one window, and with dilation d it reads the pages of its own residue class modulo d. No sinks, as in the paper.
 */
export const neighborhood = (options: NeighborhoodOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'window', 'dilation']);
  const window = wholeNumber('attention.window', options.window, 1024, 0);
  const dilation = wholeNumber('attention.dilation', options.dilation, 1, 1, 2 ** 16);
  const neighbours = Math.ceil(window / PAGE);
  return {
    name: 'neighborhood',
    needs: { lists: 'layer', candidates: false, prefixStable: true },
    signature: `neighborhood window=${window} dilation=${dilation}`,
    plan: (backend, { tiles }, out) =>
      writePattern(backend, out, tiles, ({ start }) => {
        const page = Math.floor(start / PAGE);
        const most = Math.min(neighbours, Math.floor(page / dilation));
        return Array.from({ length: most }, (_, i) => pageRange(page - (i + 1) * dilation));
      }),
  };
};
