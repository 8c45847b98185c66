import { PAGE, SUB_BLOCK, wholeEnd } from '../backends/backend.js';
import { flag, numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
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

/** As much as it takes to hold most of the attention, and no more. */
export interface TwilightOptions extends BudgetOptions, ReadingOptions {
  readonly method: 'twilight';
  /** The share of the estimated attention that a row reads, (0, 1]. Default 0.85. */
  readonly mass?: number;
  /** Who names the candidates: sketches of every key (default), or bounds, as in `quest`. */
  readonly selector?: 'sketch' | 'quest';
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** First layers whose rows read everything. Default 2, as in the paper. */
  readonly dense?: number;
  /** Weigh the candidates by their keys themselves: the yardstick, and slow. Default false. */
  readonly exact?: boolean;
}

/**
 * Twilight (arXiv 2502.02770 §4): a first selector names candidates, generously (`budget` or `density`, default a quarter of
 * the text); their attention weights are estimated, and the smallest set is read that holds `mass` of them. Where we leave
 * the paper: what is kept are runs of 16 keys, weighed by the best estimated key of each (2 bits a channel instead of 4), and
 * the heads of a group share a choice, by the sum of their weights. A text is read densely, or by DHSA (`reading`).
 */
export const twilight = (options: TwilightOptions): Predictor => {
  const known = ['method', 'mass', 'selector', 'lists', 'dense', 'exact', 'reading', ...BUDGET_OPTIONS];
  onlyKnown('attention', options, known);
  const mass = numberBetween('attention.mass', options.mass, 0.85, Number.MIN_VALUE, 1);
  const selector = oneOf('attention.selector', options.selector, 'sketch', ['sketch', 'quest']);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const dense = wholeNumber('attention.dense', options.dense, 2, 0);
  const exact = flag('attention.exact', options.exact) ?? false;
  const reading = oneOf('attention.reading', options.reading, 'dense', READINGS);
  const limited = options.budget !== undefined || options.density !== undefined;
  const named = keepOf(limited ? options : { ...options, density: 0.25 });
  const answers: Predictor = {
    name: 'twilight',
    needs: {
      lists,
      chunks: {
        boundaries: { source: 'fixed', size: exact ? SUB_BLOCK : PAGE },
        means: false,
        sketches: !exact || selector === 'sketch',
        bounds: selector === 'quest',
      },
      candidates: true,
      wholeContext: exact,
      most: (tokens) => ({ chosen: mostOf(named, tokens), named: mostOf(named, tokens) }),
      prefixStable: true,
    },
    signature: `twilight mass=${mass} selector=${selector} lists=${lists} dense=${dense} exact=${exact} ${keepSignature(named)}`,
    plan(backend, { layer, tiles, q, kv, scale, chunks, scores, candidates }, out) {
      if (layer < dense) return backend.select(out, tiles, EVERYTHING);
      const all = fits(named, wholeEnd(tiles));
      if (all) backend.select(candidates!, tiles, EVERYTHING);
      else {
        const how =
          selector === 'quest' ? ({ by: 'bound' } as const) : ({ by: 'sketch', planes: 1 } as const);
        backend.scoreChunks(scores!, q, chunks!, layer, tiles, { ...how, scale });
        backend.select(candidates!, tiles, named, scores!, chunks!);
      }
      if (exact) backend.scoreTokens(scores!, q, kv, chunks!, candidates!, scale);
      else {
        const among = { by: 'sketch', planes: 2, scale, candidates: candidates! } as const;
        backend.scoreChunks(scores!, q, chunks!, layer, tiles, among);
      }
      backend.select(out, tiles, { ...named, mass }, scores!, chunks!);
    },
  };
  return readingAndAnswers(readerOf(reading, { ...named, lists }), answers);
};
