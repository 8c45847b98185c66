import { numberBetween, wholeNumber } from '../options.js';
import type { Policy } from './policy.js';
import { checkKept, type KeptOptions, QUESTION_ROWS, scored } from './scored.js';

/** What was looked at of late. */
export interface A2sfOptions extends KeptOptions {
  readonly policy: 'a2sf';
  /** What is left of a score a row later, [0, 1]. Default 0.95. 1 is `h2o`'s sum, 0 the last row alone (TOVA). */
  readonly decay?: number;
  /** Tokens of an answer after which it chooses again. Default 32; 0: never. */
  readonly every?: number;
}

/**
 * Accumulated attention with a forgetting factor (A2SF, arXiv 2407.20485 §3): S ← α·S + A, so that old tokens have no
 * advantage from having been there longer. Over the rows of question and answer, as `h2o`; the last 16 are kept.
 */
export const a2sf = (options: A2sfOptions): Policy => {
  checkKept(options, ['decay', 'every']);
  const decay = numberBetween('retention.decay', options.decay, 0.95, 0, 1);
  const every = wholeNumber('retention.every', options.every, 32, 0);
  const signature = `decay=${decay} every=${every}`;
  return scored(options, { name: 'a2sf', recent: 16, rows: QUESTION_ROWS, decay, every, pool: 1, signature });
};
