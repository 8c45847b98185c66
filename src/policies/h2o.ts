import { wholeNumber } from '../options.js';
import type { Policy } from './policy.js';
import { checkKept, type KeptOptions, QUESTION_ROWS, scored } from './scored.js';

/** Tokens that gathered most attention, and the latest. */
export interface H2oOptions extends KeptOptions {
  readonly policy: 'h2o';
  /** Tokens of an answer after which it chooses again. Default 32; 0: never. */
  readonly every?: number;
}

/**
 * Heavy hitters (H2O, arXiv 2306.14048 §4): attention summed over all rows, half of the budget for the recent ones unless
 * `recent` says otherwise. Here the rows are those of the question, at most its last 256, and of the answer: the text's own may have been read
 * on another visit. So it forgets nothing of the text for good, where the paper drops while it reads.
 */
export const h2o = (options: H2oOptions): Policy => {
  checkKept(options, ['every']);
  const every = wholeNumber('retention.every', options.every, 32, 0);
  return scored(options, {
    name: 'h2o',
    recent: 'half',
    rows: QUESTION_ROWS,
    decay: 1,
    every,
    pool: 1,
    signature: `every=${every}`,
  });
};
