import { type Backend, tileCount, tileEnd, tileStart } from '../backend.js';
import { checkObserve } from '../kv-shape.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import type { GpuPlan } from './plan-buffer.js';
import { tokenLogits } from './score-tokens.js';

/** Attention probabilities of a few rows: one of every tile after the other. */
export const gpuObserve = (device: GpuDevice): Pick<Backend, 'observe'> => ({
  observe: (out, q, kv, reads, scale) => {
    const { recorder } = device;
    const plan = reads as GpuPlan;
    const { tiles } = plan;
    checkObserve(out, q, kv, plan);
    const heads = q.cols / kv.shape.keyDim;
    const span = tiles.position + tiles.rows;
    const table = Array.from({ length: tileCount(tiles) }, (_, tile) => {
      const start = tileStart(tiles, tile);
      return [0, start - tiles.position, tileEnd(tiles, tile) - start];
    }).flat();
    tokenLogits(device, q, kv, plan, table, scale, ({ logits, round, asking }) => {
      recorder.run({
        kernel: 'observe',
        params: [heads, span, tiles.position, round, recorder.list(asking), startOf(out), out.cols],
        buffers: [bufferOf(out), logits, recorder.lists],
        groups: [heads, tileCount(tiles)],
      });
    });
  },
});
