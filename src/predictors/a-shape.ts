import { MOST_REUSE } from '../backends/backend.js';
import { onlyKnown, wholeNumber } from '../options.js';
import { EVERYTHING } from './budget.js';
import type { Predictor } from './predictor.js';

/** Reads a text by its first and its nearest tokens, and answers from all of it. */
export interface AShapeOptions {
  readonly method: 'a-shape';
  /** Tokens before a tile of the text that it reads. Default 1024. */
  readonly window?: number;
  /** First tokens of the context, always read. Default 16. */
  readonly sinks?: number;
}

/**
 * A-shape: sinks and a local window in prefill, everything in questions and answers (MInference, arXiv 2407.02490 §3;
 * the window itself: StreamingLLM, arXiv 2309.17453).
 */
export const aShape = (options: AShapeOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'window', 'sinks']);
  const window = wholeNumber('attention.window', options.window, 1024, 1);
  const sinks = wholeNumber('attention.sinks', options.sinks, 16, 0);
  return {
    name: 'a-shape',
    needs: { lists: 'layer', candidates: false, prefixStable: true },
    signature: `a-shape window=${window} sinks=${sinks}`,
    plan: (backend, { tiles }, out) =>
      backend.select(
        out,
        tiles,
        tiles.tileRows <= MOST_REUSE ? EVERYTHING : { budget: 0, sinks, local: window },
      ),
  };
};
