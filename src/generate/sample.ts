import { type AdjustOptions, createAdjust } from './adjust.js';
import { greatest } from './likeliest.js';
import { createShortlist, type ShortlistOptions } from './shortlist.js';

/**
 * How the next token is chosen, in this order, which is that of llama.cpp's default chain: logit bias, penalties,
 * top-k, top-p, min-p, temperature, one draw. So the cuts see the model's own probabilities, not the tempered ones.
 */
export interface SampleOptions extends AdjustOptions, ShortlistOptions {
  /** Makes a run repeatable. Default: drawn at random. */
  readonly seed?: number;
}

/** Chooses an id from `logits` (vocab), which come back unchanged, given the ids of the context so far (default none). */
export type Sampler = (logits: Float32Array, tokens?: readonly number[]) => number;

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
export const createSampler = (options: SampleOptions): Sampler => {
  const adjust = createAdjust(options);
  const choose = (options.temperature ?? 0) === 0 ? greatest : createDraw(options);
  return (logits, tokens = []) => {
    const restore = adjust(logits, tokens);
    const id = choose(logits);
    restore();
    return id;
  };
};

const createDraw = (options: SampleOptions): ((logits: Float32Array) => number) => {
  const shortlist = createShortlist(options);
  const next = uniform(options.seed ?? Math.floor(Math.random() * 4294967296));
  return (logits) => {
    const { ids, weights, mass } = shortlist(logits);
    let rest = next() * mass;
    for (let i = 0; i < ids.length; i++) {
      rest -= weights[i]!;
      if (rest < 0) return ids[i]!;
    }
    return greatest(logits);
  };
};
