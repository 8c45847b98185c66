/** How the next token is chosen. */
export interface SampleOptions {
  /** 0 takes the most likely token. Higher is more varied. Default 0: an answer from a text should be the text's. */
  readonly temperature?: number;
  /** Only the k most likely tokens. Default 0: all. */
  readonly topK?: number;
  /** Only the most likely tokens that together reach this probability. Default 1: all. */
  readonly topP?: number;
  /** Only tokens at least this share as likely as the most likely one. Default 0: all. */
  readonly minP?: number;
  /** Makes a run repeatable. Default: drawn at random. */
  readonly seed?: number;
}

export type Sampler = (logits: Float32Array) => number;

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

/** The highest logit; the lower id on ties, NaN never. */
export const greatest = (logits: Float32Array): number => {
  let best = 0;
  let top = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < logits.length; id++) {
    if (logits[id]! > top) {
      top = logits[id]!;
      best = id;
    }
  }
  return best;
};

/**
 * Temperature first, then top-k, top-p and min-p on the tempered probabilities, as llama.cpp's chain ends up with when
 * each is used alone; then one draw. Options are taken as already checked.
 */
export const createSampler = (options: SampleOptions): Sampler => {
  const { temperature = 0, topK = 0, topP = 1, minP = 0, seed } = options;
  if (temperature === 0) return greatest;
  const draw = uniform(seed ?? Math.floor(Math.random() * 4294967296));
  return (logits) => {
    const top = logits[greatest(logits)]!;
    const weight = (id: number): number => Math.exp((logits[id]! - top) / temperature);
    let ids = Array.from(logits.keys()).filter((id) => weight(id) > 0 && weight(id) >= minP);
    ids.sort((a, b) => logits[b]! - logits[a]! || a - b);
    if (topK > 0) ids = ids.slice(0, topK);
    const weights = ids.map(weight);
    const total = weights.reduce((sum, w) => sum + w, 0);
    let kept = 0;
    let mass = 0;
    while (kept < ids.length && mass < topP * total) mass += weights[kept++]!;
    let rest = draw() * mass;
    for (let i = 0; i < kept; i++) {
      rest -= weights[i]!;
      if (rest < 0) return ids[i]!;
    }
    return ids[Math.max(kept - 1, 0)]!;
  };
};
