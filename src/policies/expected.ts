import { text, wholeNumber } from '../options.js';
import { measureQueries } from './measure-queries.js';
import type { Expects, Policy } from './policy.js';
import { checkKept, type KeptOptions, scored } from './scored.js';

/** What questions may be expected to look at, whatever they are. */
export interface ExpectedOptions extends KeptOptions {
  readonly policy: 'expected';
  /** Positions behind the text over which queries are expected. Default 512. */
  readonly ahead?: number;
  /**
   * Text whose queries stand for those to come; about 1,000 tokens of it are read once at every load. Default: a page of our
   * own. Better: a piece of your texts with questions and answers.
   */
  readonly sample?: string;
  /** Multiply every score by the L1 norm of the token's value. Default true here. */
  readonly values?: boolean;
}

/**
 * Expected Attention (arXiv 2510.00636 §3): queries to come are a Gaussian, turned by the mean of the positions to come, and
 * a key is worth the attention that it may expect of them, in closed form, times the norm of its value. No question is looked at:
 * the same tokens are kept for all. Where we leave the paper: mean and covariance are those of the model over a sample, not
 * over the text itself, whose pages may come from another visit; norms are L1.
 */
export const expected = (options: ExpectedOptions, found?: Expects['moments']): Policy => {
  checkKept(options, ['ahead', 'sample']);
  const ahead = wholeNumber('retention.ahead', options.ahead, 512, 1, 65_536);
  const sample = text('retention.sample', options.sample);
  const { values = true } = options;
  const scoring = { name: 'expected', recent: 32, rows: 0, decay: 1, every: 0, pool: 1 } as const;
  const signature = `ahead=${ahead} sample=${sample === undefined ? 'own' : sample.length}`;
  const policy = scored({ ...options, values }, { ...scoring, signature });
  if (!found)
    return {
      ...policy,
      measured: async (measure) => expected(options, await measureQueries(measure, sample)),
    };
  return { ...policy, needs: { ...policy.needs, expects: { moments: found, ahead } } };
};
