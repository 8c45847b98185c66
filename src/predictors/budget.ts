import type { Keep } from '../backends/backend.js';
import { numberBetween, wholeNumber } from '../options.js';

/** How much a tile may read, and what it always reads. */
export interface BudgetOptions {
  /** Tokens a row reads at most, forced ones included. Default 2048, or none where a density is given. */
  readonly budget?: number;
  /** Or a share of the tokens before it, (0, 1]; the greater of the two counts. */
  readonly density?: number;
  /** First tokens of the context, always read. Default 16. */
  readonly sinks?: number;
  /** Tokens before a tile, always read. Default 64. */
  readonly local?: number;
}

export const BUDGET_OPTIONS = ['budget', 'density', 'sinks', 'local'] as const;

/** Every tile reads all that it can reach. */
export const EVERYTHING: Keep = { budget: Number.POSITIVE_INFINITY, sinks: 0, local: 0 };

export const keepOf = (options: BudgetOptions): Keep => {
  const { density } = options;
  const budget =
    density === undefined || options.budget !== undefined
      ? wholeNumber('attention.budget', options.budget, 2048, 1)
      : 0;
  return {
    budget,
    ...(density !== undefined && {
      density: numberBetween('attention.density', density, 1, Number.MIN_VALUE, 1),
    }),
    sinks: wholeNumber('attention.sinks', options.sinks, 16, 0),
    local: wholeNumber('attention.local', options.local, 64, 0),
  };
};

/** The budget of tiles that end at `end` or before may read everything: nothing needs to be scored. */
export const fits = ({ budget, density }: Keep, end: number): boolean => budget >= end || density === 1;

/** The budget of a tile that ends at `end`. */
export const budgetAt = ({ budget, density = 0 }: Keep, end: number): number =>
  Math.max(budget, Math.ceil(density * end));

/** Tokens that a row behind so many reads at most. */
export const mostOf = (keep: Keep, tokens: number): number => budgetAt(keep, tokens + 1);

/** `factor` times as much. */
export const widened = (keep: Keep, factor: number): Keep => ({
  ...keep,
  budget: keep.budget * factor,
  ...(keep.density !== undefined && { density: Math.min(1, keep.density * factor) }),
});

export const keepSignature = ({ budget, density, sinks, local }: Keep): string =>
  `budget=${budget} density=${density ?? 0} sinks=${sinks} local=${local}`;
