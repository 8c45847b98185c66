import { PAGE, wholeEnd } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import {
  BUDGET_OPTIONS,
  type BudgetOptions,
  EVERYTHING,
  fits,
  keepOf,
  keepSignature,
  mostOf,
} from './budget.js';
import type { Needs, Predictor } from './predictor.js';
import { READINGS, type ReadingOptions, readerOf, readingAndAnswers } from './reading-and-answers.js';

/** The runs of keys that could matter most. */
export interface QuestOptions extends BudgetOptions, ReadingOptions {
  readonly method: 'quest';
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** First layers whose rows read everything. Default 2, as in the paper. */
  readonly dense?: number;
}

/**
 * Quest (arXiv 2406.10774 §3): a row of a question or an answer reads the runs of 16 keys whose bound on q·k, from the least
 * and the greatest of every channel, is highest. Where we leave the paper: bounds are of the stored, rotated keys, and the
 * heads of a group add up their softmaxed bounds and share a choice. A text is read densely, or by DHSA (`reading`).
 */
export const quest = (options: QuestOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'lists', 'dense', 'reading', ...BUDGET_OPTIONS]);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const dense = wholeNumber('attention.dense', options.dense, 2, 0);
  const reading = oneOf('attention.reading', options.reading, 'dense', READINGS);
  const keep = keepOf(options);
  const answers: Predictor = {
    name: 'quest',
    needs: {
      lists,
      chunks: { boundaries: { source: 'fixed', size: PAGE }, means: false, sketches: false, bounds: true },
      candidates: false,
      most: (tokens) => ({ chosen: mostOf(keep, tokens), named: 0 }),
      prefixStable: true,
    },
    signature: `quest lists=${lists} dense=${dense} ${keepSignature(keep)}`,
    plan(backend, { layer, tiles, q, scale, chunks, scores }, out) {
      if (layer < dense || fits(keep, wholeEnd(tiles))) return backend.select(out, tiles, EVERYTHING);
      backend.scoreChunks(scores!, q, chunks!, layer, tiles, { by: 'bound', scale });
      backend.select(out, tiles, keep, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf(reading, { ...keep, lists }), answers);
};
