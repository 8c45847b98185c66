import { decay } from './decay.js';
import { greatest, highest, nucleus, reaching } from './likeliest.js';

/** What is drawn from: cuts first, temperature last. Options are taken as already checked. */
export interface ShortlistOptions {
  /** 0 takes the most likely token. Higher is more varied. Default 0: an answer from a text should be the text's. */
  readonly temperature?: number;
  /** Only the k most likely tokens. Default 0: all. */
  readonly topK?: number;
  /** Only the most likely tokens that together reach this probability. Default 1: all. */
  readonly topP?: number;
  /** Only tokens at least this share as likely as the most likely one. Default 0: all. */
  readonly minP?: number;
}

/** Ids that may be drawn, and weights in proportion to their probabilities; valid until the next call. */
export interface Shortlist {
  readonly ids: Uint32Array;
  /** At least as many as ids. */
  readonly weights: Float64Array;
  /** Sum of the weights of the ids. */
  readonly mass: number;
}

/** Never sorts more of a vocabulary than top-k or top-p leave. */
export const createShortlist = (options: ShortlistOptions): ((logits: Float32Array) => Shortlist) => {
  const { temperature = 1, topK = 0, topP = 1, minP = 0 } = options;
  let everyId = new Uint32Array(0);
  let weights = new Float64Array(0);

  const cut = (logits: Float32Array, top: number): Uint32Array => {
    if (topK > 0) {
      const ids = highest(logits, topK);
      const total = ids.reduce((sum, id) => sum + decay(top - logits[id]!), 0);
      return topP < 1 ? reaching(logits, ids, top, topP * total) : ids;
    }
    if (topP < 1) return nucleus(logits, top, topP);
    if (everyId.length !== logits.length) everyId = Uint32Array.from(logits.keys());
    return everyId;
  };

  return (logits) => {
    const top = logits[greatest(logits)]!;
    const lowest = minP > 0 ? top + Math.log(minP) : Number.NEGATIVE_INFINITY;
    const ids = cut(logits, top);
    if (weights.length < ids.length) weights = new Float64Array(ids.length);
    let mass = 0;
    for (let i = 0; i < ids.length; i++) {
      const logit = logits[ids[i]!]!;
      // NaN is no candidate.
      const weight = logit >= lowest ? decay((top - logit) / temperature) : 0;
      weights[i] = weight;
      mass += weight;
    }
    return { ids, weights, mass };
  };
};
