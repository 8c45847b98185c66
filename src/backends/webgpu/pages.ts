import { codecNumber, keyBytes, pageBytes, valueBytes } from '../../codecs/page-format.js';
import { type Backend, type KvLayer, PAGE } from '../backend.js';
import { checkAppend, checkKvShape, demand, mustBeResident } from '../kv-shape.js';
import { apart } from './apart.js';
import type { GpuBuffer } from './buffers.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import { channels } from './grid.js';
import { f32 } from './recorder.js';

type Verbs = Pick<Backend, 'kvLayer' | 'mapPages' | 'dropPages' | 'writePage' | 'readPage' | 'appendKv'>;

/** Pages of a layer that has just been made. */
const FIRST_PAGES = 4;

/**
 * The pages of a layer lie in one buffer, in any order: `places` says where. The buffer grows by doubling, on the device;
 * a place that is given up is used again, and memory is given back only with the layer.
 */
export interface GpuKvLayer extends KvLayer {
  /** By page, its place in the buffer; −1: cold. */
  readonly places: number[];
  buffer: GpuBuffer | undefined;
  pages: number;
  resident: number;
  /**
   * `places` on the device, 0xffffffff where a page is cold, for dispatches that are recorded before the next verb
   * touches the layer: written when it is asked for and something has changed.
   */
  table(): GpuBuffer;
  release(): void;
}

interface OwnLayer extends GpuKvLayer {
  readonly label: string;
  /** Places that pages gave up. */
  readonly free: number[];
  /** Places that were ever used. */
  used: number;
  tabled: GpuBuffer | undefined;
  /** `tabled` is what `places` are. */
  isTabled: boolean;
}

/** Pages of K and V in the one stored layout (docs/FORMAT.md). */
export const gpuPages = (device: GpuDevice): Verbs => {
  const { buffers, recorder } = device;

  const grow = (kv: OwnLayer): void => {
    const room = Math.max(FIRST_PAGES, 2 * kv.used);
    const fits = Math.floor(device.granted.bufferBytes / kv.pageBytes);
    const bytes = Math.min(room, Math.max(fits, kv.used + 1)) * kv.pageBytes;
    const larger = buffers.take(`pages of ${kv.label}`, bytes, 'pages');
    if (kv.buffer) {
      recorder.copy(larger, 0, kv.buffer, 0, kv.used * kv.pageBytes);
      buffers.give(kv.buffer);
    }
    kv.buffer = larger;
  };

  const give = (kv: OwnLayer, page: number): void => {
    let place = kv.free.pop();
    if (place === undefined) {
      if (!kv.buffer || (kv.used + 1) * kv.pageBytes > kv.buffer.bytes) grow(kv);
      place = kv.used++;
    }
    kv.places[page] = place;
    kv.isTabled = false;
    kv.resident += 1;
  };

  const take = (kv: OwnLayer, page: number): void => {
    demand(page >= 0 && page < kv.pages, `Page ${page} was given up, of ${kv.pages}.`);
    const place = kv.places[page]!;
    if (place < 0) return;
    kv.free.push(place);
    kv.places[page] = -1;
    kv.isTabled = false;
    kv.resident -= 1;
  };

  const tableOf = (kv: OwnLayer): GpuBuffer => {
    const bytes = 4 * kv.places.length;
    if (!kv.tabled || kv.tabled.bytes < bytes) {
      if (kv.tabled) buffers.give(kv.tabled);
      kv.tabled = buffers.take(`places of ${kv.label}`, Math.max(256, 2 * bytes), 'pages');
      kv.isTabled = false;
    }
    if (!kv.isTabled) recorder.copy(kv.tabled, 0, recorder.lists, 4 * recorder.list(kv.places), bytes);
    kv.isTabled = true;
    return kv.tabled;
  };

  const cutTo = (kv: OwnLayer, pages: number): void => {
    for (; kv.pages > pages; kv.pages--) {
      take(kv, kv.pages - 1);
      kv.places.pop();
    }
  };

  return {
    kvLayer: (label, shape): GpuKvLayer => {
      checkKvShape(label, shape);
      const kv: OwnLayer = {
        label,
        shape,
        pageBytes: pageBytes(shape),
        places: [],
        free: [],
        used: 0,
        buffer: undefined,
        tabled: undefined,
        isTabled: false,
        pages: 0,
        resident: 0,
        table: () => tableOf(kv),
        isCold(page) {
          if (!(page >= 0 && page < kv.pages)) demand(false, `Page ${page} was asked for, of ${kv.pages}.`);
          return kv.places[page]! < 0;
        },
        release() {
          cutTo(kv, 0);
          for (const buffer of [kv.buffer, kv.tabled]) if (buffer) buffers.give(buffer);
          kv.buffer = undefined;
          kv.tabled = undefined;
          kv.free.length = 0;
          kv.used = 0;
        },
      };
      return kv;
    },

    mapPages: (layer, pages, cold = false) => {
      const kv = layer as OwnLayer;
      cutTo(kv, pages);
      const before = kv.pages;
      try {
        while (kv.pages < pages) {
          kv.places.push(-1);
          const page = kv.pages++;
          if (cold) continue;
          give(kv, page);
          // Kernels read whole blocks and mask afterwards: what is not written yet must still be numbers.
          recorder.clear(kv.buffer!, kv.places[page]! * kv.pageBytes, kv.pageBytes);
        }
      } catch (error) {
        cutTo(kv, before);
        throw error;
      }
    },

    dropPages: (layer, pages) => {
      for (const page of pages) take(layer as OwnLayer, page);
    },

    writePage: (layer, page, bytes) => {
      const kv = layer as OwnLayer;
      demand(bytes.length === kv.pageBytes, `A page of ${bytes.length} bytes came for ${kv.pageBytes}.`);
      if (kv.isCold(page)) give(kv, page);
      recorder.write(kv.buffer!, kv.places[page]! * kv.pageBytes, bytes);
    },

    readPage: async (layer, page) => {
      const kv = layer as OwnLayer;
      mustBeResident(kv, page, page + 1);
      return new Uint8Array(await recorder.read(kv.buffer!, kv.places[page]! * kv.pageBytes, kv.pageBytes));
    },

    appendKv: (layer, k, v, position) => {
      const kv = layer as OwnLayer;
      const { kvHeads, keyDim, valueDim, keys, values } = kv.shape;
      checkAppend(kv, k, v, position);
      const end = position + k.rows;
      if (k.rows === 0) return;
      const [first, last] = [Math.floor(position / PAGE), Math.ceil(end / PAGE)];
      mustBeResident(kv, first, last);
      // A rotated block has as many channels as the greatest power of two that divides the width (docs/FORMAT.md).
      const width = keys === 'f16' ? 0 : keyDim & -keyDim;
      apart(device, v, k, (source, at) => {
        const table = recorder.list(kv.places.slice(first, last));
        recorder.run({
          kernel: 'append-kv',
          overrides: channels(Math.max(keyDim, valueDim)),
          params: [
            ...[startOf(k), at, keyDim, valueDim, codecNumber[keys], codecNumber[values]],
            ...[keyBytes(kv.shape) / 4, valueBytes(kv.shape) / 4, position, table, kv.pageBytes / 4],
            ...[kvHeads, width, f32(1 / Math.sqrt(Math.max(1, width)))],
          ],
          buffers: [kv.buffer!, bufferOf(k), source, recorder.lists],
          groups: [k.rows, kvHeads, 2],
        });
      });
    },
  };
};
