import type { Weight } from './tensor.js';

/**
 * The numbers of a layer with a state, all F32 vectors (Mamba-2, arXiv 2405.21060 §7.1). A row x meets the three before it:
 * silu(convBias + Σ conv · x), channel by channel, is the value v of every head, then a key k and a query q that all heads share.
 * With a head's step d = ln(1 + e^(steps + stepBias)): S = e^(d · decay) · S + d · v kᵀ, and what the row gets is S q + skip · v.
 */
export interface Recurrence {
  /** (channels · TAPS): of each channel the oldest row's first. */
  readonly conv: Weight;
  readonly convBias: Weight;
  /** (heads), as are the others. */
  readonly stepBias: Weight;
  /** Below 0. */
  readonly decay: Weight;
  readonly skip: Weight;
}
