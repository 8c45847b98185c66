import { wholeEnd } from '../backends/backend.js';
import { numberBetween, onlyKnown } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';
import { createQuestions } from './same-question.js';

/** The tokens that the heads vote for. */
export interface TokenSelectOptions extends BudgetOptions {
  readonly method: 'token-select';
  /**
   * A row whose query has at least this cosine with the query of the last row that chose reads what that one chose, within
   * groups of 16 rows, aligned to absolute positions. Default 0.9, as in the paper; 1: every row chooses, which is all that
   * a GPU can do.
   */
  readonly cache?: number;
  /** First tokens of the context, always read. Default 128. */
  readonly sinks?: number;
  /** Tokens before a row, always read. Default 512. */
  readonly local?: number;
}

/** Rows among which a choice may be used again. */
const GROUP = 16;

/**
 * TokenSelect (arXiv 2411.02886 §4): a row of a question or an answer scores every token exactly; the softmaxed scores of all
 * heads are summed, and the layer reads the tokens with the most votes. Where we leave the paper: the softmax is over all
 * tokens, scaled as attention scales it; positions stay as they are; a text is read densely. `counts()`: rows that
 * chose or could have used a choice again (`asked`), and those that did (`reused`), over layers.
 */
export const tokenSelect = (options: TokenSelectOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'cache', ...BUDGET_OPTIONS]);
  const cache = numberBetween('attention.cache', options.cache, 0.9, -1, 1);
  const keep = keepOf({ sinks: 128, local: 512, ...options });
  const questions = createQuestions();
  const remembers = cache < 1;
  const counts = { asked: 0, reused: 0 };
  const answers: Predictor = {
    name: 'token-select',
    needs: {
      lists: 'layer',
      chunks: { boundaries: { source: 'fixed', size: 1 }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      ...(remembers && { refresh: GROUP, oneByOne: true, host: true }),
      prefixStable: true,
    },
    signature: `token-select cache=${cache} ${keepSignature(keep)}`,
    counts: () => ({ ...counts }),
    plan(backend, { tiles, q, kv, scale, chunks, scores, candidates }, out) {
      if (fits(keep, wholeEnd({ ...tiles, tileRows: GROUP }))) return backend.select(out, tiles, EVERYTHING);
      counts.asked += tiles.rows;
      if (remembers && tiles.continues && questions.likeness(backend, candidates!, q) >= cache) {
        counts.reused++;
        backend.extend(candidates!, tiles);
        return backend.keepOnly(out, candidates!, candidates!);
      }
      backend.select(out, tiles, EVERYTHING);
      backend.scoreTokens(scores!, q, kv, chunks!, out, scale);
      if (!remembers) return backend.select(out, tiles, keep, scores!, chunks!);
      questions.remember(backend, candidates!, q);
      backend.select(candidates!, tiles, keep, scores!, chunks!);
      backend.keepOnly(out, candidates!, candidates!);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
