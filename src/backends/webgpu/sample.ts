import type { KvShape } from '../backend.js';
import type { WeightType } from '../row-formats.js';

/** What of a model is computed before it is loaded: to see whether a device computes right, and how fast. */
export interface Sample {
  /** Types of its matrices, the one with the most bytes first. */
  readonly types: readonly WeightType[];
  /** That it takes on a device before it reads anything. */
  readonly bytes: number;
  readonly dim: number;
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kv: KvShape;
  /** Whether attention chooses chunks by their means. */
  readonly chooses: boolean;
}
