import { type Lifts, type Plan, type Range, type Tiles, tileCount } from '../backend.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuDevice } from './device.js';

/**
 * A plan in a buffer of its own, in words of four bytes: the numbers of ranges of its rows (row = list · tiles + tile),
 * then, from word `lists · tiles` on, the ranges: two words each, start and end, room for `capacity` of them in a row;
 * from word `liftsAt` on, where that is not 0, their lifts in units of ln 2, one f32 each.
 * The host knows how much room there is and never what is in it. Shaders take the four words of `planWords`
 * (shaders/lib/plan.wgsl).
 */
export interface GpuPlan extends Plan {
  readonly label: string;
  readonly lists: number;
  tiles: Tiles;
  buffer: GpuBuffer | undefined;
  capacity: number;
  /** 0: it has none. */
  liftsAt: number;
  /** A count of 64 bits in two words, low and high: (row, key) pairs that `attend` read, over all lists. */
  readonly pairs: GpuBuffer;
  release(): void;
}

/** Ranges of a tile beside those that were chosen: sinks, its tail, and what lies before and after a cut. */
export const FORCED_RANGES = 5;

/** Words of a plan without lifts. */
export const words = (rows: number, capacity: number): number => rows * (1 + 2 * capacity);

/** `PlanShape` of shaders/lib/plan.wgsl. */
export const planWords = ({ lists, tiles, capacity }: GpuPlan): [number, number, number, number] => [
  lists * tileCount(tiles),
  tileCount(tiles),
  capacity,
  lists,
];

/** The plan is for `tiles` from now on, with room for `chosen` ranges in a tile beside the forced ones, and for lifts. */
export const shapePlan = (
  device: GpuDevice,
  plan: GpuPlan,
  tiles: Tiles,
  chosen: number,
  lifted = false,
): GpuBuffer => {
  const capacity = chosen + FORCED_RANGES;
  const rows = plan.lists * tileCount(tiles);
  const liftsAt = words(rows, capacity);
  const bytes = 4 * Math.max(1, liftsAt + (lifted ? rows * capacity : 0));
  if (!plan.buffer || plan.buffer.bytes < bytes) {
    const larger = device.buffers.take(`plan of ${plan.label}`, bytes, 'chunks');
    if (plan.buffer) device.buffers.give(plan.buffer);
    plan.buffer = larger;
  }
  plan.tiles = tiles;
  plan.capacity = capacity;
  plan.liftsAt = lifted ? liftsAt : 0;
  return plan.buffer;
};

/** What a plan's buffer holds. */
export const planContents = (
  { capacity, liftsAt }: GpuPlan,
  rows: readonly (readonly Range[])[],
  lifts?: Lifts,
): Uint32Array<ArrayBuffer> => {
  const written = new Uint32Array(words(rows.length, capacity) + (lifts ? rows.length * capacity : 0));
  const own = new Float32Array(written.buffer);
  rows.forEach((ranges, row) => {
    written[row] = ranges.length;
    written.set(ranges.flat(), rows.length + 2 * row * capacity);
    if (lifts)
      own.set(
        lifts[row]!.map((lift) => lift / Math.LN2),
        liftsAt + row * capacity,
      );
  });
  return written;
};
