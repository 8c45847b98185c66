import { flag, numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { pyramid, quotas } from './budgets.js';
import { type EvictedOptions, evictedOf } from './evicted.js';
import { choosable, type Forced, keepBest, pooled } from './keep-best.js';
import type { Observed, Policy } from './policy.js';

/** How many tokens are kept, and which of them whatever was observed. The same for every policy that goes by scores. */
export interface KeptOptions extends EvictedOptions {
  /** Tokens kept of those before an answer, forced ones included, on average over layers and KV heads. Default 1024. */
  readonly budget?: number;
  /** Or a share of them, (0, 1]; the greater of the two counts, and there is no other budget where none is given. */
  readonly density?: number;
  /** First tokens of the context, always kept. Default 4, with `values` 20: values of sinks are next to nothing. */
  readonly sinks?: number;
  /** The last tokens before the answer, always kept. */
  readonly recent?: number;
  /**
   * Tokens kept or dropped together, aligned to absolute positions: 1, 2, 4, 8, 16 (default), 32 or 64. The papers choose single
   * tokens: what was attended to stays then, and what stands right behind it, which the answer will want, goes. Pages hold
   * 64 tokens, and those of which nothing is kept leave memory.
   */
  readonly grain?: 1 | 2 | 4 | 8 | 16 | 32 | 64;
  /** Multiply every score by the L1 norm of the token's value (VATP, arXiv 2406.12335). All pages stay in memory. Default false. */
  readonly values?: boolean;
  /** Budgets of the layers: `even` (default), or a `pyramid` that gives later ones less (PyramidKV, arXiv 2406.02069). */
  readonly layers?: 'even' | 'pyramid';
  /** Budgets of a layer's heads: `even` (default), or `ada`: more where its best scores are (Ada-KV, arXiv 2407.11550). */
  readonly heads?: 'even' | 'ada';
}

export const KEPT_OPTIONS = [
  ...(['policy', 'budget', 'density', 'sinks', 'recent'] as const),
  ...(['grain', 'values', 'evicted', 'kernels', 'layers', 'heads'] as const),
] as const;

/** What one policy makes of it. */
export interface Scoring {
  readonly name: string;
  /** Default of `recent`; `half` of the budget. */
  readonly recent: number | 'half';
  readonly rows: number;
  readonly decay: number;
  readonly every: number;
  /** Neighbours that share a score. 1: none. */
  readonly pool: number;
  /** Its own options in effect, in canonical form. */
  readonly signature: string;
}

/**
 * Rows of a question that are observed by what adds up all of them: the last ones of a long one. Whoever reads a text may ask
 * for an answer right behind it, so its last rows are observed as well; all of them would take twice the time of reading.
 */
export const QUESTION_ROWS = 256;

const STEEPNESS = 20;
const SHARE = 0.2;

/** A policy that keeps the tokens with the greatest scores. */
export const scored = (options: KeptOptions & { readonly policy: string }, scoring: Scoring): Policy => {
  const { density } = options;
  const budget =
    density === undefined || options.budget !== undefined
      ? wholeNumber('retention.budget', options.budget, 1024, 1)
      : 0;
  const share = density && numberBetween('retention.density', density, 1, Number.MIN_VALUE, 1);
  const values = flag('retention.values', options.values) ?? false;
  const sinks = wholeNumber('retention.sinks', options.sinks, values ? 20 : 4, 0);
  const half = options.recent === undefined && scoring.recent === 'half';
  const recent = wholeNumber('retention.recent', options.recent, half ? 0 : Number(scoring.recent), 0);
  const grain = oneOf('retention.grain', options.grain, 16, [1, 2, 4, 8, 16, 32, 64]);
  const { signature: evicted, amends } = evictedOf(options);
  const layers = oneOf('retention.layers', options.layers, 'even', ['even', 'pyramid']);
  const heads = oneOf('retention.heads', options.heads, 'even', ['even', 'ada']);
  const keep = ({ tokens, scores, values: norms }: Observed) => {
    const all = Math.max(budget, Math.ceil((share ?? 0) * tokens));
    const forced: Forced = { tokens, sinks, recent: half ? all >> 1 : recent, grain };
    const [from, to] = choosable(forced);
    const fixed = from + tokens - to;
    const free = Math.max(0, all - fixed);
    const budgets = layers === 'pyramid' ? pyramid(free, scores.length, STEEPNESS) : scores.map(() => free);
    return scores.map((own, layer) => {
      const worth = own.map((ofHead, head) => {
        const factors = norms?.[layer]?.[head];
        // A token that was dropped stays so, whatever its value.
        const weighed = factors
          ? ofHead.map((score, t) => (score === Number.NEGATIVE_INFINITY ? score : score * factors[t]!))
          : ofHead;
        return pooled(weighed, scoring.pool);
      });
      const each =
        heads === 'ada'
          ? quotas(worth, fixed + budgets[layer]!, forced, SHARE)
          : worth.map(() => fixed + budgets[layer]!);
      return worth.map((ofHead, head) => keepBest(ofHead, each[head]!, forced));
    });
  };
  const { name, rows, decay, every } = scoring;
  return {
    name,
    needs: { reading: false, rows, decay, every, values, ...(amends && { amends }) },
    signature: [
      `${name} budget=${budget} density=${share ?? 0} sinks=${sinks} recent=${half ? 'half' : recent} grain=${grain}`,
      `values=${values} evicted=${evicted} layers=${layers} heads=${heads} ${scoring.signature}`,
    ].join(' '),
    keep,
  };
};

/** Refuses options that a policy does not have. `own`: those it has beside the common ones. */
export const checkKept = (options: object, own: readonly string[]): void =>
  onlyKnown('retention', options, [...KEPT_OPTIONS, ...own]);
