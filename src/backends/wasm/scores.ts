import { codecNumber, pageBytes } from '../../codecs/page-format.js';
import { boundBytes, knownBlocks, meanBytes } from '../../kv/chunks.js';
import {
  askingRows,
  type Backend,
  MOST_REUSE,
  PAGE,
  type Scores,
  type Tensor,
  type Tiles,
  tileAt,
  tileCount,
  tileStart,
} from '../backend.js';
import type { WasmChunkIndex } from './chunk-index.js';
import { mustBeResidentIn } from './cold.js';
import type { Device, Owned, WasmKvLayer, WasmPlan, WasmTensor } from './device.js';
import { eligible, mustMatch } from './eligible.js';
import { type Growing, growing } from './growing.js';
import { rangedRoom, runRanged } from './ranged.js';

/** Row r = list · tileCount + tile has `stride` f32 from memory.start + r · stride · 4 on. */
export interface WasmScores extends Scores, Owned {
  readonly memory: Growing;
  tiles: Tiles;
  stride: number;
  /** By tile: chunks, or sub-blocks, that have a score. */
  counts: readonly number[];
  /** Whether it is sub-blocks that have. */
  blocks: boolean;
}

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };
/** Arguments of the kernels that score, in words (assembly/score-chunks.ts). */
const WORDS = 21;
/** Chunks that a row of a list scores in a microsecond, about: what a job is worth. */
const SCORED_PER_US = 10;
/** Sub-blocks that a list scores by one plane in a microsecond. */
const SKETCHED_PER_US = 30;
/** Sub-blocks of a part at least, of more than two: a part reads several runs of memory in turns, and short ones are slower. */
const LEAST_SKETCHED = 512;

/** What differs between the kernels, by its place among their arguments. */
interface Summaries {
  readonly start: number;
  readonly stride: number;
  readonly headBytes: number;
  /** Word 13: planes, or the position of the first row. */
  readonly extra: number;
  readonly boundaries: number;
}

/** Whether candidates are of the rows of these tiles: tile by tile, or of several of them. */
const areOf = (candidates: WasmPlan, lists: number, tiles: Tiles): boolean => {
  const { position, rows, tileRows } = candidates.tiles;
  const same = position === tiles.position && rows === tiles.rows && tileRows % tiles.tileRows === 0;
  return same && candidates.lists === lists;
};

/** How interesting every chunk is for every tile. */
export const wasmScores = (
  device: Device,
): Pick<Backend, 'scores' | 'scoreChunks' | 'scoreTokens' | 'readScores' | 'peekScores'> => {
  const { heap, kernels, jobs } = device;

  const shapeScores = (scores: WasmScores, tiles: Tiles, most: number, blocks: boolean): void => {
    scores.tiles = tiles;
    scores.blocks = blocks;
    scores.stride = (most + 3) & -4;
    scores.memory.reserve(scores.lists * tileCount(tiles) * scores.stride * 4);
  };

  /** One kernel over all lists and tiles. `room`: scratch of an item. Items are independent of each other. */
  const score = (
    share: 'scoreMeans' | 'scoreBounds' | 'scoreSketches' | 'scoreTokens',
    scores: WasmScores,
    q: Tensor,
    index: WasmChunkIndex,
    from: Summaries,
    candidates: WasmPlan | undefined,
    scale: number,
    room: number,
  ): void => {
    const { kvHeads, keyDim } = index.shape;
    const { lists, tiles, memory, stride } = scores;
    const count = tileCount(tiles);
    const record = 4 * (WORDS + 3 * count);
    const args = rangedRoom(device, record, room);
    const perTile = args + 4 * WORDS;
    const rows = Array.from({ length: count }, (_, tile) => {
      const start = tileStart(tiles, tile);
      const known = scores.blocks ? knownBlocks(start) : eligible(device, index, start);
      const last = scores.blocks && candidates ? tileAt(candidates.tiles, start) : askingRows(tiles, tile);
      return [known, start - tiles.position, last];
    });
    scores.counts = rows.map(([known]) => known!);
    heap.u32(perTile, 3 * count).set(rows.flat());
    heap
      .u32(args, 18)
      .set([
        ...[memory.start, stride, (q as WasmTensor).start, q.cols * 4, q.cols / keyDim, kvHeads, keyDim],
        ...[lists, count, from.start, from.stride, from.headBytes, from.boundaries, from.extra, perTile],
        ...(candidates ? [candidates.counts, candidates.ranges, candidates.capacity] : [0, 0, 0]),
      ]);
    heap.f32(args + 4 * 18, 1)[0] = scale;
    const items = lists * count;
    const first = share === 'scoreSketches' && from.extra === 1;
    const work = (items * stride) / (first ? SKETCHED_PER_US : SCORED_PER_US);
    // Logits of one plane are independent of each other, and are the scores themselves where no heads share a list.
    const divided = first && lists === kvHeads ? Math.ceil(jobs.pieces(work) / items) : 1;
    const parts = Math.min(divided, Math.max(2, Math.ceil(stride / LEAST_SKETCHED)));
    heap.u32(args + 4 * 19, 2).set([candidates ? tileCount(candidates.tiles) : 0, parts]);
    runRanged(device, share, args, record, room, items * parts, work);
  };

  const viewsOf = (scores: Scores): Float32Array[] => {
    const { lists, memory, stride, counts } = scores as WasmScores;
    return Array.from({ length: lists * counts.length }, (_, row) =>
      heap.f32(memory.start + row * stride * 4, counts[row % counts.length]!),
    );
  };

  return {
    scores(label, lists): WasmScores {
      const memory = growing(heap, 'chunks');
      return {
        label,
        lists,
        memory,
        tiles: NOTHING,
        stride: 0,
        counts: [],
        blocks: false,
        release: () => memory.release(),
      };
    },

    scoreChunks(scores, q, index, layer, tiles, how) {
      const own = scores as WasmScores;
      const chunks = index as WasmChunkIndex;
      const { kvHeads, keyDim } = index.shape;
      const group = q.cols / keyDim / kvHeads;
      const summaries = chunks.layers[layer]!;
      const boundaries = chunks.boundaries.start;
      shapeScores(
        own,
        tiles,
        how.by === 'mean' ? chunks.count : knownBlocks(tiles.position + tiles.rows),
        how.by !== 'mean',
      );
      if (how.by === 'mean') {
        const stride = meanBytes(index.shape);
        const from = { start: summaries.means.start, stride, headBytes: keyDim * 2, boundaries, extra: 0 };
        const room = (group * own.stride + 2 * keyDim) * 4;
        score('scoreMeans', own, q, chunks, from, undefined, how.scale, room);
        return;
      }
      mustMatch(
        tiles.tileRows <= MOST_REUSE &&
          summaries.pages >= Math.floor((tiles.position + tiles.rows - 1) / PAGE),
        'Summaries and tiles',
      );
      if (how.by === 'bound') {
        const stride = boundBytes(index.shape);
        const start = summaries.bounds.start;
        const from = { start, stride, headBytes: stride / kvHeads, boundaries, extra: 0 };
        score('scoreBounds', own, q, chunks, from, undefined, how.scale, (group * own.stride + keyDim) * 4);
        return;
      }
      const candidates = how.candidates as WasmPlan | undefined;
      mustMatch(!candidates || areOf(candidates, own.lists, tiles), 'Candidates and scores');
      const { start, headBytes, secondAt } = summaries.sketches;
      const from = { start, stride: secondAt, headBytes, boundaries, extra: how.planes };
      const room = kernels.sketchScratch!(group, own.stride, keyDim);
      score('scoreSketches', own, q, chunks, from, candidates, how.scale, room);
    },

    scoreTokens(scores, q, kv, index, candidates, scale) {
      const own = scores as WasmScores;
      const chunks = index as WasmChunkIndex;
      const plan = candidates as WasmPlan;
      const { shape, table } = kv as WasmKvLayer;
      const { position, rows } = plan.tiles;
      mustMatch(scores.lists === plan.lists, 'Scores and candidates');
      mustBeResidentIn(heap, kv, plan);
      shapeScores(own, plan.tiles, chunks.count, false);
      const group = q.cols / shape.keyDim / shape.kvHeads;
      const from = {
        start: table,
        stride: codecNumber[shape.keys],
        headBytes: pageBytes(shape) / shape.kvHeads,
        boundaries: chunks.boundaries.start,
        extra: position,
      };
      const room = group * (4 * (position + rows + 8) + 4 * shape.keyDim + 4) + 16 * shape.keyDim;
      score('scoreTokens', own, q, chunks, from, plan, scale, room);
    },

    peekScores: viewsOf,

    readScores: async (scores) => viewsOf(scores).map((row) => row.slice()),
  };
};
