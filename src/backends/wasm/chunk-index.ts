import { LonghandError } from '../../errors.js';
import { boundariesUpTo, boundBytes, decidedBoundary, meanBytes, sketchBytes } from '../../kv/chunks.js';
import { storedBoundaries } from '../../kv/stored-chunks.js';
import type { ChunkIndex, ChunkShape } from '../backend.js';
import type { Device, Owned } from './device.js';
import { type Growing, growing } from './growing.js';
import { createSketches, type Sketches } from './sketches.js';

/** Summaries of one layer: means [chunk][kvHead][channel] f16, sketches and bounds as src/kv/chunks.ts says. */
export interface LayerSummaries {
  readonly means: Growing;
  readonly sketches: Sketches;
  readonly bounds: Growing;
  /** Chunks and pages summarised so far. */
  chunks: number;
  pages: number;
}

/** `boundaries`: u32, `count` of them, the first is 0. `pages`: pages whose windows have been decided. */
export interface WasmChunkIndex extends ChunkIndex, Owned {
  readonly boundaries: Growing;
  readonly layers: readonly LayerSummaries[];
  count: number;
  pages: number;
}

export const createChunkIndex = ({ heap }: Device, shape: ChunkShape): WasmChunkIndex => {
  const boundaries = growing(heap, 'chunks');
  const layers = Array.from({ length: shape.layers }, () => ({
    means: growing(heap, 'chunks'),
    sketches: createSketches(heap, shape),
    bounds: growing(heap, 'chunks'),
    chunks: 0,
    pages: 0,
  }));
  boundaries.reserve(256);
  heap.u32(boundaries.start, 1)[0] = 0;
  return {
    shape,
    boundaries,
    layers,
    count: 1,
    pages: 0,
    release() {
      boundaries.release();
      for (const layer of layers) {
        layer.means.release();
        layer.sketches.release();
        layer.bounds.release();
      }
    },
  };
};

export const boundariesOf = ({ heap }: Device, index: WasmChunkIndex): Uint32Array<ArrayBuffer> =>
  heap.u32(index.boundaries.start, index.count);

export const appendBoundaries = (device: Device, index: WasmChunkIndex, found: ArrayLike<number>): void => {
  index.boundaries.reserve((index.count + found.length) * 4);
  device.heap.u32(index.boundaries.start + index.count * 4, found.length).set(found);
  index.count += found.length;
};

/** Forgets what the windows of pages from `pages` on decided, and the summaries of what they closed. */
export const forgetFrom = (device: Device, index: WasmChunkIndex, pages: number): void => {
  const limit = decidedBoundary(index.shape.boundaries, pages);
  index.count = boundariesUpTo(boundariesOf(device, index), index.count, limit);
  index.pages = pages;
  for (const layer of index.layers) {
    layer.chunks = Math.min(layer.chunks, index.count - 1);
    layer.pages = Math.min(layer.pages, pages);
  }
};

const internal = (message: string): LonghandError =>
  new LonghandError('internal', `${message} Please report this.`);

/** Chunks [first, last) are closed by the windows of pages [from, to). */
const closedBy = (device: Device, index: WasmChunkIndex, from: number, to: number): [number, number] => {
  const all = boundariesOf(device, index);
  const upTo = (pages: number): number =>
    boundariesUpTo(all, index.count, decidedBoundary(index.shape.boundaries, pages));
  return [upTo(from) - 1, upTo(to) - 1];
};

/**
 * Bytes of pages [from, to): u32 number of boundaries their windows decided, these boundaries (u32), then for each
 * layer the means of the chunks they close, the sketches of the pages and their bounds.
 */
export const readIndex = (device: Device, index: WasmChunkIndex, from: number, to: number): Uint8Array => {
  const [first, last] = closedBy(device, index, from, to);
  if (to > index.pages || index.layers.some((layer) => layer.pages < to || layer.chunks < last)) {
    throw internal(`Chunks of pages ${from} to ${to} were read, but the index is not that far.`);
  }
  const mean = meanBytes(index.shape);
  const sketches = sketchBytes(index.shape);
  const bounds = boundBytes(index.shape);
  const closed = last - first;
  const bytes = new Uint8Array(
    4 + closed * 4 + index.layers.length * (closed * mean + (to - from) * (sketches + bounds)),
  );
  new DataView(bytes.buffer).setUint32(0, closed, true);
  let at = 4;
  const put = (start: number, length: number): void => {
    bytes.set(device.heap.u8(start, length), at);
    at += length;
  };
  put(index.boundaries.start + (first + 1) * 4, closed * 4);
  for (const layer of index.layers) {
    put(layer.means.start + first * mean, closed * mean);
    bytes.set(layer.sketches.read(from, to), at);
    at += (to - from) * sketches;
    put(layer.bounds.start + from * bounds, (to - from) * bounds);
  }
  return bytes;
};

/** Appends what `readIndex` gave, with room for `room` pages of its kind; forgets pages from `from` on first. */
export const writeIndex = (
  device: Device,
  index: WasmChunkIndex,
  { from, to, room }: { readonly from: number; readonly to: number; readonly room: number },
  bytes: Uint8Array,
): void => {
  if (from > index.pages)
    throw internal(`Chunks of page ${from} were written after those of ${index.pages}.`);
  forgetFrom(device, index, from);
  const mean = meanBytes(index.shape);
  const sketches = sketchBytes(index.shape);
  const bounds = boundBytes(index.shape);
  const found = storedBoundaries(index.shape, from, to, bytes);
  const closed = found.length;
  const first = index.count - 1;
  appendBoundaries(device, index, found);
  let at = 4 + closed * 4;
  /** `later`: bytes behind these that the pages from `to` to `room` will probably have. */
  const take = (memory: Growing, start: number, length: number, later: number): void => {
    memory.reserve(start + length + later);
    device.heap.u8(memory.start + start, length).set(bytes.subarray(at, at + length));
    at += length;
  };
  for (const layer of index.layers) {
    take(layer.means, first * mean, closed * mean, Math.ceil((closed * (room - to)) / (to - from)) * mean);
    layer.sketches.reserve(room);
    layer.sketches.write(from, bytes.subarray(at, at + (to - from) * sketches));
    at += (to - from) * sketches;
    take(layer.bounds, from * bounds, (to - from) * bounds, (room - to) * bounds);
    layer.chunks = index.count - 1;
    layer.pages = to;
  }
  index.pages = to;
};
