import { type AdjustOptions, adjusts, createAdjust } from './adjust.js';
import { greatest } from './likeliest.js';
import { createShortlist, type Shortlist, type ShortlistOptions } from './shortlist.js';
import type { TopLogits, WantedTop } from './top-logits.js';
import type { TopShortlistOf } from './top-shortlist.js';

/**
 * How the next token is chosen, in this order, which is that of llama.cpp's default chain: logit bias, penalties,
 * top-k, top-p, min-p, temperature, one draw. So the cuts see the model's own probabilities, not the tempered ones.
 */
export interface SampleOptions extends AdjustOptions, ShortlistOptions {
  /** Makes a run repeatable. Default: drawn at random. */
  readonly seed?: number;
}

/** Chooses an id from `logits` (vocab), which come back unchanged, given the ids of the context so far (default none). */
export interface Sampler {
  (logits: Float32Array, tokens?: readonly number[]): number;
  /** How the same id is chosen from the most likely tokens alone; undefined where no number of them is enough. */
  readonly top: TopSampler | undefined;
}

export interface TopSampler extends WantedTop {
  /** Only where the tokens are enough. */
  readonly choose: (top: TopLogits) => number;
}

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export const uniform = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
};

/**
 * The sampler of these options, taken as already checked. Greedy is one scan of the vocabulary; drawing never sorts more
 * of it than top-k or top-p leave.
 */
export const createSampler = (options: SampleOptions, topShortlist?: TopShortlistOf): Sampler => {
  const adjust = createAdjust(options);
  const { choose, top } = (options.temperature ?? 0) === 0 ? greedy : createDraw(options, topShortlist);
  const sample = (logits: Float32Array, tokens: readonly number[] = []): number => {
    const restore = adjust(logits, tokens);
    const id = choose(logits);
    restore();
    return id;
  };
  // A bias or a penalty may raise any token above those.
  return Object.assign(sample, { top: adjusts(options) ? undefined : top });
};

interface Choice {
  readonly choose: (logits: Float32Array) => number;
  readonly top: TopSampler | undefined;
}

const greedy: Choice = {
  choose: greatest,
  top: { count: 1, enough: ({ whole, ids }) => whole || ids.length > 0, choose: ({ ids }) => ids[0] ?? 0 },
};

const createDraw = (options: SampleOptions, topShortlist?: TopShortlistOf): Choice => {
  const shortlist = createShortlist(options);
  const top = topShortlist?.(options);
  const next = uniform(options.seed ?? Math.floor(Math.random() * 4294967296));
  const draw = ({ ids, weights, mass }: Shortlist, logits: Float32Array): number => {
    let rest = next() * mass;
    for (let i = 0; i < ids.length; i++) {
      rest -= weights[i]!;
      if (rest < 0) return ids[i]!;
    }
    return greatest(logits);
  };
  return {
    choose: (logits) => draw(shortlist(logits), logits),
    top: top && {
      ...top,
      choose: (found) => {
        const { ids, logits, list } = top.of(found);
        return ids[draw(list, logits)] ?? 0;
      },
    },
  };
};
