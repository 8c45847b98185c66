import { numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import type { Needs, Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';
import { createQuestions } from './same-question.js';

const EVERY = [1, 2, 4, 8, 16] as const;

/** Everything now and then, and what mattered then in between. */
export interface RecycledOptions extends BudgetOptions {
  readonly method: 'recycled';
  /** Every so many rows, aligned to absolute positions, one reads everything. Default 16; 1 is dense attention. */
  readonly every?: (typeof EVERY)[number];
  /** A row whose query has a lower cosine with that of the last row that read everything does so too. Default: none; CPU only. */
  readonly similarity?: number;
  /** Tokens in a run that is kept or not. Default 1. */
  readonly size?: number;
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
}

/**
 * Recycled Attention (arXiv 2411.05787 §3): every n-th row of a question or an answer reads everything, and notes the tokens
 * that hold most of its attention; the rows after it read those, and what came since. A text is read densely. Where we leave
 * the paper: rows are counted from absolute positions, so that an answer that is read again is the same.
 */
export const recycled = (options: RecycledOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'every', 'similarity', 'size', 'lists', ...BUDGET_OPTIONS]);
  const every = oneOf('attention.every', options.every, 16, EVERY);
  const similarity = numberBetween('attention.similarity', options.similarity, -1, -1, 1);
  const size = wholeNumber('attention.size', options.size, 1, 1, 4096);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const keep = keepOf(options);
  const questions = createQuestions();
  const watches = similarity > -1;
  const counts = { asked: 0, dense: 0 };
  const answers: Predictor = {
    name: 'recycled',
    needs: {
      lists,
      chunks: { boundaries: { source: 'fixed', size }, means: false, sketches: false },
      candidates: true,
      wholeContext: true,
      ...(every > 1 && { refresh: every, oneByOne: true }),
      host: watches,
      prefixStable: true,
    },
    signature: `recycled every=${every} similarity=${similarity} size=${size} lists=${lists} ${keepSignature(keep)}`,
    counts: () => ({ ...counts }),
    plan(backend, { tiles, q, kv, scale, chunks, scores, candidates }, out) {
      counts.asked += tiles.rows;
      const strange = watches && !(questions.likeness(backend, candidates!, q) >= similarity);
      if (tiles.continues && !strange) {
        backend.extend(candidates!, tiles);
        return backend.keepOnly(out, candidates!, candidates!);
      }
      counts.dense += tiles.rows;
      backend.select(out, tiles, EVERYTHING);
      if (every === 1) return;
      if (fits(keep, tiles.position + every)) return backend.select(candidates!, tiles, EVERYTHING);
      if (watches) questions.remember(backend, candidates!, q);
      backend.scoreTokens(scores!, q, kv, chunks!, out, scale);
      backend.select(candidates!, tiles, keep, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
