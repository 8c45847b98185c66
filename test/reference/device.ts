import type { KvLayer, KvShape, Plan, Range, Tensor, Tiles, Weight } from '../../src/backends/backend.js';
import { LonghandError } from '../../src/errors.js';

/** A matrix as plain numbers. A view is another object over the same memory (`subarray`). */
export interface RefTensor extends Tensor {
  readonly values: Float32Array;
}

/** A weight exactly as it was handed over (`ROW_FORMATS`). */
export interface RefWeight extends Weight {
  readonly bytes: Uint8Array;
}

/** The pages of one layer, each in exactly the stored page format (docs/FORMAT.md); a cold one is undefined. */
export interface RefKvLayer extends KvLayer {
  readonly shape: KvShape;
  readonly pageBytes: number;
  bytes: (Uint8Array | undefined)[];
}

/** The bytes of a page, which must not be cold. */
export const pageOf = ({ bytes }: RefKvLayer, page: number): Uint8Array => {
  const found = bytes[page];
  if (found) return found;
  throw new LonghandError('internal', `Page ${page} has no memory.`);
};

/** Row r = list · tileCount + tile. `pairs` counts (row, key) pairs over all lists since they were last read. */
export interface RefPlan extends Plan {
  readonly lists: number;
  tiles: Tiles;
  rows: Range[][];
  /** One of each range; missing: all are 0. */
  lifts?: number[][] | undefined;
  pairs: number;
}
