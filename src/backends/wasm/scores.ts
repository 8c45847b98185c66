import { codecNumber, keysAt } from '../../codecs/page-format.js';
import { boundsBytes, headBoundsBytes, meanBytes } from '../../kv/chunks.js';
import { type Backend, type Scores, type Tiles, tileCount, tileEnd, tileStart } from '../backend.js';
import type { WasmChunkIndex } from './chunk-index.js';
import type { Device, Owned, WasmKvLayer, WasmPlan, WasmTensor } from './device.js';
import { eligible, mustMatch } from './eligible.js';
import { type Growing, growing } from './growing.js';

/** Row r = list · tileCount + tile has `stride` f32 from memory.start + r · stride · 4 on. */
export interface WasmScores extends Scores, Owned {
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

/** How interesting every chunk is for every tile. */
export const wasmScores = (device: Device): Pick<Backend, 'scores' | 'scoreChunks' | 'scoreTokens'> => {
  const { heap, kernels } = device;

  const groupsOf = (lists: number, list: number, kvHeads: number, heads: number): Group[] =>
    Array.from({ length: kvHeads / lists }, (_, i) => {
      const kvHead = (list * kvHeads) / lists + i;
      return { kvHead, firstHead: (kvHead * heads) / kvHeads };
    });

  const shapeScores = (scores: WasmScores, tiles: Tiles, index: WasmChunkIndex): void => {
    scores.tiles = tiles;
    scores.stride = (index.count + 3) & -4;
    scores.memory.reserve(scores.lists * tileCount(tiles) * scores.stride * 4);
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
    scores(label, lists): WasmScores {
      const memory = growing(heap, 'chunks');
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
        const n = eligible(device, chunks, start);
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
          const n = eligible(device, chunks, tileStart(tiles, tile));
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
  };
};
