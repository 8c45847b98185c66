import { type KvLayer, PAGE, tileCount, tileStart } from '../backend.js';
import { mustBeResident } from '../kv-shape.js';
import type { WasmPlan } from './device.js';
import type { Heap } from './heap.js';

/** What a call reads of its plan: keys in [from, to), and of those the last `window` of each row. */
export interface Reach {
  readonly from: number;
  readonly to: number;
  readonly window: number;
}

const EVERYTHING: Reach = { from: 0, to: Number.POSITIVE_INFINITY, window: Number.POSITIVE_INFINITY };

/** The pages that `plan` names within `reach` must have memory. Looks at the plan only where there are cold pages. */
export const mustBeResidentIn = (
  heap: Heap,
  kv: KvLayer,
  plan: WasmPlan,
  reach: Reach = EVERYTHING,
): void => {
  if (kv.resident === kv.pages) return;
  const tiles = tileCount(plan.tiles);
  for (let row = 0; row < plan.lists * tiles; row++) {
    const oldest = Math.max(reach.from, tileStart(plan.tiles, row % tiles) + 1 - reach.window);
    const count = heap.u32(plan.counts + row * 4, 1)[0]!;
    const ranges = heap.u32(plan.ranges + row * plan.capacity * 8, count * 2);
    for (let i = 0; i < ranges.length; i += 2) {
      const start = Math.max(ranges[i]!, oldest);
      const end = Math.min(ranges[i + 1]!, reach.to);
      if (start < end) mustBeResident(kv, Math.floor(start / PAGE), Math.ceil(end / PAGE));
    }
  }
};
