import { knownBlocks, knownBoundary, mostBoundaries } from '../../kv/chunks.js';
import {
  askingRows,
  type Backend,
  type ChunkIndex,
  PAGE,
  type Scores,
  type Tiles,
  tileCount,
  tileStart,
} from '../backend.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuDevice } from './device.js';

/** Row r = list · tiles + tile: words of chunks that have a score (rows), then the scores, `stride` words a row. */
export interface GpuScores extends Scores {
  buffer: GpuBuffer | undefined;
  tiles: Tiles;
  stride: number;
  /** Whether it is sub-blocks that have scores. */
  blocks: boolean;
  release(): void;
}

const NOTHING: Tiles = { position: 0, rows: 0, tileRows: 1 };

/** The scores are of `tiles` from now on, of at most so many chunks or sub-blocks. */
export const shapeScores = (
  { buffers }: GpuDevice,
  scores: GpuScores,
  tiles: Tiles,
  most: number,
  blocks: boolean,
): GpuBuffer => {
  scores.tiles = tiles;
  scores.blocks = blocks;
  scores.stride = Math.max(4, (most + 3) & -4);
  const bytes = 4 * scores.lists * tileCount(tiles) * (1 + scores.stride);
  if (!scores.buffer || scores.buffer.bytes < bytes) {
    const larger = buffers.take(`scores of ${scores.label}`, bytes, 'chunks');
    if (scores.buffer) buffers.give(scores.buffer);
    scores.buffer = larger;
  }
  return scores.buffer;
};

/** Most chunks that a tile of these may choose from. */
export const mostChunks = ({ shape }: ChunkIndex, { position, rows }: Tiles): number =>
  mostBoundaries(shape.boundaries, Math.floor((position + Math.max(0, rows - 1)) / PAGE)) - 1;

/** Three words of every tile: the last boundary that it may know, its first row, how many rows ask. */
export const chunkTable = ({ shape }: ChunkIndex, tiles: Tiles): number[] =>
  Array.from({ length: tileCount(tiles) }, (_, tile) => {
    const start = tileStart(tiles, tile);
    return [knownBoundary(shape.boundaries, start), start - tiles.position, askingRows(tiles, tile)];
  }).flat();

/** Scores in buffers of the device. */
export const gpuScores = ({ buffers, recorder }: GpuDevice): Pick<Backend, 'scores' | 'readScores'> => ({
  scores: (label, lists): GpuScores => {
    const scores: GpuScores = {
      label,
      lists,
      buffer: undefined,
      tiles: NOTHING,
      stride: 0,
      blocks: false,
      release: () => {
        if (scores.buffer) buffers.give(scores.buffer);
        scores.buffer = undefined;
      },
    };
    return scores;
  },

  readScores: async (scores) => {
    const { buffer, lists, tiles, stride, blocks } = scores as GpuScores;
    const count = tileCount(tiles);
    const rows = lists * count;
    if (!buffer || rows === 0) return [];
    const bytes = await recorder.read(buffer, 0, 4 * rows * (1 + stride));
    const counts = new Uint32Array(bytes, 0, rows);
    return Array.from({ length: rows }, (_, row) => {
      const n = blocks ? knownBlocks(tileStart(tiles, row % count)) : counts[row]!;
      return new Float32Array(bytes, 4 * (rows + row * stride), n).slice();
    });
  },
});
