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
import { BUDGET_OPTIONS, EVERYTHING, fits, keepOf, keepSignature, mostOf, widened } from './budget.js';
import { type DhsaOptions, REFRESHES, REUSES } from './dhsa-options.js';
import type { PredictInput, Predictor } from './predictor.js';

const BOUNDARIES: Readonly<Record<'contrast' | 'delimiters' | 'fixed', Boundaries>> = {
  contrast: { source: 'contrast', window: 4, perPage: 4, minimum: 8 },
  delimiters: { source: 'delimiters', minimum: 8, maximum: 64 },
  fixed: { source: 'fixed', size: 32 },
};

/**
 * Dynamic Hierarchical Sparse Attention (arXiv 2510.24606), with boundaries that need no training, or are `learned`
 * (learned-boundaries.ts), and never move.
 * Prefill: a tile's mean query meets each chunk's sum/√length, as in the paper. Rows of their own (questions, answers)
 * take two stages, where we leave the paper: the mean of a chunk does not show a single needle in it, so sketches of
 * every key, one bit a channel, name candidates, and a second bit chooses among these, in runs of 16 keys.
 */
export const dhsa = (
  options: Omit<DhsaOptions, 'predictor' | 'threshold'>,
  learned?: Extract<Boundaries, { source: 'contrast' }>,
): Predictor => {
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
    ...(['contrast', 'delimiters', 'fixed', 'learned'] as const),
  ]);
  const boundaries = source === 'learned' ? learned! : BOUNDARIES[source];
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
      chunks: { boundaries, means: true, sketches: true },
      candidates: true,
      wholeContext: exact,
      reuse,
      refresh,
      // With `exact`, candidates are everything.
      most: (tokens) => ({
        chosen: mostOf(keep, tokens),
        named: exact ? tokens : mostOf(generous, tokens),
      }),
      host: learned !== undefined,
      prefixStable: true,
    },
    signature: `dhsa boundaries=${source}${learned ? ` ${learned.judge!.fingerprint}` : ''} lists=${lists} candidates=${factor} exact=${exact} reuse=${reuse} refresh=${refresh} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles } = input;
      const groups = { ...tiles, tileRows: Math.max(tiles.tileRows, refresh) };
      if (fits(keep, wholeEnd(groups))) backend.select(out, tiles, EVERYTHING);
      else if (tiles.tileRows <= MOST_REUSE) chooseInStages(backend, input, groups, out);
      else chooseByMeans(backend, input, out);
    },
  };
};
