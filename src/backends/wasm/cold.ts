import { LonghandError } from '../../errors.js';
import { type KvLayer, PAGE, tileCount, tileStart } from '../backend.js';
import type { WasmPlan } from './device.js';
import type { Heap } from './heap.js';

const demand = (kv: KvLayer, page: number): void => {
  if (page < kv.pages && !kv.isCold(page)) return;
  const found = page < kv.pages ? 'it is cold' : `there are ${kv.pages}`;
  throw new LonghandError('internal', `Page ${page} was to be read, but ${found}. Please report this.`);
};

/** Pages [from, to) must have memory: reading elsewhere would be silent nonsense. */
export const mustBeResident = (kv: KvLayer, from: number, to: number): void => {
  if (from < to) demand(kv, to - 1);
  if (kv.resident === kv.pages) return;
  for (let page = from; page < to; page++) demand(kv, page);
};

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
