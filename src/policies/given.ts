import { LonghandError } from '../errors.js';
import type { Policy } from './policy.js';
import { checkKept, type KeptOptions, scored } from './scored.js';

/** A run of tokens, and what it is worth: as `Source` of an answer. */
export interface Worth {
  readonly start: number;
  readonly end: number;
  readonly share: number;
}

/** What somebody else says matters. */
export interface GivenOptions extends KeptOptions {
  readonly policy: 'given';
  /** What each token is worth, from the first on, above −∞; tokens behind the last are kept. */
  readonly scores?: ArrayLike<number>;
  /**
   * Or runs of tokens and their shares: `finish.sources` of another model's answer, asked for with `sources: true`. The text must
   * be the same tokens there. Neighbours within 32 tokens of a run have a tenth of its worth.
   */
  readonly sources?: readonly Worth[];
}

/** Tokens of a neighbourhood. */
const NEAR = 32;

const scoresOf = (sources: readonly Worth[]): Float32Array => {
  const scores = new Float32Array(sources.reduce((most, { end }) => Math.max(most, end), 0));
  const raise = (from: number, to: number, worth: number): void => {
    for (let t = Math.max(0, from); t < Math.min(to, scores.length); t++)
      scores[t] = Math.max(scores[t]!, worth);
  };
  for (const { start, end, share } of sources) {
    const each = share / Math.max(1, end - start);
    raise(start - NEAR, end + NEAR, each / 10);
    raise(start, end, each);
  }
  return scores;
};

const isListOf = <T>(list: unknown, is: (one: T) => boolean): boolean =>
  (Array.isArray(list) || ArrayBuffer.isView(list)) && Array.from(list as ArrayLike<T>).every(is);

const check = ({ scores, sources }: GivenOptions): void => {
  const isRun = ({ start, end, share }: Worth): boolean => start >= 0 && end > start && share >= 0;
  const fine =
    scores === undefined
      ? isListOf(sources, isRun)
      : sources === undefined && isListOf<number>(scores, (one) => one > Number.NEGATIVE_INFINITY);
  if (fine) return;
  throw new LonghandError(
    'input/option',
    'retention.given needs one of `scores`, a number for each token, and `sources`, runs with `start`, `end` and `share`. Pass `finish.sources` of an answer, or numbers.',
    { option: 'retention.scores' },
  );
};

/**
 * What a smaller model looked at when it answered the same question decides what this one keeps (SpecKV, arXiv 2506.08373 §4,
 * where the larger model attends with the draft's answer; here the draft's own attention counts, the same for all layers and
 * heads). Or whatever else the numbers come from.
 */
export const given = (options: GivenOptions): Policy => {
  checkKept(options, ['scores', 'sources']);
  check(options);
  const known = options.scores ? Float32Array.from(options.scores) : scoresOf(options.sources!);
  const policy = scored(options, {
    ...{ name: 'given', recent: 32, rows: 0, decay: 1, every: 0, pool: 1 },
    signature: `tokens=${known.length}`,
  });
  return {
    ...policy,
    keep(observed) {
      const own = new Float32Array(observed.tokens).fill(Number.MAX_VALUE);
      own.set(known.subarray(0, observed.tokens));
      return policy.keep!({ ...observed, scores: observed.scores.map((heads) => heads.map(() => own)) });
    },
  };
};
