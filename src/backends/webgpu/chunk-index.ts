import {
  boundBytes,
  decidedBoundary,
  longestChunk,
  meanBytes,
  mostBoundaries,
  sketchBytes,
} from '../../kv/chunks.js';
import type { ChunkIndex, ChunkShape } from '../backend.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuDevice } from './device.js';
import { type GpuGrowing, growing } from './growing.js';
import { f32 } from './recorder.js';

/** Summaries of one layer as they are stored: means [chunk][kvHead][channel], sketches and bounds [page][kvHead]. */
export interface GpuSummaries {
  readonly means: GpuGrowing;
  readonly sketches: GpuGrowing;
  readonly bounds: GpuGrowing;
  /** Pages summarised so far. */
  pages: number;
}

/**
 * Boundaries are made and stay on the device. The host knows of how many pages there are boundaries, and so the most that
 * there can be. What a page may see of them is found by their positions (`decidedBoundary`): nothing is counted twice.
 */
export interface GpuChunkIndex extends ChunkIndex {
  /** In words: their number, then the boundaries, ascending; the first one is 0. */
  readonly boundaries: GpuBuffer;
  readonly edges: GpuGrowing;
  /** √length, rounded as f32 is, of every length that a chunk may have. */
  readonly roots: GpuBuffer;
  readonly layers: readonly GpuSummaries[];
  /** Pages whose windows have been decided. */
  pages: number;
  release(): void;
}

export const createChunkIndex = (device: GpuDevice, label: string, shape: ChunkShape): GpuChunkIndex => {
  const edges = growing(device, `boundaries of ${label}`, 'chunks', 256);
  device.recorder.write(edges.buffer, 0, new Uint8Array(Uint32Array.of(1, 0).buffer));
  const longest = longestChunk(shape.boundaries);
  const roots = device.buffers.take(`roots of ${label}`, shape.means ? 4 * (longest + 1) : 4, 'chunks');
  if (shape.means) {
    const words = Uint32Array.from({ length: longest + 1 }, (_, n) => f32(Math.sqrt(n)));
    device.recorder.write(roots, 0, new Uint8Array(words.buffer));
  }
  const layers = Array.from({ length: shape.layers }, (_, layer) => ({
    means: growing(device, `means of ${label} ${layer}`, 'chunks', 4),
    sketches: growing(device, `sketches of ${label} ${layer}`, 'chunks', 4),
    bounds: growing(device, `bounds of ${label} ${layer}`, 'chunks', 4),
    pages: 0,
  }));
  return {
    shape,
    edges,
    get boundaries() {
      return edges.buffer;
    },
    roots,
    layers,
    pages: 0,
    release() {
      edges.release();
      device.buffers.give(roots);
      for (const { means, sketches, bounds } of layers) {
        for (const memory of [means, sketches, bounds]) memory.release();
      }
    },
  };
};

/** Room for what windows and summaries of `pages` pages may make. */
export const reserveBoundaries = ({ edges, shape }: GpuChunkIndex, pages: number): void =>
  edges.reserve(4 * (1 + mostBoundaries(shape.boundaries, pages)));

export const reserveSummaries = ({ shape }: GpuChunkIndex, layer: GpuSummaries, pages: number): void => {
  layer.means.reserve((mostBoundaries(shape.boundaries, pages) - 1) * meanBytes(shape));
  layer.sketches.reserve(pages * sketchBytes(shape));
  layer.bounds.reserve(pages * boundBytes(shape));
};

/** Forgets, as far as the host knows of it, what the windows of pages from `pages` on decided. */
export const forgetFrom = (index: GpuChunkIndex, pages: number): void => {
  index.pages = Math.min(index.pages, pages);
  for (const layer of index.layers) layer.pages = Math.min(layer.pages, pages);
};

/** The last boundary that the windows of the first `pages` pages may have put: what kernels look up. */
export const limitOf = ({ shape }: ChunkIndex, pages: number): number =>
  decidedBoundary(shape.boundaries, pages);
