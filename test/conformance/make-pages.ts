import { expect } from 'vitest';
import {
  type Backend,
  type KvLayer,
  type Lifts,
  type Plan,
  type Range,
  type Tiles,
  tileCount,
} from '../../src/backends/backend.js';
import type { Device, WasmKvLayer, WasmPlan } from '../../src/backends/wasm/device.js';
import type { WasmOptions } from '../../src/backends/wasm/module.js';
import { wasmPages } from '../../src/backends/wasm/pages.js';
import { startTeam } from '../../src/backends/wasm/team.js';
import { wasmTensors } from '../../src/backends/wasm/tensors.js';
import { createRefBackend } from '../reference/backend.js';
import type { RefPlan } from '../reference/device.js';
import { threadUrl, wasm } from './make-backend.js';

/** Pages and attention alone, with plans written by hand instead of selected. */
export interface PagesUnderTest
  extends Pick<
    Backend,
    | 'tensor'
    | 'upload'
    | 'read'
    | 'kvLayer'
    | 'mapPages'
    | 'dropPages'
    | 'writePage'
    | 'readPage'
    | 'appendKv'
    | 'attend'
    | 'readPairs'
  > {
  /** rows[list · tiles + tile] = the ranges of that tile, lifts likewise. */
  makePlan(lists: number, tiles: Tiles, rows: readonly (readonly Range[])[], lifts?: Lifts): Plan;
  /** Reading this page from now on is an error, `lost`. (The reference cannot tell.) */
  losePage(kv: KvLayer, page: number): void;
}

/** What WASM and a GPU say of a page that is read and is not there. */
export const lost: unknown = expect.objectContaining({ code: 'internal' });

export const makeWasmPages = async (options: WasmOptions = {}): Promise<PagesUnderTest> => {
  const { instance, heap, jobs } = await startTeam({ wasm, threadUrl, ...options });
  const { build, kernels } = instance;
  const device: Device = { heap, kernels, jobs, build };
  const pages = wasmPages(device);
  return {
    ...wasmTensors(device),
    ...pages,
    makePlan(lists, tiles, rows, lifts): WasmPlan {
      const count = lists * tileCount(tiles);
      const capacity = Math.max(1, ...rows.map((ranges) => ranges.length));
      const counts = heap.alloc(count * 4, 'activations');
      const ranges = heap.alloc(count * capacity * 8, 'activations');
      heap.u32(counts, count).set(rows.map((row) => row.length));
      rows.forEach((row, r) => {
        heap.u32(ranges + r * capacity * 8, capacity * 2).set(row.flat());
      });
      const liftsAt = lifts ? heap.alloc(count * capacity * 4, 'activations') : 0;
      lifts?.forEach((row, r) => {
        heap.f32(liftsAt + r * capacity * 4, row.length).set(row.map((lift) => lift / Math.LN2));
      });
      return { lists, tiles, counts, ranges, capacity, lifts: liftsAt, pairs: 0, release: () => {} };
    },
    losePage(kv, page) {
      pages.dropPages(kv, [page]);
      // Far behind the end of the memory: a kernel that reads it all the same traps, in whichever thread.
      heap.u32((kv as WasmKvLayer).table, kv.pages)[page] = 0xffff0000;
    },
  };
};

export const makeRefPages = (coded = true): PagesUnderTest => ({
  ...createRefBackend({ coded }),
  makePlan: (lists, tiles, rows, lifts): RefPlan => ({
    ...{ lists, tiles, rows: rows.map((row) => [...row]), pairs: 0 },
    lifts: lifts?.map((row) => [...row]),
  }),
  losePage: () => {},
});
