import { SUB_BLOCK, tileCount } from '../backend.js';
import { demand } from '../kv-shape.js';
import type { GpuChunkIndex } from './chunk-index.js';
import type { GpuDevice } from './device.js';
import { choosing } from './grid.js';
import { planWords, shapePlan } from './plan-buffer.js';
import { keepWords, type SelectScored } from './plans.js';
import type { GpuScores } from './scores.js';

/** Chunks or sub-blocks by their scores, until the budget is spent. */
export const gpuSelectScored =
  (device: GpuDevice): SelectScored =>
  (plan, tiles, keep, scores, index) => {
    const { lists, stride, blocks, buffer, tiles: scored } = scores as GpuScores;
    const count = tileCount(tiles);
    demand(
      lists === plan.lists && tileCount(scored) === count && buffer !== undefined,
      'Scores and plan do not belong to the same call.',
    );
    const chunks = index as GpuChunkIndex | undefined;
    // Whatever is chosen, a gap lies between two ranges; and no more is chosen than the budget has tokens for.
    const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * (tiles.position + tiles.rows)));
    const chosen = Math.ceil(Math.min(stride / 2, Math.max(0, budget / (blocks ? SUB_BLOCK : 1))));
    const made = shapePlan(device, plan, tiles, chosen);
    const keeping = keepWords(device, tiles, keep, { index: chunks, blocks, scored: true });
    device.recorder.run({
      kernel: 'select-scored',
      overrides: choosing(stride),
      params: [...planWords(plan), ...keeping, stride],
      buffers: [made, buffer!, chunks?.boundaries ?? device.nothing, device.recorder.lists],
      groups: [lists * count],
    });
  };
