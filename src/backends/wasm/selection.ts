import { codecNumber, keysAt } from '../../codecs/page-format.js';
import { LonghandError } from '../../errors.js';
import { boundariesUpTo, boundsBytes, headBoundsBytes, knownBoundary, meanBytes } from '../../kv/chunks.js';
import {
  type Backend,
  type Range,
  type Scores,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../backend.js';
import { boundariesOf, type WasmChunkIndex } from './chunk-index.js';
import type { Device, Owned, WasmKvLayer, WasmPlan, WasmTensor } from './device.js';
import { type Growing, growing } from './growing.js';

type SelectionVerbs = Pick<
  Backend,
  'plan' | 'scores' | 'scoreChunks' | 'scoreTokens' | 'select' | 'readPlan'
>;

/** Row r = list · tileCount + tile has `stride` f32 from memory.start + r · stride · 4 on. */
interface WasmScores extends Scores, Owned {
  readonly memory: Growing;
  tiles: Tiles;
  stride: number;
}

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };

/** The query heads of a list, KV head by KV head. */
interface Group {
  readonly kvHead: number;
  readonly firstHead: number;
}

const mustMatch = (fits: boolean, what: string): void => {
  if (!fits)
    throw new LonghandError('internal', `${what} do not belong to the same call. Please report this.`);
};

/** Scores, and plans made from them. */
export const wasmSelection = (device: Device): SelectionVerbs => {
  const { heap, kernels } = device;

  const groupsOf = (lists: number, list: number, kvHeads: number, heads: number): Group[] =>
    Array.from({ length: kvHeads / lists }, (_, i) => {
      const kvHead = (list * kvHeads) / lists + i;
      return { kvHead, firstHead: (kvHead * heads) / kvHeads };
    });

  /** Closed chunks that a tile may choose from. */
  const eligible = (index: WasmChunkIndex, start: number): number =>
    boundariesUpTo(boundariesOf(device, index), index.count, knownBoundary(index.shape.boundaries, start)) -
    1;

  const shapeScores = (scores: WasmScores, tiles: Tiles, index: WasmChunkIndex): void => {
    scores.tiles = tiles;
    scores.stride = (index.count + 3) & -4;
    scores.memory.reserve(scores.lists * tileCount(tiles) * scores.stride * 4);
  };

  const shapePlan = (plan: WasmPlan, tiles: Tiles, chunks: number): void => {
    const rows = plan.lists * tileCount(tiles);
    const capacity = (chunks >> 1) + 5;
    const own = plan as WasmPlan & { readonly memory: Growing };
    own.memory.reserve(rows * (4 + capacity * 8) + 8);
    plan.tiles = tiles;
    plan.capacity = capacity;
    plan.ranges = own.memory.start;
    plan.counts = own.memory.start + rows * capacity * 8;
  };

  /** Tokens that a row of a plan names. */
  const named = (plan: WasmPlan, row: number): number => {
    const ranges = heap.u32(
      plan.ranges + row * plan.capacity * 8,
      heap.u32(plan.counts + row * 4, 1)[0]! * 2,
    );
    let tokens = 0;
    for (let i = 0; i < ranges.length; i += 2) tokens += ranges[i + 1]! - ranges[i]!;
    return tokens;
  };

  return {
    plan(label, lists): WasmPlan {
      const memory = growing(heap, 'activations');
      const pairs = heap.alloc(8, 'activations');
      heap.u8(pairs, 8).fill(0);
      const own = { label, lists, memory, tiles: NOTHING, counts: 0, ranges: 0, capacity: 0, pairs };
      return Object.assign(own, {
        release() {
          memory.release();
          heap.free(pairs);
        },
      });
    },

    scores(label, lists): WasmScores {
      const memory = growing(heap, 'activations');
      return { label, lists, memory, tiles: NOTHING, stride: 0, release: () => memory.release() };
    },

    scoreChunks(scores, q, index, layer, tiles, how) {
      const own = scores as WasmScores;
      const chunks = index as WasmChunkIndex;
      const { kvHeads, keyDim } = index.shape;
      const { start: queries } = q as WasmTensor;
      const heads = q.cols / keyDim;
      const group = heads / kvHeads;
      const rowBytes = q.cols * 4;
      const summaries = chunks.layers[layer]!;
      const bounds = boundsBytes(index.shape);
      const mean = meanBytes(index.shape);
      shapeScores(own, tiles, chunks);
      const tail = own.stride * 4 * group + chunks.pages * 16 + keyDim * 4;
      const scratch = heap.scratch(rowBytes + tail);
      const count = tileCount(tiles);
      for (let tile = 0; tile < count; tile++) {
        const start = tileStart(tiles, tile);
        const rows = tileEnd(tiles, tile) - start;
        const first = queries + (start - tiles.position) * rowBytes;
        const n = eligible(chunks, start);
        if (n === 0) continue;
        if (how.by === 'mean') kernels.meanRows!(scratch, first, rows, rowBytes, q.cols);
        for (let list = 0; list < scores.lists; list++) {
          const out = own.memory.start + (list * count + tile) * own.stride * 4;
          let more = 0;
          for (const { kvHead, firstHead } of groupsOf(scores.lists, list, kvHeads, heads)) {
            const headAt = firstHead * keyDim * 4;
            if (how.by === 'mean') {
              const means = summaries.means.start + kvHead * keyDim * 2;
              kernels.scoreMeans!(
                out,
                scratch + headAt,
                group,
                means,
                n,
                mean,
                keyDim,
                how.scale,
                more,
                scratch + rowBytes,
              );
            } else {
              const from = summaries.bounds.start + kvHead * headBoundsBytes(keyDim);
              kernels.scoreBounds!(
                out,
                first + headAt,
                rows,
                rowBytes,
                group,
                from,
                bounds,
                chunks.boundaries.start,
                n,
                keyDim,
                how.scale,
                more,
                scratch + rowBytes,
              );
            }
            more = 1;
          }
        }
      }
    },

    scoreTokens(scores, q, kv, index, candidates, scale) {
      const own = scores as WasmScores;
      const chunks = index as WasmChunkIndex;
      const plan = candidates as WasmPlan;
      const { shape, table } = kv as WasmKvLayer;
      const { tiles } = plan;
      const { start: queries } = q as WasmTensor;
      const heads = q.cols / shape.keyDim;
      const group = heads / shape.kvHeads;
      const codec = codecNumber[shape.keys];
      const count = tileCount(tiles);
      mustMatch(scores.lists === plan.lists, 'Scores and candidates');
      shapeScores(own, tiles, chunks);
      for (let list = 0; list < scores.lists; list++) {
        for (let tile = 0; tile < count; tile++) {
          const row = list * count + tile;
          const out = own.memory.start + row * own.stride * 4;
          const n = eligible(chunks, tileStart(tiles, tile));
          heap.f32(out, n).fill(Number.NEGATIVE_INFINITY);
          if (n === 0) continue;
          const tokens = named(plan, row);
          const scratch = heap.scratch(group * (4 * (tokens + 8) + 2 * shape.keyDim + 4) + 16 * shape.keyDim);
          const ranges = plan.ranges + row * plan.capacity * 8;
          const ranged = heap.u32(plan.counts + row * 4, 1)[0]!;
          for (const { kvHead, firstHead } of groupsOf(scores.lists, list, shape.kvHeads, heads)) {
            const headAt = keysAt(shape, kvHead);
            for (let at = tileStart(tiles, tile); at < tileEnd(tiles, tile); at++) {
              const from = queries + ((at - tiles.position) * q.cols + firstHead * shape.keyDim) * 4;
              kernels.scoreRow!(
                out,
                from,
                group,
                table,
                headAt,
                codec,
                shape.keyDim,
                ranges,
                ranged,
                at + 1,
                tokens,
                chunks.boundaries.start,
                n,
                scale,
                scratch,
              );
            }
          }
        }
      }
    },

    select(plan, tiles, keep, scores, index) {
      const own = plan as WasmPlan;
      const chunks = index as WasmChunkIndex | undefined;
      const scored = scores as WasmScores | undefined;
      const count = tileCount(tiles);
      mustMatch(
        !scored || (scored.lists === plan.lists && tileCount(scored.tiles) === count),
        'Scores and plan',
      );
      shapePlan(own, tiles, scored ? chunks!.count : 0);
      const scratch = heap.scratch(1024 + 8 * (chunks?.count ?? 0));
      const counts = heap.u32(own.counts, plan.lists * count);
      const boundaries = chunks && boundariesOf(device, chunks);
      for (let tile = 0; tile < count; tile++) {
        const start = tileStart(tiles, tile);
        const end = tileEnd(tiles, tile);
        const n = chunks ? eligible(chunks, start) : 0;
        const known = boundaries ? boundaries[n]! : start;
        const forced = Math.max(0, Math.min(known, start - keep.local));
        const sinks = Math.min(keep.sinks, end);
        const taken = sinks >= forced ? end : sinks + end - forced;
        const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * end));
        for (let list = 0; list < plan.lists; list++) {
          const row = list * count + tile;
          const all = budget >= end;
          const from = scored ? scored.memory.start + row * scored.stride * 4 : 0;
          counts[row] = kernels.selectChunks!(
            own.ranges + row * own.capacity * 8,
            from,
            chunks?.boundaries.start ?? 0,
            scored && !all ? n : 0,
            sinks,
            all ? 0 : forced,
            end,
            Math.max(0, all ? 0 : budget - taken),
            scratch,
          );
        }
      }
    },

    async readPlan(plan) {
      const own = plan as WasmPlan;
      return Array.from({ length: plan.lists * tileCount(plan.tiles) }, (_, row) => {
        const count = heap.u32(own.counts + row * 4, 1)[0]!;
        const pairs = heap.u32(own.ranges + row * own.capacity * 8, count * 2);
        return Array.from({ length: count }, (_, i): Range => [pairs[2 * i]!, pairs[2 * i + 1]!]);
      });
    },
  };
};
