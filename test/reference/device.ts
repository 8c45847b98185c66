import type { KvLayer, KvShape, Plan, Range, Tensor, Tiles, Weight } from '../../src/backends/backend.js';

/** A matrix as plain numbers. A view is another object over the same memory (`subarray`). */
export interface RefTensor extends Tensor {
  readonly values: Float32Array;
}

/** A weight exactly as it was handed over (`ROW_FORMATS`). */
export interface RefWeight extends Weight {
  readonly bytes: Uint8Array;
}

/** The pages of one layer, each in exactly the stored page format (docs/FORMAT.md). */
export interface RefKvLayer extends KvLayer {
  readonly shape: KvShape;
  readonly pageBytes: number;
  pages: number;
  bytes: Uint8Array[];
}

/** Row r = list · tileCount + tile. `pairs` counts (row, key) pairs over all lists since they were last read. */
export interface RefPlan extends Plan {
  readonly lists: number;
  tiles: Tiles;
  rows: Range[][];
  pairs: number;
}
