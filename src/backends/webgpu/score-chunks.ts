import { knownBlocks } from '../../kv/chunks.js';
import {
  type Backend,
  type ChunkScoring,
  MOST_REUSE,
  PAGE,
  type Plan,
  type Tensor,
  type Tiles,
  tileAt,
  tileCount,
  tileStart,
} from '../backend.js';
import { demand } from '../kv-shape.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuChunkIndex } from './chunk-index.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import { channels, rotates } from './grid.js';
import { type GpuPlan, planWords } from './plan-buffer.js';
import { f32 } from './recorder.js';
import { chunkTable, type GpuScores, mostChunks, shapeScores } from './scores.js';

/** Greatest entry of the tables that signs are looked up in. */
const MOST_LOOKUP = 15;

/** Bits that a sum of `dim` / 4 such entries can be shifted left inside an i16. */
const headroom = (dim: number): number => Math.clz32(MOST_LOOKUP * (dim / 4)) - 17;

/** What of q asks: `askers` a tile, each by the sum of `together` heads. */
interface Asking {
  readonly askers: number;
  readonly together: number;
  readonly dim: number;
  readonly scale: number;
}

/** Where a row of scores, or a head of logits, goes. */
interface Target {
  readonly buffer: GpuBuffer;
  readonly at: number;
  readonly tileStep: number;
  readonly askerStep: number;
}

/** Queries as integers (shaders/sketch-query.wgsl), by tile and asking head; given back by the caller. `table`: three words a tile. */
export const sketchQueries = (
  { buffers, recorder }: GpuDevice,
  q: Tensor,
  tiles: number,
  { askers, together, dim, scale }: Asking,
  table: readonly number[],
): GpuBuffer => {
  const queries = buffers.take('queries of sketches', 4 * tiles * askers * (2 * dim + 4), 'activations');
  const width = dim & -dim;
  recorder.run({
    kernel: 'sketch-query',
    overrides: rotates(dim),
    params: [
      ...[startOf(q), q.cols, dim, together, recorder.list(table), width],
      ...[f32(1 / Math.sqrt(width)), f32(scale), f32(2 / 2 ** headroom(dim))],
    ],
    buffers: [queries, bufferOf(q), recorder.lists],
    groups: [tiles, askers],
  });
  return queries;
};

/** Whether candidates are of the rows of these tiles: tile by tile, or of several of them. */
const areOf = (candidates: Plan, lists: number, tiles: Tiles): boolean => {
  const { position, rows, tileRows } = candidates.tiles;
  const same = position === tiles.position && rows === tiles.rows && tileRows % tiles.tileRows === 0;
  return same && candidates.lists === lists;
};

/** How interesting chunks are by their summaries. */
export const gpuScoreChunks = (device: GpuDevice): Pick<Backend, 'scoreChunks'> => {
  const { buffers, recorder, nothing } = device;

  const addSoftmax = (
    scores: GpuScores,
    logits: GpuBuffer,
    askers: number,
    table: readonly number[],
    index: GpuChunkIndex,
  ): void => {
    const { lists, tiles, stride, blocks, buffer } = scores;
    const count = tileCount(tiles);
    recorder.run({
      kernel: 'add-softmax',
      params: [
        ...[lists * count, count, askers, askers / lists, stride],
        ...[recorder.list(table), blocks ? 0 : 1],
      ],
      buffers: [buffer!, logits, index.boundaries, recorder.lists],
      groups: [lists * count],
    });
  };

  const byMeans = (
    scores: GpuScores,
    q: Tensor,
    index: GpuChunkIndex,
    layer: number,
    scale: number,
  ): void => {
    const { tiles, stride } = scores;
    const { kvHeads, keyDim } = index.shape;
    const heads = q.cols / keyDim;
    const count = tileCount(tiles);
    const table = chunkTable(index, tiles);
    const means = buffers.take('mean queries', 4 * count * q.cols, 'activations');
    recorder.run({
      kernel: 'mean-query',
      params: [startOf(q), q.cols, keyDim, recorder.list(table)],
      buffers: [means, bufferOf(q), recorder.lists],
      groups: [count, heads],
    });
    const logits = buffers.take('logits of chunks', 4 * count * heads * stride, 'activations');
    recorder.run({
      kernel: 'score-chunks',
      params: [heads, heads / kvHeads, keyDim, stride, recorder.list(table), f32(scale)],
      buffers: [logits, means, index.layers[layer]!.means.buffer, index.boundaries, recorder.lists],
      groups: [Math.ceil(mostChunks(index, tiles) / 64), heads, count],
    });
    addSoftmax(scores, logits, heads, table, index);
    for (const buffer of [means, logits]) buffers.give(buffer);
  };

  const byBounds = (
    scores: GpuScores,
    q: Tensor,
    index: GpuChunkIndex,
    layer: number,
    scale: number,
  ): void => {
    const { tiles, stride } = scores;
    const { kvHeads, keyDim } = index.shape;
    const heads = q.cols / keyDim;
    const count = tileCount(tiles);
    const table = Array.from({ length: count }, (_, tile) => {
      const start = tileStart(tiles, tile);
      return [knownBlocks(start), start - tiles.position, 0];
    }).flat();
    const width = keyDim & -keyDim;
    const logits = buffers.take('logits of sub-blocks', 4 * count * heads * stride, 'activations');
    recorder.run({
      kernel: 'score-bounds',
      overrides: channels(keyDim),
      params: [
        ...[heads, heads / kvHeads, keyDim, stride, recorder.list(table), f32(scale)],
        ...[startOf(q), q.cols, width, f32(1 / Math.sqrt(width))],
      ],
      buffers: [logits, bufferOf(q), index.layers[layer]!.bounds.buffer, recorder.lists],
      groups: [Math.ceil(stride / 64), heads, count],
    });
    addSoftmax(scores, logits, heads, table, index);
    buffers.give(logits);
  };

  const bySketches = (
    scores: GpuScores,
    q: Tensor,
    index: GpuChunkIndex,
    layer: number,
    { planes, scale, candidates }: Extract<ChunkScoring, { by: 'sketch' }>,
  ): void => {
    const { tiles, stride, lists } = scores;
    const { kvHeads, keyDim: dim } = index.shape;
    const count = tileCount(tiles);
    const among = candidates as GpuPlan | undefined;
    const group = q.cols / dim / kvHeads;
    const perKv = planes === 1 ? 1 : group;
    const askers = kvHeads * perKv;
    const table = Array.from({ length: count }, (_, tile) => {
      const start = tileStart(tiles, tile);
      return [knownBlocks(start), start - tiles.position, among ? tileAt(among.tiles, start) : 0];
    }).flat();
    const queries = sketchQueries(device, q, count, { askers, together: group / perKv, dim, scale }, table);
    // Where one plane of one head asks, its logits have the order that is promised.
    const rows = lists * count;
    const direct = planes === 1 && lists === kvHeads;
    const logits = direct
      ? undefined
      : buffers.take('logits of sub-blocks', 4 * count * askers * stride, 'activations');
    const target: Target = logits
      ? { buffer: logits, at: 0, tileStep: askers * stride, askerStep: stride }
      : { buffer: scores.buffer!, at: rows, tileStep: stride, askerStep: count * stride };
    recorder.run({
      kernel: 'score-sketches',
      overrides: channels(dim),
      params: [
        ...(among ? planWords(among) : [0, 0, 1, 0]),
        ...[dim, kvHeads, planes, perKv, kvHeads / lists, 2 ** headroom(dim), recorder.list(table)],
        ...[target.at, target.tileStep, target.askerStep],
      ],
      buffers: [
        ...[target.buffer, queries, index.layers[layer]!.sketches.buffer],
        ...[among?.buffer ?? nothing, recorder.lists],
      ],
      groups: [Math.floor((tiles.position + tiles.rows - 1) / PAGE), kvHeads, count],
    });
    if (logits) {
      addSoftmax(scores, logits, askers, table, index);
      buffers.give(logits);
    }
    buffers.give(queries);
  };

  return {
    scoreChunks: (scores, q, index, layer, tiles, how) => {
      const own = scores as GpuScores;
      const chunks = index as GpuChunkIndex;
      if (how.by === 'mean') {
        shapeScores(device, own, tiles, mostChunks(index, tiles), false);
        byMeans(own, q, chunks, layer, how.scale);
        return;
      }
      const candidates = how.by === 'sketch' ? how.candidates : undefined;
      demand(
        tiles.tileRows <= MOST_REUSE &&
          chunks.layers[layer]!.pages >= Math.floor((tiles.position + tiles.rows - 1) / PAGE) &&
          (!candidates || areOf(candidates, scores.lists, tiles)),
        'Summaries, candidates and tiles do not belong to the same call.',
      );
      shapeScores(device, own, tiles, knownBlocks(tiles.position + tiles.rows), true);
      if (how.by === 'bound') byBounds(own, q, chunks, layer, how.scale);
      else bySketches(own, q, chunks, layer, how);
    },
  };
};
