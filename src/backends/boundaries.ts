import type { KvShape } from './kv-layer.js';

/**
 * Where chunk boundaries come from. All are streaming and prefix-stable: they are found for whole pages only, in
 * order, and never move. `fixed`: every `size` tokens. `contrast`: training-free, 1 − cos(mean of the `window` keys
 * left of a gap, mean of the `window` keys right of it) over all KV heads of one layer's stored keys, with
 * non-maximum suppression. `delimiters`: after marked tokens (sentence or line ends).
 */
export type Boundaries =
  | { readonly source: 'fixed'; readonly size: number }
  | {
      readonly source: 'contrast';
      readonly window: number;
      readonly perPage: number;
      readonly minimum: number;
      /** What measures gaps instead of the cosine, on a CPU. Default: nothing. */
      readonly judge?: GapJudge;
    }
  | { readonly source: 'delimiters'; readonly minimum: number; readonly maximum: number };

/** Measures the gaps between tokens by a trained network, on the host (src/predictors/boundary-network.ts). */
export interface GapJudge {
  /** Of the file it came from: what it judges depends on nothing else. */
  readonly fingerprint: string;
  /**
   * The PAGE gaps of the window of `page`, from 64 · page − window on: the higher, the sooner a boundary; < 0 where none may
   * be. `bytesOf`: the stored pages of the first layer, up to this one.
   */
  measure(shape: KvShape, page: number, bytesOf: (page: number) => Uint8Array): Float32Array;
}
