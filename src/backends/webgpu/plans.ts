import { knownBoundary } from '../../kv/chunks.js';
import {
  askingRows,
  type Backend,
  type ChunkIndex,
  type Keep,
  massShare,
  PAGE,
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
import { FORCED_RANGES, type GpuPlan, planContents, planWords, shapePlan, words } from './plan-buffer.js';

/** Bytes of a plan that are read back in one go, used or not. */
const AT_ONCE = 4096;

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };
/** Words of a plan from the host that are listed at once. */
const PIECE = 2 ** 16;
/** More tokens than any tile can read. */
const EVERYTHING = 2 ** 30;

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
        liftsAt: 0,
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

    writePlan: (plan, tiles, rows, lifts) => {
      checkPlan(plan.lists, tiles, rows, lifts);
      const own = plan as GpuPlan;
      const most = Math.max(0, ...rows.map((ranges) => ranges.length));
      const buffer = shapePlan(device, own, tiles, most, !!lifts);
      const written = planContents(own, rows, lifts);
      for (let at = 0; at < written.length; at += PIECE) {
        const piece = written.subarray(at, at + PIECE);
        const from = recorder.list(piece);
        recorder.copy(buffer, 4 * at, recorder.lists, 4 * from, 4 * piece.length);
      }
    },

    extend: (plan, tiles) => {
      const own = plan as GpuPlan;
      const before = tileCount(own.tiles);
      const [old, capacity, liftsAt] = [own.buffer!, own.capacity, own.liftsAt];
      own.buffer = undefined;
      const buffer = shapePlan(device, own, tiles, capacity - FORCED_RANGES, liftsAt > 0);
      recorder.run({
        kernel: 'extend',
        params: [...planWords(own), before, tiles.position + tiles.rows, own.liftsAt, liftsAt],
        buffers: [buffer, old],
        groups: gridOf(own.lists * capacity),
      });
      buffers.give(old);
    },

    keepOnly: (out, plan, keeping) => {
      checkKept(out, plan, keeping);
      const [own, named, kept] = [out as GpuPlan, plan as GpuPlan, keeping as GpuPlan];
      const { tiles } = named;
      const room = named.capacity + kept.capacity - FORCED_RANGES;
      const buffer = shapePlan(device, own, tiles, room, named.liftsAt > 0);
      const begins = Array.from({ length: tileCount(tiles) }, (_, tile) => tileStart(tiles, tile));
      recorder.run({
        kernel: 'keep-only',
        params: [
          ...planWords(own),
          ...planWords(named),
          ...planWords(kept),
          recorder.list(Uint32Array.from(begins)),
          ...[own.liftsAt, named.liftsAt],
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
