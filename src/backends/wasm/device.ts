import type { KvLayer, KvShape, Plan, Tensor, Tiles, Weight } from '../backend.js';
import type { Heap } from './heap.js';
import type { Jobs } from './jobs.js';
import type { Kernels } from './kernels.js';

/** What every group of verbs works on. */
export interface Device {
  readonly heap: Heap;
  readonly kernels: Kernels;
  /** Runs kernels on all threads there are. */
  readonly jobs: Jobs;
  readonly build: 'simd128' | 'relaxed';
}

/** Anything that owns device memory. Views own none. */
export interface Owned {
  release(): void;
}

export interface WasmTensor extends Tensor, Owned {
  /** Address of element 0. */
  readonly start: number;
}

export interface WasmWeight extends Weight, Owned {
  readonly start: number;
}

/**
 * Pages of one layer. `table` is the address of a u32 array of page addresses, `pages` entries of which are valid; that
 * of a cold page is 0. Kernels trust it: verbs ask `cold.ts` first.
 */
export interface WasmKvLayer extends KvLayer, Owned {
  readonly shape: KvShape;
  readonly pageBytes: number;
  pages: number;
  resident: number;
  table: number;
  met: number;
}

/**
 * A plan in memory. Row r = list · tileCount + tile has counts[r] ranges, at ranges + r · capacity · 8 as u32 pairs
 * [start, end); its lifts, if the plan has any, are f32 in units of ln 2 at lifts + r · capacity · 4. `pairs`: what
 * `attend` read since that was last asked for, over lists.
 */
export interface WasmPlan extends Plan, Owned {
  tiles: Tiles;
  counts: number;
  ranges: number;
  capacity: number;
  /** 0: none. */
  lifts: number;
  pairs: number;
}
