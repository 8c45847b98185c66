/** How far the engine's next-token distributions are from the recorded ones, and how far they may be. */
import type { SupportedType } from '../../src/weights/tensor-types.js';
import { logProbabilities } from '../support/plain-model.js';
import type { Reading } from './golden.js';

export interface Agreement {
  /** Mean |difference of log-probability| over the recorded tokens of all positions. */
  readonly difference: number;
  /** Mean KL(llama.cpp ‖ engine) of a position, in nats: its top 20, and the rest as one more outcome. */
  readonly divergence: number;
  /** Positions at which llama.cpp's first token leads by more than `margin` logits. */
  readonly decisive: number;
  /** Those of them at which the engine's greatest token is another. */
  readonly flips: number;
}

const QUANTISED = { difference: Infinity, divergence: 0.02, margin: 0.5 };

/**
 * Limits by tensor type. F32 weights are computed in f32 by both sides and differ by the f16 pages alone; for F16 and
 * BF16 llama.cpp rounds the activations to the type of the weights, which the engine does not; for quantised weights
 * both sides round activations to 8 bits in blocks of their own, so that only what is decided can be the same.
 * `margin` is the lead, in logits, from which a greedy token counts as decided.
 */
export const LIMITS: Readonly<
  Record<SupportedType, { readonly difference: number; readonly divergence: number; readonly margin: number }>
> = {
  F32: { difference: 0.005, divergence: 1e-4, margin: 0.05 },
  F16: { difference: 0.03, divergence: 1e-3, margin: 0.2 },
  BF16: { difference: 0.03, divergence: 1e-3, margin: 0.2 },
  ...{ Q8_0: QUANTISED, Q4_0: QUANTISED, Q4_1: QUANTISED, Q5_0: QUANTISED, Q5_1: QUANTISED },
  ...{ Q2_K: QUANTISED, Q3_K: QUANTISED, Q4_K: QUANTISED, Q5_K: QUANTISED, Q6_K: QUANTISED },
  ...{ IQ4_NL: QUANTISED, IQ4_XS: QUANTISED },
};

/** `logits` holds a row (vocab) for each of the reading's `at`. */
export const agreement = (
  reading: Pick<Reading, 'top'>,
  logits: readonly ArrayLike<number>[],
  margin: number,
): Agreement => {
  const sums = { difference: 0, divergence: 0, decisive: 0, flips: 0 };
  reading.top.forEach((top, row) => {
    const found = logProbabilities(logits[row]!);
    let rest = 1;
    let foundRest = 1;
    for (let token = 0; token < top.length; token += 2) {
      const expected = top[token + 1]!;
      const actual = found[top[token]!]!;
      sums.difference += Math.abs(actual - expected) / (top.length / 2);
      sums.divergence += Math.exp(expected) * (expected - actual);
      rest -= Math.exp(expected);
      foundRest -= Math.exp(actual);
    }
    // Where the 20 tokens are everything there is, rounding may leave less than nothing.
    if (rest > 1e-4) sums.divergence += rest * Math.log(rest / Math.max(foundRest, 1e-12));
    if (top[1]! - top[3]! <= margin) return;
    sums.decisive += 1;
    if (greatest(found) !== top[0]) sums.flips += 1;
  });
  const rows = reading.top.length;
  return {
    ...sums,
    difference: sums.difference / rows,
    divergence: sums.divergence / rows,
  };
};

const greatest = (row: Float64Array): number =>
  row.reduce((best, value, id) => (value > row[best]! ? id : best), 0);
