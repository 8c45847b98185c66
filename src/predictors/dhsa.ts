import {
  type Backend,
  type Boundaries,
  MOST_REUSE,
  type Plan,
  type Tiles,
  wholeEnd,
} from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { flag, oneOf, onlyKnown, wholeNumber } from '../options.js';
import {
  BUDGET_OPTIONS,
  type BudgetOptions,
  EVERYTHING,
  fits,
  keepOf,
  keepSignature,
  mostOf,
  widened,
} from './budget.js';
import type { Needs, PredictInput, Predictor } from './predictor.js';

/** How many rows may share a choice. */
const REUSES = [1, 2, 4, 8, 16, 32] as const;
type Reuse = (typeof REUSES)[number];
/** How many rows may share candidates: no more than a run of keys has, so that none can become known between them. */
const REFRESHES = [1, 2, 4, 8, 16] as const;
type Refresh = (typeof REFRESHES)[number];

/** Chunks found in the text itself, chosen in two stages. */
export interface DhsaOptions extends BudgetOptions {
  readonly method: 'dhsa';
  /**
   * Where a chunk ends. `contrast` (default): where the keys change direction. `delimiters`: after sentences and lines.
   * `fixed`: every 32 tokens.
   */
  readonly boundaries?: 'contrast' | 'delimiters' | 'fixed';
  /** Whether every KV head chooses for itself (default `kv-head`), or one choice serves the layer. */
  readonly lists?: Needs['lists'];
  /**
   * Answers: how many times the budget the first stage hands to the second. Default 2. More are slower, and find hardly
   * more: docs/METHODS.md.
   */
  readonly candidates?: number;
  /**
   * Questions and answers: rows that share a choice, made by the first of them; the others add themselves. 1 (default), 2,
   * 4, 8, 16 or 32, aligned to absolute positions, as Recycled Attention and TokenSelect do (arXiv 2411.05787, 2411.02886).
   */
  readonly reuse?: Reuse;
  /**
   * Questions and answers: rows that share candidates, named by the first of them; each chooses for itself among those. 1
   * (default), 2, 4, 8 or 16, aligned to absolute positions; only 1 beside `reuse` or `exact`. More find fewer facts:
   * docs/METHODS.md.
   */
  readonly refresh?: Refresh;
  /** Answers: let the second stage look at the candidates' keys themselves: the yardstick, and slow. Default false. */
  readonly exact?: boolean;
}

const BOUNDARIES: Readonly<Record<NonNullable<DhsaOptions['boundaries']>, Boundaries>> = {
  contrast: { source: 'contrast', window: 4, perPage: 4, minimum: 8 },
  delimiters: { source: 'delimiters', minimum: 8, maximum: 64 },
  fixed: { source: 'fixed', size: 32 },
};

/**
 * Dynamic Hierarchical Sparse Attention (arXiv 2510.24606), with boundaries that need no training and never move.
 * Prefill: a tile's mean query meets each chunk's sum/√length, as in the paper. Rows of their own (questions, answers)
 * take two stages, where we leave the paper: the mean of a chunk does not show a single needle in it, so sketches of
 * every key, one bit a channel, name candidates, and a second bit chooses among these, in runs of 16 keys.
 */
export const dhsa = (options: DhsaOptions): Predictor => {
  onlyKnown('attention', options, [
    'method',
    'boundaries',
    'lists',
    'candidates',
    'exact',
    'reuse',
    'refresh',
    ...BUDGET_OPTIONS,
  ]);
  const source = oneOf('attention.boundaries', options.boundaries, 'contrast', [
    'contrast',
    'delimiters',
    'fixed',
  ]);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const factor = wholeNumber('attention.candidates', options.candidates, 2, 1, 64);
  const exact = flag('attention.exact', options.exact) ?? false;
  const reuse = oneOf('attention.reuse', options.reuse, 1, REUSES);
  const keep = keepOf(options);
  const refresh = oneOf('attention.refresh', options.refresh, 1, REFRESHES);
  if (refresh > 1 && (reuse > 1 || exact)) {
    throw new LonghandError(
      'input/option',
      `attention.refresh is ${refresh} beside ${exact ? 'exact' : `reuse: ${reuse}`}, where no candidates are shared. Leave one of them out.`,
    );
  }
  const generous = widened(keep, factor);

  const chooseByMeans = (backend: Backend, input: PredictInput, out: Plan): void => {
    const { layer, tiles, q, scale, chunks, scores } = input;
    backend.scoreChunks(scores!, q, chunks!, layer, tiles, { by: 'mean', scale });
    backend.select(out, tiles, keep, scores!, chunks!);
  };

  const chooseInStages = (backend: Backend, input: PredictInput, groups: Tiles, out: Plan): void => {
    const { layer, tiles, q, kv, scale, chunks, scores, candidates } = input;
    const all = fits(generous, wholeEnd(groups));
    if (!all && groups.continues) backend.extend(candidates!, groups);
    else if (!all) {
      backend.scoreChunks(scores!, q, chunks!, layer, groups, { by: 'sketch', planes: 1, scale });
      backend.select(candidates!, groups, generous, scores!, chunks!);
    } else if (exact) backend.select(candidates!, tiles, EVERYTHING);
    if (exact) backend.scoreTokens(scores!, q, kv, chunks!, candidates!, scale);
    else {
      const among = all ? undefined : { candidates: candidates! };
      backend.scoreChunks(scores!, q, chunks!, layer, tiles, { by: 'sketch', planes: 2, scale, ...among });
    }
    backend.select(out, tiles, keep, scores!, chunks!);
  };

  return {
    name: 'dhsa',
    needs: {
      lists,
      chunks: { boundaries: BOUNDARIES[source], means: true, sketches: true },
      candidates: true,
      wholeContext: exact,
      reuse,
      refresh,
      // With `exact`, candidates are everything.
      most: (tokens) => ({
        chosen: mostOf(keep, tokens),
        named: exact ? tokens : mostOf(generous, tokens),
      }),
      prefixStable: true,
    },
    signature: `dhsa boundaries=${source} lists=${lists} candidates=${factor} exact=${exact} reuse=${reuse} refresh=${refresh} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles } = input;
      const groups = { ...tiles, tileRows: Math.max(tiles.tileRows, refresh) };
      if (fits(keep, wholeEnd(groups))) backend.select(out, tiles, EVERYTHING);
      else if (tiles.tileRows <= MOST_REUSE) chooseInStages(backend, input, groups, out);
      else chooseByMeans(backend, input, out);
    },
  };
};
