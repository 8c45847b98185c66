import { codecNumber } from '../../codecs/page-format.js';
import { boundBytes, longestChunk, meanBytes, mostBoundaries } from '../../kv/chunks.js';
import { type Backend, type Boundaries, PAGE } from '../backend.js';
import { mustBeResident } from '../kv-shape.js';
import {
  createChunkIndex,
  forgetFrom,
  type GpuChunkIndex,
  limitOf,
  reserveBoundaries,
  reserveSummaries,
} from './chunk-index.js';
import { gpuChunkRecords } from './chunk-records.js';
import type { GpuDevice } from './device.js';
import { channels } from './grid.js';
import { gpuObserve } from './observe.js';
import type { GpuKvLayer } from './pages.js';
import { gpuPlans } from './plans.js';
import { f32 } from './recorder.js';
import { gpuScoreChunks } from './score-chunks.js';
import { gpuScoreTokens } from './score-tokens.js';
import { gpuScores } from './scores.js';
import { gpuSelectScored } from './select-scored.js';

type Verbs = ReturnType<typeof gpuChunkRecords> &
  ReturnType<typeof gpuPlans> &
  Pick<
    Backend,
    | 'chunkIndex'
    | 'segment'
    | 'summarize'
    | 'scores'
    | 'scoreChunks'
    | 'scoreTokens'
    | 'observe'
    | 'readScores'
  >;

const SOURCES: Readonly<Record<Boundaries['source'], number>> = { fixed: 0, delimiters: 1, contrast: 2 };

/** Pages that are segmented, or sketched, in one dispatch: what their intermediate numbers need is bounded. */
const AT_ONCE = 16;

/** Words 4 to 7 of the parameters of `segment`, but for the marks. */
const ruleOf = (boundaries: Boundaries): [number, number, number, number] => {
  const source = SOURCES[boundaries.source];
  if (boundaries.source === 'fixed') return [source, boundaries.size, 0, 0];
  if (boundaries.source === 'delimiters') return [source, boundaries.minimum, boundaries.maximum, 0];
  return [source, boundaries.window, boundaries.perPage, boundaries.minimum];
};

/** A bit for every token of pages [from, to): whether a boundary may follow it. */
const markBits = (marks: Uint8Array, from: number, to: number): Uint32Array => {
  const bits = new Uint32Array((to - from) * 2);
  for (let i = 0; i < bits.length * 32; i++) {
    if (marks[from * PAGE + i]) bits[i >> 5]! |= 1 << (i & 31);
  }
  return bits;
};

/** Boundaries, summaries, and what is chosen by them: all made, and kept, on the device. */
export const gpuChunks = (device: GpuDevice): Verbs => {
  const { buffers, recorder, nothing } = device;

  /** `Keys` of shaders/lib/stored-keys.wgsl. */
  const keysOf = ({ shape, pageBytes: bytes }: GpuKvLayer): [number, number, number, number] => [
    codecNumber[shape.keys],
    shape.keyDim,
    bytes / shape.kvHeads / 4,
    bytes / 4,
  ];

  const segmentPages = (own: GpuChunkIndex, kv: GpuKvLayer, page: number, end: number, marks: Uint8Array) => {
    const { boundaries } = own.shape;
    const measured = boundaries.source === 'contrast' && end > page;
    const contrast = measured ? buffers.take('contrast', (end - page) * PAGE * 4, 'activations') : undefined;
    if (measured) {
      const params = [...keysOf(kv), kv.shape.kvHeads, boundaries.window, page];
      const bound = [contrast!, kv.buffer!, kv.table()];
      recorder.run({ kernel: 'contrast', params, buffers: bound, groups: [end - page] });
    }
    const marked = boundaries.source === 'delimiters' ? recorder.list(markBits(marks, page, end)) : 0;
    recorder.run({
      kernel: 'segment',
      params: [limitOf(own, page), page, end, ...ruleOf(boundaries), marked],
      buffers: [own.boundaries, contrast ?? nothing, recorder.lists],
      groups: [1],
    });
    if (contrast) buffers.give(contrast);
  };

  const makeMeans = (own: GpuChunkIndex, layer: number, kv: GpuKvLayer): void => {
    const { shape } = own;
    const summaries = own.layers[layer]!;
    const limit = limitOf(own, summaries.pages);
    const longest = longestChunk(shape.boundaries);
    const width = kv.shape.keys === 'f16' ? 0 : shape.keyDim & -shape.keyDim;
    recorder.run({
      kernel: 'summarize',
      overrides: channels(shape.keyDim),
      params: [
        ...[...keysOf(kv), shape.kvHeads, limit, longest],
        ...[width, f32(1 / Math.sqrt(Math.max(1, width)))],
      ],
      buffers: [summaries.means.buffer, kv.buffer!, own.boundaries, own.roots, kv.table()],
      groups: [mostBoundaries(shape.boundaries, own.pages - summaries.pages), shape.kvHeads],
    });
  };

  /** Sketches and bounds: what is made of rotated keys. */
  const describePages = (
    own: GpuChunkIndex,
    layer: number,
    kv: GpuKvLayer,
    page: number,
    end: number,
  ): void => {
    const { kvHeads, keyDim } = own.shape;
    const keys = buffers.take('rotated keys', (end - page) * kvHeads * PAGE * keyDim * 4, 'activations');
    const width = kv.shape.keys === 'f16' ? keyDim & -keyDim : 0;
    recorder.run({
      kernel: 'rotated-keys',
      overrides: channels(keyDim),
      params: [...keysOf(kv), kvHeads, page, width, f32(1 / Math.sqrt(Math.max(1, width)))],
      buffers: [keys, kv.buffer!, kv.table()],
      groups: [PAGE, kvHeads, end - page],
    });
    const { sketches, bounds } = own.layers[layer]!;
    for (const [kernel, overrides, made] of [
      ...(own.shape.sketches ? [['key-sketch', channels(keyDim), sketches] as const] : []),
      ...(own.shape.bounds ? [['key-bounds', {}, bounds] as const] : []),
    ]) {
      recorder.run({
        kernel,
        overrides,
        params: [kvHeads, keyDim, page],
        buffers: [made.buffer, keys],
        groups: [end - page, kvHeads],
      });
    }
    buffers.give(keys);
  };

  return {
    ...gpuChunkRecords(device),
    ...gpuScores(device),
    ...gpuScoreChunks(device),
    ...gpuScoreTokens(device),
    ...gpuObserve(device),
    ...gpuPlans(device, gpuSelectScored(device)),

    chunkIndex: (label, shape) => createChunkIndex(device, label, shape),

    segment: (index, firstLayer, tokens, marks) => {
      const own = index as GpuChunkIndex;
      const { boundaries } = index.shape;
      const pages = Math.floor(tokens / PAGE);
      const kv = firstLayer as GpuKvLayer;
      if (pages === own.pages) return;
      if (pages > own.pages && boundaries.source === 'contrast') {
        const oldest = Math.max(0, own.pages * PAGE - 2 * boundaries.window);
        mustBeResident(firstLayer, Math.floor(oldest / PAGE), pages);
      }
      forgetFrom(own, pages);
      reserveBoundaries(own, pages);
      // Where pages were forgotten there is nothing to find, but the boundaries past them must go.
      do {
        const end = Math.min(pages, own.pages + AT_ONCE);
        segmentPages(own, kv, own.pages, end, marks);
        own.pages = end;
      } while (own.pages < pages);
    },

    summarize: (index, layer, kv) => {
      const own = index as GpuChunkIndex;
      const { shape, pages } = own;
      const summaries = own.layers[layer]!;
      if (summaries.pages === pages) return;
      // The open chunk may have begun in earlier pages; only the device knows where, and its caller that they are there.
      mustBeResident(kv, summaries.pages, pages);
      reserveSummaries(own, summaries, pages);
      if (meanBytes(shape) > 0) makeMeans(own, layer, kv as GpuKvLayer);
      const described = shape.sketches || boundBytes(shape) > 0;
      for (let page = summaries.pages; described && page < pages; page += AT_ONCE) {
        describePages(own, layer, kv as GpuKvLayer, page, Math.min(pages, page + AT_ONCE));
      }
      summaries.pages = pages;
    },
  };
};
