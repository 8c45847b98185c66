import { codecNumber, pageBytes } from '../../codecs/page-format.js';
import { type Backend, carryWidth, type KvLayer, PAGE, tileCount } from '../backend.js';
import { checkAppend, checkKvShape, demand, mustBeResident } from '../kv-shape.js';
import { mustBeResidentIn } from './cold.js';
import type { Device, WasmKvLayer, WasmPlan } from './device.js';
import { type Growing, growing } from './growing.js';
import { rangedRoom, runRanged } from './ranged.js';
import { at, shape as shapeOf } from './shapes.js';

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
    demand(page >= 0 && page < kv.pages, `Page ${page} was used, of ${kv.pages}.`);
    return heap.u32(kv.table, kv.pages)[page]!;
  };

  /** By what was given of it: where memory for pages lies that no layer has yet. */
  const rooms = new Map<Uint8Array, number>();

  const give = (kv: WasmKvLayer, page: number, start = heap.alloc(kv.pageBytes, 'pages')): number => {
    heap.u32(kv.table, kv.pages)[page] = start;
    (kv as PagedLayer).warm[page] = 1;
    kv.resident += 1;
    return start;
  };

  const take = (kv: WasmKvLayer, page: number): void => {
    const start = address(kv, page);
    if (start === 0) return;
    heap.free(start);
    heap.u32(kv.table, kv.pages)[page] = 0;
    (kv as PagedLayer).warm[page] = 0;
    kv.resident -= 1;
  };

  const mapPages = (layer: KvLayer, pages: number, cold = false): void => {
    const kv = layer as PagedLayer;
    const cutTo = (count: number): void => {
      for (; kv.pages > count; kv.pages--) take(kv, kv.pages - 1);
    };
    cutTo(pages);
    kv.addresses.reserve(pages * 4);
    const before = kv.pages;
    try {
      while (kv.pages < pages) {
        const page = kv.pages++;
        heap.u32(kv.table, kv.pages)[page] = 0;
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
      const room = Math.ceil(keyDim / 16) * 64;
      const grain = Math.ceil(k.rows / jobs.pieces((k.rows * (k.cols + v.cols)) / STORED_PER_US));
      const scratch = heap.scratch(jobs.threads * room);
      const sizes = [kvHeads, keyDim, valueDim, codecNumber[keys], codecNumber[values]];
      jobs.run({
        share: 'appendKv',
        items: Math.ceil(k.rows / grain),
        args: [kv.table, at(k), at(v), position, k.rows, ...sizes, grain, scratch, room],
      });
    },

    attend: (out, q, layer, reads, how) => {
      const { scale, skipBelow = Number.POSITIVE_INFINITY, logSumExp, window = NO_WINDOW, softcap = 0 } = how;
      const { pass } = how;
      const { from, to } = pass ?? { from: 0, to: Number.POSITIVE_INFINITY };
      const kv = layer as WasmKvLayer;
      const plan = reads as WasmPlan;
      const { kvHeads, keyDim, valueDim, keys, values } = kv.shape;
      const { position, rows, tileRows } = plan.tiles;
      const heads = q.cols / keyDim;
      const fits = Number.isInteger(heads) && q.rows === rows && out.rows === rows;
      demand(fits && out.cols === heads * valueDim, `attend got ${shapeOf(out)} and ${shapeOf(q)}.`);
      demand(
        plan.lists === 1 || plan.lists === kvHeads,
        `A plan of ${plan.lists} lists met ${kvHeads} heads.`,
      );
      demand(position + rows <= kv.pages * PAGE, `${kv.pages} pages were read up to ${position + rows}.`);
      demand(
        !logSumExp || (logSumExp.rows === rows && logSumExp.cols === heads),
        `logSumExp must be (${rows} × ${heads}).`,
      );
      const aligned = from >= 0 && from % PAGE === 0 && to >= from && (to % PAGE === 0 || to === Infinity);
      demand(aligned, `Keys from ${from} to ${to} were asked for; passes are cut between pages of ${PAGE}.`);
      demand(
        !pass || (pass.carry.rows === rows * heads && pass.carry.cols === carryWidth(kv.shape)),
        `carry must be (${rows * heads} × ${carryWidth(kv.shape)}).`,
      );
      demand(window >= 1 && Number.isInteger(window), `A window of ${window} keys was asked for.`);
      demand(softcap >= 0 && Number.isFinite(softcap), `Logits were to be capped at ${softcap}.`);
      mustBeResidentIn(heap, kv, plan, { from, to: Math.min(to, position + rows), window });
      const queries = Math.min(tileRows, rows) * Math.ceil(heads / kvHeads);
      const room = kernels.attendScratch!(queries, keyDim, valueDim);
      const args = rangedRoom(device, ATTEND_BYTES, room);
      const { counts, ranges, capacity, lists, lifts } = plan;
      const begin = pass && !pass.first ? at(pass.carry) : 0;
      const carry = pass && !pass.last ? at(pass.carry) : 0;
      heap
        .u32(args, 18)
        .set([
          ...[at(out), at(q), kv.table, counts, ranges, capacity, lists, position, rows, tileRows],
          ...[heads, kvHeads, keyDim, valueDim, codecNumber[keys], codecNumber[values]],
          ...[Math.min(window, NO_WINDOW), logSumExp ? at(logSumExp) : 0],
        ]);
      heap.f32(args + 4 * 18, 3).set([scale, softcap, skipBelow]);
      heap.u32(args + 4 * 21, 4).set([from, Math.min(to, NO_WINDOW), begin, carry]);
      const pairs = kernels.attendPairs!(args);
      const items = kvHeads * tileCount(plan.tiles);
      const us = ((pairs / lists) * heads * (keyDim + valueDim)) / ATTENDED_PER_US;
      // What is left when every thread had as many: divided where two threads or more are there for each.
      const left = jobs.pieces(us) > 1 && items < WORTH_DIVIDING * jobs.threads ? items % jobs.threads : 0;
      const parts = Math.max(1, Math.min(Math.ceil(heads / kvHeads), Math.floor(jobs.threads / left)));
      const divided = parts > 1 ? left : 0;
      heap.u32(args + 4 * 25, 3).set([items - divided, parts, lifts]);
      runRanged(device, 'attend', args, ATTEND_BYTES, room, items + divided * (parts - 1), us);
      const counter = new DataView(heap.memory.buffer, plan.pairs, 8);
      counter.setFloat64(0, counter.getFloat64(0, true) + pairs, true);
    },

    readPairs: async (reads) => {
      const { pairs, lists } = reads as WasmPlan;
      const counter = new DataView(heap.memory.buffer, pairs, 8);
      const sum = counter.getFloat64(0, true);
      counter.setFloat64(0, 0, true);
      return sum / lists;
    },
  };
};
