import { isFloat, type WeightType } from '../../src/backends/row-formats.js';

/** Half a unit in the last place of f32 at 1: the most that one rounding changes, relatively. */
const ROUNDING = 2 ** -24;

/** The one table of tolerances. Every entry says why a correct kernel may differ that much from the reference. */
export const tolerance = {
  /**
   * A sum of `terms` products in f32, in any order: |error| ≤ (terms + 4) · rounding · Σ|terms|: the classical worst
   * case, and four roundings for the scales of a term, a bias and the result. Multiply by the sum of magnitudes.
   */
  sum: (terms: number): number => (terms + 4) * ROUNDING,
  /**
   * Among subnormal numbers a rounding is absolute, half of 2^-149: one per product of floats; in blocks one per product
   * of two scales, which multiplies a dot product of 32 codes of at most 127 · 128.
   */
  underflow: (type: WeightType, inputs: number): number =>
    inputs * 2 ** -149 * (isFloat(type) ? 1 : 127 * 128),
  /**
   * Where a device takes subnormal numbers for zeros, which WGSL allows (and SwiftShader does): an input below 2^-126 is
   * lost, times a weight of at most 8 in the tests.
   */
  flush: (inputs: number): number => inputs * 8 * 2 ** -126,
  /** exp in f32 (polynomial, relative error about 1.2e-7), then up to four roundings. Relative. */
  activation: 2e-6,
  /** tanh from exp2 (relative error 6e-7, assembly/lib/tanh.ts), then three roundings: 1 / cap and two products. Relative. */
  softcap: 6e-7 + 3 * ROUNDING,
  /**
   * A sum of exponentials, relative: f32 runs of at most 1024 numbers (2^-14 at the worst), each exponential of a difference of
   * up to 32, whose two roundings are worth 4e-6. What samplers allow for (src/generate/top-logits.ts).
   */
  mass: 1e-4,
  /**
   * A state and what is read from it, of the greatest number there is: each of some hundred rows rounds three times, what is
   * read sums up to 128 products, and activations and decays come with errors of their own (2e-6, 6e-8).
   */
  recurrence: 1e-5,
  /** One rounding to half precision, relative. */
  half: 2 ** -11,
  /**
   * Scores are sums of softmaxes; logits of a few tens carry a relative error of about 1e-6 from sums of up to 256
   * products in f32, which e^x turns into an absolute one ten times that. Chunks closer than this may change places.
   */
  score: 1e-4,
  /** Two products and one addition: three roundings of magnitudes no greater than |a| + |b|. */
  rotation: 3 * ROUNDING,
  /**
   * Attention, relative to the greatest |value|; and log-sum-exps, absolute. Logits reach about 10 in the tests: their
   * few roundings are worth 1e-6, and exp, the sums and the division stay below that.
   */
  attention: 2e-6,
  /**
   * Added to it where values are codes, which weights meet as codes of 15 bits: f32 noise moves the few that lie next to a half to the
   * other side. One unit, of the greatest weight, in every block.
   */
  attentionCode: 1 / 32767,
} as const;
