import { codecNumber, keyBytes, valueBytes } from '../../codecs/page-format.js';
import { type Backend, PAGE, tileCount } from '../backend.js';
import { checkAttend } from '../check-attend.js';
import { demand } from '../kv-shape.js';
import type { GpuBuffer } from './buffers.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import { gridOf, rotates } from './grid.js';
import type { GpuKvLayer } from './pages.js';
import type { Overrides } from './pipelines.js';
import { type GpuPlan, planWords } from './plan-buffer.js';
import { f32 } from './recorder.js';

/** Groups that keep a machine busy; with fewer, the pages of a tile are shared among several. */
const BUSY_GROUPS = 512;
/** Queries that a workgroup has room for in fours, and numbers of their weighted values (shaders/attend.wgsl). */
const MOST_QUADS = 4;
const MIXED = 2048;
/** Most bytes that what single pages give may take; beyond it pages are not shared. */
const MOST_GIVEN = 64 * 2 ** 20;
/** More than any position: no window, no end. */
const NO_END = 2 ** 30;
/** What shaders take for no limit. */
const NO_LIMIT = 3e38;
const [BEGINS, ENDS, SUMS] = [1, 2, 4];

export const attendOverrides = (split: boolean): Overrides => ({ SPLIT: Number(split) });

export interface GpuAttendOptions {
  /** Groups that a call is worth at least, as far as pages go round. Bits do not depend on it. Default: what keeps a machine busy. */
  readonly groups?: number;
}

/** Attention over plans in buffers of the device. */
export const gpuAttend = (
  device: GpuDevice,
  { groups: busy = BUSY_GROUPS }: GpuAttendOptions = {},
): Pick<Backend, 'attend' | 'readPairs'> => {
  const { buffers, recorder } = device;
  // Bound for what is not asked for: a buffer that may be written must not be bound twice.
  const nowhere = [1, 2].map((n) => buffers.take(`nowhere ${n}`, 4, 'activations')) as [GpuBuffer, GpuBuffer];

  return {
    attend: (out, q, layer, reads, how) => {
      const kv = layer as GpuKvLayer;
      const plan = reads as GpuPlan;
      checkAttend(out, q, kv, plan, how);
      const { shape } = kv;
      const { kvHeads, keyDim, valueDim } = shape;
      demand(valueDim <= MIXED / 4, `Values have ${valueDim} channels; the GPU attends to ${MIXED / 4}.`);
      const { position, rows, tileRows } = plan.tiles;
      const { scale, skipBelow = Infinity, softcap = 0, logSumExp, pass } = how;
      if (rows === 0) return;
      const heads = q.cols / keyDim;
      const tiles = tileCount(plan.tiles);
      const window = Math.min(how.window ?? NO_END, NO_END);
      const [begin, end] = [pass?.from ?? 0, Math.min(pass?.to ?? NO_END, position + rows)];

      // Queries of a tile and KV head, in fours.
      const queries = Math.min(tileRows, rows) * Math.ceil(heads / kvHeads);
      const quads = Math.min(MOST_QUADS, Math.floor(MIXED / 4 / valueDim), Math.ceil(queries / 4));
      const groups = Math.ceil(queries / (4 * quads));
      const slots = groups * 4 * quads;
      const all = kvHeads * tiles * slots;
      const place = [position, rows, tileRows, tiles, heads, kvHeads, slots, 0];
      const numbers = all * keyDim;
      const codes = shape.keys === 'q8' ? numbers / 2 : numbers;
      const asked = buffers.take('queries', 4 * (codes + all), 'activations');
      const width = shape.keys === 'f16' ? 0 : keyDim & -keyDim;
      recorder.run({
        kernel: 'queries',
        overrides: rotates(keyDim),
        params: [
          ...place,
          ...[startOf(q), keyDim, width, f32(1 / Math.sqrt(Math.max(1, width)))],
          ...[f32(scale / Math.LN2), codes, +(shape.keys === 'q8')],
        ],
        buffers: [asked, bufferOf(q)],
        groups: [slots, tiles, kvHeads],
      });

      const places = kv.table();
      recorder.run({
        kernel: 'attend-pairs',
        params: [...planWords(plan), position, rows, tileRows, window, begin, end, +(kv.resident < kv.pages)],
        buffers: [plan.pairs, recorder.faults, plan.buffer!, places],
        groups: gridOf(plan.lists * rows),
      });

      // Pages that a tile may read at most, and workgroups that share them.
      const least = Math.max(begin, window < NO_END ? position + 1 - window : 0);
      const room = Math.max(1, Math.ceil(end / PAGE) - Math.floor(Math.max(0, least) / PAGE));
      const given = all * (1 + room * (valueDim + 2)) * 4;
      const wanted = Math.min(room, Math.ceil(busy / (groups * tiles * kvHeads)));
      const fits = given <= Math.min(MOST_GIVEN, device.granted.bufferBytes);
      const splits = fits && skipBelow === Infinity ? wanted : 1;
      const flags =
        (pass && !pass.first ? BEGINS! : 0) | (!pass || pass.last ? ENDS! : 0) | (logSumExp ? SUMS! : 0);
      const sums = logSumExp ? bufferOf(logSumExp) : nowhere[0];
      const carry = pass ? bufferOf(pass.carry) : nowhere[1];
      const ends = [
        startOf(out),
        logSumExp ? startOf(logSumExp) : 0,
        pass ? startOf(pass.carry) : 0,
        flags,
      ] as const;
      const target = splits > 1 ? buffers.take('what pages give', given, 'activations') : bufferOf(out);
      recorder.run({
        kernel: 'attend',
        overrides: attendOverrides(splits > 1),
        params: [
          ...planWords(plan),
          ...place,
          ...[keyDim, valueDim, codecNumber[shape.keys], codecNumber[shape.values]],
          ...[keyBytes(shape) / 4, valueBytes(shape) / 4, kv.pageBytes / 4, quads, codes / 4],
          ...[window, begin, end, ...ends, splits, room],
          ...[softcap / Math.LN2, softcap > 0 ? Math.LN2 / softcap : 0].map(f32),
          f32(skipBelow === Infinity ? NO_LIMIT : skipBelow / Math.LN2),
          plan.liftsAt,
        ],
        buffers: [target, asked, kv.buffer!, places, plan.buffer!, sums, carry],
        alsoWrites: [sums, carry],
        groups: [groups * splits, tiles, kvHeads],
      });
      buffers.give(asked);
      if (splits === 1) return;
      recorder.run({
        kernel: 'merge',
        params: [...place, valueDim, ...ends, room],
        buffers: [bufferOf(out), target, sums, carry],
        alsoWrites: [sums, carry],
        groups: [slots, tiles, kvHeads],
      });
      buffers.give(target);
    },

    readPairs: async (reads) => {
      const { pairs, lists } = reads as GpuPlan;
      const found = recorder.read(pairs, 0, 8);
      // If the device is lost, both fail, and this one first.
      found.catch(() => undefined);
      recorder.clear(pairs, 0, 8);
      const [low, high] = new Uint32Array(await found);
      return (low! + high! * 2 ** 32) / lists;
    },
  };
};
