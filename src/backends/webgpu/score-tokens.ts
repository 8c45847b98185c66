import { codecNumber } from '../../codecs/page-format.js';
import { type Backend, PAGE, tileCount } from '../backend.js';
import { demand } from '../kv-shape.js';
import type { GpuChunkIndex } from './chunk-index.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import { gridOf } from './grid.js';
import type { GpuKvLayer } from './pages.js';
import { type GpuPlan, planWords } from './plans.js';
import { f32 } from './recorder.js';
import { sketchQueries } from './score-chunks.js';
import { chunkTable, type GpuScores, mostChunks, shapeScores } from './scores.js';

/** Exact attention mass of chunks, over the tokens that a plan names: one row of every tile after the other. */
export const gpuScoreTokens = (device: GpuDevice): Pick<Backend, 'scoreTokens'> => {
  const { buffers, recorder } = device;
  return {
    scoreTokens: (scores, q, kv, index, candidates, scale) => {
      const own = scores as GpuScores;
      const plan = candidates as GpuPlan;
      const chunks = index as GpuChunkIndex;
      const { shape, pageBytes, buffer, table: places } = kv as GpuKvLayer;
      const { tiles } = plan;
      const { kvHeads, keyDim, keys } = shape;
      demand(scores.lists === plan.lists, 'Scores and candidates do not belong to the same call.');
      const count = tileCount(tiles);
      const rows = plan.lists * count;
      const heads = q.cols / keyDim;
      const span = tiles.position + tiles.rows;
      shapeScores(device, own, tiles, mostChunks(index, tiles), false);
      const table = chunkTable(index, tiles);
      const rounds = Math.max(...table.filter((_, i) => i % 3 === 2));
      if (kv.resident < kv.pages) {
        // Whether a named page is cold only the device can tell: then the next reading back rejects, as attention's would.
        const pairs = buffers.take('pairs', 8, 'chunks');
        const { position, rows: asked, tileRows } = tiles;
        recorder.run({
          kernel: 'attend-pairs',
          params: [...planWords(plan), position, asked, tileRows, span, 0, span, 1],
          buffers: [pairs, recorder.faults, plan.buffer!, places()],
          groups: gridOf(plan.lists * asked),
        });
        buffers.give(pairs);
      }
      const logits = buffers.take('logits of tokens', 4 * count * heads * span, 'activations');
      for (let round = 0; round < rounds; round++) {
        // The row that asks; a tile that has no more of them asks its last one again, and nobody listens.
        const asking = table.map((word, i) =>
          i % 3 === 1 ? word + Math.min(round, table[i + 1]! - 1) : word,
        );
        const queries = sketchQueries(
          device,
          q,
          count,
          { askers: heads, together: 1, dim: keyDim, scale },
          asking,
        );
        recorder.run({
          kernel: 'score-tokens',
          params: [
            ...[codecNumber[keys], keyDim, pageBytes / kvHeads / 4, pageBytes / 4, ...planWords(plan)],
            ...[heads, heads / kvHeads, heads / plan.lists, span, startOf(q), q.cols, tiles.position, round],
            ...[recorder.list(asking), f32(scale)],
          ],
          buffers: [...[logits, buffer!, bufferOf(q), queries, places(), plan.buffer!, recorder.lists]],
          groups: [Math.ceil(span / PAGE), heads, count],
        });
        recorder.run({
          kernel: 'add-mass',
          params: [
            ...[rows, count, heads, heads / plan.lists, own.stride, span, tiles.position, round],
            recorder.list(asking),
          ],
          buffers: [own.buffer!, logits, chunks.boundaries, recorder.lists],
          groups: [rows],
        });
        buffers.give(queries);
      }
      buffers.give(logits);
    },
  };
};
