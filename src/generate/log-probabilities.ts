import { decay } from './decay.js';
import { highest } from './likeliest.js';

/** A token that could have come, with the natural logarithm of its probability. */
export interface TokenChance {
  readonly id: number;
  /** As it stands inside a text; the name of a control token. Part of a character shows as U+FFFD. */
  readonly text: string;
  readonly logprob: number;
}

/** A generated token, and the most likely ones in its place. */
export interface TokenLogprobs extends TokenChance {
  /** Likeliest first; as many as were asked for. */
  readonly top: readonly TokenChance[];
}

/**
 * Log-probabilities after `logits` (vocab) as the model gave them: before bias, penalties, cuts and temperature. `id` is
 * the token that was chosen, `count` the number of alternatives.
 */
export const logProbabilities = (
  logits: Float32Array,
  id: number,
  count: number,
  textOf: (id: number) => string,
): TokenLogprobs => {
  const ids = highest(logits, Math.max(count, 1));
  const top = logits[ids[0]!]!;
  let mass = 0;
  for (let i = 0; i < logits.length; i++) {
    if (logits[i]! > Number.NEGATIVE_INFINITY) mass += decay(top - logits[i]!);
  }
  const all = top + Math.log(mass);
  const chance = (one: number): TokenChance => ({
    id: one,
    text: textOf(one),
    logprob: logits[one]! - all,
  });
  return { ...chance(id), top: Array.from(ids.subarray(0, count), chance) };
};
