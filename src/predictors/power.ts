import { PAGE, type Range } from '../backends/backend.js';
import { onlyKnown, wholeNumber } from '../options.js';
import { pageRange, writePattern } from './pattern.js';
import type { Predictor } from './predictor.js';

/** Pages at distances that are powers of two. */
export interface PowerOptions {
  readonly method: 'power';
  /** Tokens before a tile's page that it always reads, in whole pages of 64. Default 512. */
  readonly window?: number;
  /** First tokens of the context, always read. Default 64. */
  readonly sinks?: number;
}

/**
 * PowerAttention (arXiv 2503.03588 §3): page i reads pages i − 1, i − 2, i − 4, i − 8 …, itself, a window and the sinks: as
 * many as the logarithm of the length, and after as many layers every page has reached every earlier one. It was made to
 * be trained with; here it is used as it is. Answers follow the same rule.
 */
export const power = (options: PowerOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'window', 'sinks']);
  const window = wholeNumber('attention.window', options.window, 512, 0);
  const sinks = wholeNumber('attention.sinks', options.sinks, 64, 0);
  return {
    name: 'power',
    needs: { lists: 'layer', candidates: false, prefixStable: true },
    signature: `power window=${window} sinks=${sinks}`,
    plan: (backend, { tiles }, out) =>
      writePattern(backend, out, tiles, ({ start }) => {
        const page = Math.floor(start / PAGE);
        const read: Range[] = [
          [0, sinks],
          [(page - Math.ceil(window / PAGE)) * PAGE, start],
        ];
        for (let distance = 1; distance <= page; distance *= 2) read.push(pageRange(page - distance));
        return read;
      }),
  };
};
