import { flag, onlyKnown, wholeNumber } from '../options.js';
import type { Policy } from './policy.js';

/** The first tokens and the nearest ones. */
export interface SinksWindowOptions {
  readonly policy: 'sinks-window';
  /** Tokens before a row that are kept. Default 1024. */
  readonly window?: number;
  /** First tokens of the context, always kept. Default 16. */
  readonly sinks?: number;
  /** Whether the text itself is read that way, too. Default true; else only questions and answers are. */
  readonly reading?: boolean;
}

/**
 * StreamingLLM (arXiv 2309.17453): attention sinks and a window, the same for all heads. Positions stay as they are, where
 * the paper counts them anew inside of the cache.
 */
export const sinksWindow = (options: SinksWindowOptions): Policy => {
  onlyKnown('retention', options, ['policy', 'window', 'sinks', 'reading']);
  const window = wholeNumber('retention.window', options.window, 1024, 1);
  const sinks = wholeNumber('retention.sinks', options.sinks, 16, 0);
  const reading = flag('retention.reading', options.reading) ?? true;
  return {
    name: 'sinks-window',
    needs: { reading, rows: 0, decay: 1, every: 0, values: false },
    signature: `sinks-window window=${window} sinks=${sinks}${reading ? '' : ' reading=false'}`,
    keepAt: ({ start }) => [
      [0, sinks],
      [start - window, start],
    ],
  };
};
