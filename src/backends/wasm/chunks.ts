import { codecNumber, keysAt, pageBytes } from '../../codecs/page-format.js';
import { pageBoundaries } from '../../kv/boundaries.js';
import { boundBytes, firstSketchBytes, meanBytes, secondSketchBytes } from '../../kv/chunks.js';
import { type Backend, PAGE } from '../backend.js';
import { mustBeResident } from '../kv-shape.js';
import {
  appendBoundaries,
  boundariesOf,
  createChunkIndex,
  forgetFrom,
  readIndex,
  type WasmChunkIndex,
  writeIndex,
} from './chunk-index.js';
import type { Device, WasmKvLayer } from './device.js';
import { wasmObserve } from './observe.js';
import { wasmPlans } from './plans.js';
import { wasmScores } from './scores.js';

type ChunkVerbs = ReturnType<typeof wasmPlans> &
  ReturnType<typeof wasmScores> &
  ReturnType<typeof wasmObserve> &
  Pick<Backend, 'chunkIndex' | 'segment' | 'summarize' | 'readBoundaries' | 'readChunks' | 'writeChunks'>;

const wasm = <T>(thing: unknown): T => thing as T;

/**
 * Boundaries, summaries, and the selection that reads them. Where boundaries go is decided in plain code
 * (src/kv/boundaries.ts), from the contrasts that a kernel measures.
 */
export const wasmChunks = (device: Device): ChunkVerbs => {
  const { heap, kernels } = device;

  const contrasts = (index: WasmChunkIndex, kv: WasmKvLayer, page: number): Float32Array => {
    const { boundaries } = index.shape;
    if (boundaries.source !== 'contrast') return new Float32Array();
    const { shape } = kv;
    if (boundaries.judge) {
      const bytesOf = (at: number): Uint8Array => heap.u8(heap.u32(kv.table, kv.pages)[at]!, kv.pageBytes);
      return boundaries.judge.measure(shape, page, bytesOf);
    }
    const room = PAGE * 24 + (PAGE + 2 * boundaries.window) * shape.keyDim * 4;
    const out = heap.scratch(PAGE * 4 + room);
    const headBytes = pageBytes(shape) / shape.kvHeads;
    const codec = codecNumber[shape.keys];
    const { window } = boundaries;
    kernels.contrast!(
      out,
      kv.table,
      page,
      window,
      shape.kvHeads,
      headBytes,
      codec,
      shape.keyDim,
      out + PAGE * 4,
    );
    return heap.f32(out, PAGE).slice();
  };

  return {
    ...wasmPlans(device),
    ...wasmScores(device),
    ...wasmObserve(device),

    chunkIndex: (_label, shape) => createChunkIndex(device, shape),

    segment(index, firstLayer, tokens, marks) {
      const own = wasm<WasmChunkIndex>(index);
      const { boundaries } = index.shape;
      const pages = Math.floor(tokens / PAGE);
      if (pages < own.pages) forgetFrom(device, own, pages);
      if (pages > own.pages && boundaries.source === 'contrast') {
        const oldest = Math.max(0, own.pages * PAGE - 2 * boundaries.window);
        mustBeResident(firstLayer, Math.floor(oldest / PAGE), pages);
      }
      for (let page = own.pages; page < pages; page++) {
        const last = boundariesOf(device, own).at(-1)!;
        const contrast = contrasts(own, wasm<WasmKvLayer>(firstLayer), page);
        const found = pageBoundaries(boundaries, { page, last, marks, contrast });
        appendBoundaries(device, own, found);
        own.pages = page + 1;
      }
    },

    summarize(index, layer, kv) {
      const own = wasm<WasmChunkIndex>(index);
      const { table } = wasm<WasmKvLayer>(kv);
      const { kvHeads, keyDim } = index.shape;
      const summaries = own.layers[layer]!;
      const codec = codecNumber[kv.shape.keys];
      const mean = meanBytes(index.shape);
      const first = summaries.chunks;
      const last = own.count - 1;
      const open = boundariesOf(device, own)[first]!;
      mustBeResident(kv, Math.min(summaries.pages, Math.floor(open / PAGE)), own.pages);
      const scratch = heap.scratch((PAGE + 1) * (keyDim + 1) * 4);
      if (mean > 0 && last > first) {
        summaries.means.reserve(last * mean);
        for (let head = 0; head < kvHeads; head++) {
          const out = summaries.means.start + first * mean + head * keyDim * 2;
          const headAt = keysAt(kv.shape, head);
          kernels.chunkMeans!(
            out,
            own.boundaries.start,
            first,
            last,
            table,
            headAt,
            codec,
            keyDim,
            mean,
            scratch,
          );
        }
      }
      const { sketches } = summaries;
      if (index.shape.sketches && own.pages > summaries.pages) {
        sketches.reserve(own.pages);
        const pages = heap.u32(table, own.pages);
        for (let page = summaries.pages; page < own.pages; page++) {
          for (let head = 0; head < kvHeads; head++) {
            const at = sketches.start + head * sketches.headBytes;
            const first = at + page * firstSketchBytes(keyDim);
            const second = at + sketches.secondAt + page * secondSketchBytes(keyDim);
            kernels.keySketch!(first, second, pages[page]! + keysAt(kv.shape, head), codec, keyDim, scratch);
          }
        }
      }
      const bounds = boundBytes(index.shape);
      if (bounds > 0 && own.pages > summaries.pages) {
        summaries.bounds.reserve(own.pages * bounds);
        const pages = heap.u32(table, own.pages);
        for (let page = summaries.pages; page < own.pages; page++) {
          for (let head = 0; head < kvHeads; head++) {
            const out = summaries.bounds.start + page * bounds + head * (bounds / kvHeads);
            kernels.keyBounds!(out, pages[page]! + keysAt(kv.shape, head), codec, keyDim, scratch);
          }
        }
      }
      summaries.chunks = last;
      summaries.pages = own.pages;
    },

    readBoundaries: async (index) => boundariesOf(device, wasm<WasmChunkIndex>(index)).slice(),
    readChunks: async (index, from, to) => readIndex(device, wasm<WasmChunkIndex>(index), from, to),
    writeChunks: (index, from, to, bytes, room) =>
      writeIndex(device, wasm<WasmChunkIndex>(index), { from, to, room: Math.max(to, room ?? 0) }, bytes),
  };
};
