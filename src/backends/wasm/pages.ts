import { codecNumber, pageBytes } from '../../codecs/page-format.js';
import { type Backend, type KvLayer, PAGE, tileCount } from '../backend.js';
import { checkAttend } from '../check-attend.js';
import { checkAppend, checkKvShape, demand, mustBeResident } from '../kv-shape.js';
import { mustBeResidentIn } from './cold.js';
import type { Device, WasmKvLayer, WasmPlan } from './device.js';
import { type Growing, growing } from './growing.js';
import { rangedRoom, runRanged } from './ranged.js';
import { at } from './shapes.js';

type Verbs = Pick<
  Backend,
  | 'kvLayer'
  | 'mapPages'
  | 'dropPages'
  | 'writePage'
  | 'pageRoom'
  | 'freeRoom'
  | 'readPage'
  | 'peekPage'
  | 'appendKv'
  | 'attend'
  | 'readPairs'
>;

/** A layer whose table of page addresses grows. */
interface PagedLayer extends WasmKvLayer {
  readonly addresses: Growing;
  /** By page: 1 where it has memory. A view into the device's memory is slow to make, and this is asked often. */
  readonly warm: number[];
  /** Behind the last token that was appended: what lay behind it is gone. */
  filled: number;
  edits: number;
}

/** Room for the arguments of `attend` (assembly/attend.ts). */
const ATTEND_BYTES = 128;
/** Products of queries with keys and of weights with values that one thread gets through in a microsecond: a first guess. */
const ATTENDED_PER_US = 10_000;
/** Items of attention for each thread from which on none is divided: a whole one costs less than its parts. */
const WORTH_DIVIDING = 8;
/** Numbers of keys and values that one thread encodes in a microsecond. */
const STORED_PER_US = 300;
/** More than any position: no window. */
const NO_WINDOW = 2 ** 30;

/** Pages of K and V, and attention over them. */
export const wasmPages = (device: Device): Verbs => {
  const { heap, kernels, jobs } = device;
  /** Address of a page, 0 where it is cold. */
  const address = (kv: WasmKvLayer, page: number): number => {
    if (!(page >= 0 && page < kv.pages)) demand(false, `Page ${page} was used, of ${kv.pages}.`);
    return heap.words[kv.table / 4 + page]!;
  };

  /** By what was given of it: where memory for pages lies that no layer has yet. */
  const rooms = new Map<Uint8Array, number>();

  const give = (kv: WasmKvLayer, page: number, start = heap.alloc(kv.pageBytes, 'pages')): number => {
    heap.words[kv.table / 4 + page] = start;
    (kv as PagedLayer).warm[page] = 1;
    kv.resident += 1;
    return start;
  };

  const take = (kv: WasmKvLayer, page: number): void => {
    const start = address(kv, page);
    if (start === 0) return;
    heap.free(start);
    heap.words[kv.table / 4 + page] = 0;
    (kv as PagedLayer).warm[page] = 0;
    kv.resident -= 1;
  };

  const mapPages = (layer: KvLayer, pages: number, cold = false): void => {
    const kv = layer as PagedLayer;
    if (kv.pages === pages) return;
    if (pages < kv.pages) kv.edits += 1;
    kv.filled = Math.min(kv.filled, pages * PAGE);
    const cutTo = (count: number): void => {
      for (; kv.pages > count; kv.pages--) take(kv, kv.pages - 1);
    };
    cutTo(pages);
    kv.addresses.reserve(pages * 4);
    const before = kv.pages;
    try {
      while (kv.pages < pages) {
        const page = kv.pages++;
        heap.words[kv.table / 4 + page] = 0;
        kv.warm[page] = 0;
        // Kernels read whole blocks and mask afterwards: what is not written yet must still be numbers.
        if (!cold) heap.u8(give(kv, page), kv.pageBytes).fill(0);
      }
    } catch (error) {
      cutTo(before);
      throw error;
    }
  };

  return {
    kvLayer: (label, shape): WasmKvLayer => {
      checkKvShape(label, shape);
      const addresses = growing(heap, 'pages');
      const kv: PagedLayer = {
        shape,
        pageBytes: pageBytes(shape),
        pages: 0,
        resident: 0,
        met: 0,
        isCold(page) {
          if (!(page >= 0 && page < kv.pages)) demand(false, `Page ${page} was asked for, of ${kv.pages}.`);
          return kv.warm[page] === 0;
        },
        addresses,
        warm: [],
        filled: 0,
        edits: 0,
        get table() {
          return addresses.start;
        },
        release() {
          mapPages(kv, 0);
          addresses.release();
        },
      };
      return kv;
    },

    mapPages,

    dropPages: (layer, pages) => {
      for (const page of pages) take(layer as WasmKvLayer, page);
    },

    writePage: (layer, page, bytes, met = (page + 1) * PAGE) => {
      const kv = layer as WasmKvLayer;
      demand(bytes.length === kv.pageBytes, `A page of ${bytes.length} bytes came for ${kv.pageBytes}.`);
      const there = address(kv, page);
      (kv as PagedLayer).edits += 1;
      const room = rooms.get(bytes);
      if (there === 0 && room !== undefined) {
        rooms.delete(bytes);
        heap.retype(room, 'pages');
        give(kv, page, room);
      } else heap.u8(there || give(kv, page), kv.pageBytes).set(bytes);
      if (page === kv.pages - 1) kv.met = met;
    },

    // Views of memory of one's own go when it grows.
    ...(!(heap.memory.buffer instanceof ArrayBuffer) && {
      pageRoom: (bytes: number) => {
        const start = heap.alloc(bytes, 'activations');
        const room = heap.u8(start, bytes);
        rooms.set(room, start);
        return room;
      },
      freeRoom: (room: Uint8Array) => {
        const start = rooms.get(room);
        if (start !== undefined) heap.free(start);
        rooms.delete(room);
      },
    }),

    readPage: async (layer, page) => {
      const kv = layer as WasmKvLayer;
      mustBeResident(kv, page, page + 1);
      return heap.u8(address(kv, page), kv.pageBytes).slice();
    },

    peekPage: (layer, page) => {
      const kv = layer as WasmKvLayer;
      mustBeResident(kv, page, page + 1);
      return heap.u8(address(kv, page), kv.pageBytes);
    },

    appendKv: (layer, k, v, position) => {
      const kv = layer as WasmKvLayer;
      const { kvHeads, keyDim, valueDim, keys, values } = kv.shape;
      checkAppend(kv, k, v, position);
      const end = position + k.rows;
      mustBeResident(kv, Math.floor(position / PAGE), Math.ceil(end / PAGE));
      const paged = kv as PagedLayer;
      if (position < paged.filled) paged.edits += 1;
      paged.filled = end;
      const room = Math.ceil(keyDim / 16) * 64;
      const grain = Math.ceil(k.rows / jobs.pieces((k.rows * (k.cols + v.cols)) / STORED_PER_US));
      const scratch = heap.scratch(jobs.threads * room);
      const args = [kv.table, at(k), at(v), position, k.rows, kvHeads, keyDim, valueDim];
      args.push(codecNumber[keys], codecNumber[values], grain, scratch, room);
      jobs.run({ share: 'appendKv', items: Math.ceil(k.rows / grain), args });
    },

    attend: (out, q, layer, reads, how) => {
      const kv = layer as WasmKvLayer;
      const plan = reads as WasmPlan;
      checkAttend(out, q, kv, plan, how);
      const { scale, skipBelow = Infinity, logSumExp, window = NO_WINDOW, softcap = 0, pass } = how;
      const { kvHeads, keyDim, valueDim, keys, values } = kv.shape;
      const { tiles, counts, ranges, capacity, lists, lifts } = plan;
      const { position, rows, tileRows } = tiles;
      const heads = q.cols / keyDim;
      const group = Math.ceil(heads / kvHeads);
      const from = pass ? pass.from : 0;
      const to = pass ? Math.min(pass.to, NO_WINDOW) : NO_WINDOW;
      if (kv.resident < kv.pages)
        mustBeResidentIn(heap, kv, plan, { from, to: Math.min(to, position + rows), window });
      const room = kernels.attendScratch!(Math.min(tileRows, rows) * group, keyDim, valueDim);
      const args = rangedRoom(device, ATTEND_BYTES, room);
      const begin = pass && !pass.first ? at(pass.carry) : 0;
      const carry = pass && !pass.last ? at(pass.carry) : 0;
      const [keyCodec, valueCodec] = [codecNumber[keys], codecNumber[values]];
      const [longest, sums] = [Math.min(window, NO_WINDOW), logSumExp ? at(logSumExp) : 0];
      const given = [at(out), at(q), kv.table, counts, ranges, capacity, lists, position, rows, tileRows];
      given.push(heads, kvHeads, keyDim, valueDim, keyCodec, valueCodec, longest, sums);
      heap.words.set(given, args / 4);
      heap.floats.set([scale, softcap, skipBelow], args / 4 + 18);
      heap.words.set([from, to, begin, carry], args / 4 + 21);
      const pairs = kernels.attendPairs!(args);
      const items = kvHeads * tileCount(tiles);
      const us = ((pairs / lists) * heads * (keyDim + valueDim)) / ATTENDED_PER_US;
      // What is left when every thread had as many: divided where two threads or more are there for each.
      const left = jobs.pieces(us) > 1 && items < WORTH_DIVIDING * jobs.threads ? items % jobs.threads : 0;
      const parts = Math.max(1, Math.min(group, Math.floor(jobs.threads / left)));
      const divided = parts > 1 ? left : 0;
      heap.words.set([items - divided, parts, lifts], args / 4 + 25);
      runRanged(device, 'attend', args, ATTEND_BYTES, room, items + divided * (parts - 1), us);
      plan.pairs += pairs;
    },

    readPairs: async (reads) => {
      const plan = reads as WasmPlan;
      const { pairs } = plan;
      plan.pairs = 0;
      return pairs / plan.lists;
    },
  };
};
