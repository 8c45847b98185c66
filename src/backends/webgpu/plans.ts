import { knownBoundary } from '../../kv/chunks.js';
import {
  askingRows,
  type Backend,
  type ChunkIndex,
  type Keep,
  massShare,
  PAGE,
  type Plan,
  type Range,
  type Scores,
  SUB_BLOCK,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../backend.js';
import { checkPlan } from '../check-plan.js';
import { checkKept } from '../kv-shape.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuDevice } from './device.js';
import { gridOf } from './grid.js';

/**
 * A plan in a buffer of its own, in words of four bytes: the numbers of ranges of its rows (row = list · tiles + tile),
 * then, from word `lists · tiles` on, the ranges: two words each, start and end, room for `capacity` of them in a row.
 * The host knows how much room there is and never what is in it. Shaders take the four words of `planWords`
 * (shaders/lib/plan.wgsl).
 */
export interface GpuPlan extends Plan {
  readonly label: string;
  readonly lists: number;
  tiles: Tiles;
  buffer: GpuBuffer | undefined;
  capacity: number;
  /** A count of 64 bits in two words, low and high: (row, key) pairs that `attend` read, over all lists. */
  readonly pairs: GpuBuffer;
  release(): void;
}

/** Ranges of a tile beside those that were chosen: sinks, its tail, and what lies before and after a cut. */
const FORCED_RANGES = 5;

/** Bytes of a plan that are read back in one go, used or not. */
const AT_ONCE = 4096;

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };
/** Words of a plan from the host that are listed at once. */
const PIECE = 2 ** 16;
/** More tokens than any tile can read. */
const EVERYTHING = 2 ** 30;

const words = (rows: number, capacity: number): number => rows * (1 + 2 * capacity);

/** `PlanShape` of shaders/lib/plan.wgsl. */
export const planWords = ({ lists, tiles, capacity }: GpuPlan): [number, number, number, number] => [
  lists * tileCount(tiles),
  tileCount(tiles),
  capacity,
  lists,
];

/** The plan is for `tiles` from now on, with room for `chosen` ranges in a tile beside the forced ones. */
export const shapePlan = (device: GpuDevice, plan: GpuPlan, tiles: Tiles, chosen: number): GpuBuffer => {
  const capacity = chosen + FORCED_RANGES;
  const bytes = 4 * Math.max(1, words(plan.lists * tileCount(tiles), capacity));
  if (!plan.buffer || plan.buffer.bytes < bytes) {
    const larger = device.buffers.take(`plan of ${plan.label}`, bytes, 'chunks');
    if (plan.buffer) device.buffers.give(plan.buffer);
    plan.buffer = larger;
  }
  plan.tiles = tiles;
  plan.capacity = capacity;
  return plan.buffer;
};

/** What `select` must know of an index. */
export interface GpuBounded extends ChunkIndex {
  /** In words: how many boundaries there are, then the boundaries, ascending; the first one is 0. */
  readonly boundaries: GpuBuffer;
}

/** What a tile chooses from; without an index, nothing, or sub-blocks. */
export interface Choice {
  readonly index?: GpuBounded | undefined;
  readonly blocks: boolean;
  /** Whether there are scores, so that a share of them can be enough. */
  readonly scored: boolean;
}

/** Words of a tile in the table that `keepWords` lists. */
const TILE_WORDS = 5;

/**
 * `Keep` of shaders/lib/forced.wgsl: from it a tile's forced set and what is left of its budget are found on the device,
 * where the boundaries are. The dispatch that reads it follows at once, with `recorder.lists` bound as `table`.
 */
export const keepWords = (
  { recorder }: GpuDevice,
  tiles: Tiles,
  keep: Keep,
  { index, blocks, scored }: Choice,
): [number, number, number, number, number] => {
  const count = tileCount(tiles);
  const table = new Uint32Array(TILE_WORDS * count);
  for (let tile = 0; tile < count; tile++) {
    const start = tileStart(tiles, tile);
    const reach = start + askingRows(tiles, tile);
    const known = index ? knownBoundary(index.shape.boundaries, start) : start;
    const limit = blocks ? start - (start % PAGE) : known;
    const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * reach));
    const latest = Math.max(0, start - keep.local);
    table.set([latest, limit, reach, tileEnd(tiles, tile), Math.min(budget, EVERYTHING)], TILE_WORDS * tile);
  }
  const share = scored ? massShare(keep) : 0;
  const whole = blocks ? SUB_BLOCK : 1;
  return [recorder.list(table), Math.min(keep.sinks, EVERYTHING), whole, index && !blocks ? 1 : 0, share];
};

/** `select` where there are scores: shapes the plan and writes it. */
export type SelectScored = (
  plan: GpuPlan,
  tiles: Tiles,
  keep: Keep,
  scores: Scores,
  index?: ChunkIndex,
) => void;

type Verbs = Pick<Backend, 'plan' | 'select' | 'writePlan' | 'extend' | 'keepOnly' | 'readPlan'>;

/** Plans, made on the device and used there. `selectScored` chooses by scores. */
export const gpuPlans = (device: GpuDevice, selectScored: SelectScored): Verbs => {
  const { buffers, recorder, nothing } = device;
  return {
    plan: (label, lists): GpuPlan => {
      const pairs = buffers.take(`pairs of ${label}`, 8, 'chunks');
      recorder.clear(pairs, 0, 8);
      const plan: GpuPlan = {
        label,
        lists,
        tiles: NOTHING,
        buffer: undefined,
        capacity: 0,
        pairs,
        release: () => {
          buffers.give(pairs);
          if (plan.buffer) buffers.give(plan.buffer);
          plan.buffer = undefined;
        },
      };
      return plan;
    },

    select: (plan, tiles, keep, scores, index) => {
      const own = plan as GpuPlan;
      if (scores) {
        selectScored(own, tiles, keep, scores, index);
        return;
      }
      const buffer = shapePlan(device, own, tiles, 0);
      const bounded = index as GpuBounded | undefined;
      const keeping = keepWords(device, tiles, keep, { index: bounded, blocks: false, scored: false });
      recorder.run({
        kernel: 'select',
        params: [...planWords(own), ...keeping],
        buffers: [buffer, bounded?.boundaries ?? nothing, recorder.lists],
        groups: gridOf(own.lists * tileCount(tiles)),
      });
    },

    writePlan: (plan, tiles, rows) => {
      checkPlan(plan.lists, tiles, rows);
      const own = plan as GpuPlan;
      const buffer = shapePlan(device, own, tiles, Math.max(0, ...rows.map((ranges) => ranges.length)));
      const written = new Uint32Array(words(rows.length, own.capacity));
      rows.forEach((ranges, row) => {
        written[row] = ranges.length;
        written.set(ranges.flat(), rows.length + 2 * row * own.capacity);
      });
      for (let at = 0; at < written.length; at += PIECE) {
        const piece = written.subarray(at, at + PIECE);
        const from = recorder.list(piece);
        recorder.copy(buffer, 4 * at, recorder.lists, 4 * from, 4 * piece.length);
      }
    },

    extend: (plan, tiles) => {
      const own = plan as GpuPlan;
      const before = tileCount(own.tiles);
      const [old, capacity] = [own.buffer!, own.capacity];
      own.buffer = undefined;
      const buffer = shapePlan(device, own, tiles, capacity - FORCED_RANGES);
      recorder.run({
        kernel: 'extend',
        params: [...planWords(own), before, tiles.position + tiles.rows],
        buffers: [buffer, old],
        groups: gridOf(own.lists * capacity),
      });
      buffers.give(old);
    },

    keepOnly: (out, plan, keeping) => {
      checkKept(out, plan, keeping);
      const [own, named, kept] = [out as GpuPlan, plan as GpuPlan, keeping as GpuPlan];
      const { tiles } = named;
      const buffer = shapePlan(device, own, tiles, named.capacity + kept.capacity - FORCED_RANGES);
      const begins = Array.from({ length: tileCount(tiles) }, (_, tile) => tileStart(tiles, tile));
      recorder.run({
        kernel: 'keep-only',
        params: [
          ...planWords(own),
          ...planWords(named),
          ...planWords(kept),
          recorder.list(Uint32Array.from(begins)),
        ],
        buffers: [buffer, named.buffer!, kept.buffer!, recorder.lists],
        groups: gridOf(own.lists * begins.length),
      });
    },

    readPlan: async (plan) => {
      const { buffer, lists, tiles, capacity } = plan as GpuPlan;
      const rows = lists * tileCount(tiles);
      if (!buffer || rows === 0) return [];
      // Behind a long text most of the room is for chunks that could have been chosen.
      const all = 4 * words(rows, capacity);
      const head = new Uint32Array(await recorder.read(buffer, 0, all <= AT_ONCE ? all : 4 * rows));
      const rowOf = async (row: number): Promise<Range[]> => {
        const count = Math.min(head[row]!, capacity);
        const at = rows + 2 * row * capacity;
        const found =
          all <= AT_ONCE
            ? head.subarray(at, at + 2 * count)
            : new Uint32Array(await recorder.read(buffer, 4 * at, 8 * count));
        return Array.from({ length: count }, (_, i): Range => [found[2 * i]!, found[2 * i + 1]!]);
      };
      return Promise.all(Array.from({ length: rows }, (_, row) => rowOf(row)));
    },
  };
};
