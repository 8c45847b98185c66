import { codecNumber, pageBytes } from '../../codecs/page-format.js';
import { type Backend, tileCount } from '../backend.js';
import { checkObserve } from '../kv-shape.js';
import { mustBeResidentIn } from './cold.js';
import type { Device, WasmKvLayer, WasmPlan } from './device.js';
import { rangedRoom, runRanged } from './ranged.js';
import { at } from './shapes.js';

/** Arguments of `observe`, in bytes (assembly/observe.ts). */
const OBSERVE_BYTES = 72;
/** Products of queries with keys that one thread gets through in a microsecond. */
const OBSERVED_PER_US = 2_000;

/** Attention probabilities of a few rows. */
export const wasmObserve = (device: Device): Pick<Backend, 'observe'> => ({
  observe: (out, q, layer, reads, scale) => {
    const { heap } = device;
    const kv = layer as WasmKvLayer;
    const plan = reads as WasmPlan;
    const { kvHeads, keyDim, keys } = kv.shape;
    const { position, rows, tileRows } = plan.tiles;
    const heads = q.cols / keyDim;
    checkObserve(out, q, kv, plan);
    mustBeResidentIn(heap, kv, plan);
    const room = (heads / kvHeads) * (4 * (position + rows + 8) + 4 * keyDim + 4) + 16 * keyDim;
    const args = rangedRoom(device, OBSERVE_BYTES, room);
    heap
      .u32(args, 17)
      .set([
        ...[at(out), out.cols * 4, at(q), q.cols * 4, heads, kvHeads, keyDim, plan.lists],
        ...[tileCount(plan.tiles), kv.table, codecNumber[keys], pageBytes(kv.shape) / kvHeads],
        ...[position, tileRows, plan.counts, plan.ranges, plan.capacity],
      ]);
    heap.f32(args + 4 * 17, 1)[0] = scale;
    const us = (rows * heads * keyDim * (position + rows)) / OBSERVED_PER_US;
    runRanged(device, 'observe', args, OBSERVE_BYTES, room, rows * kvHeads, us);
  },
});
