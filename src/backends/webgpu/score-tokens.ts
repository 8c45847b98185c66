import { codecNumber } from '../../codecs/page-format.js';
import { type Backend, type KvLayer, PAGE, type Tensor, tileCount } from '../backend.js';
import { demand } from '../kv-shape.js';
import type { GpuBuffer } from './buffers.js';
import type { GpuChunkIndex } from './chunk-index.js';
import { bufferOf, type GpuDevice, startOf } from './device.js';
import { gridOf } from './grid.js';
import type { GpuKvLayer } from './pages.js';
import { type GpuPlan, planWords } from './plan-buffer.js';
import { f32 } from './recorder.js';
import { sketchQueries } from './score-chunks.js';
import { chunkTable, type GpuScores, mostChunks, shapeScores } from './scores.js';

/** What a round left: the logits (tiles, heads, span) of the row that each tile asks, named in `asking`, three words a tile. */
interface Round {
  readonly logits: GpuBuffer;
  readonly round: number;
  readonly asking: readonly number[];
}

/**
 * Logits of the tokens that a plan names, of one row of every tile after the other; `visit` is called after each. `table`:
 * three words a tile, of which the second is the first row that asks and the third how many do.
 */
export const tokenLogits = (
  device: GpuDevice,
  q: Tensor,
  kv: KvLayer,
  plan: GpuPlan,
  table: readonly number[],
  scale: number,
  visit: (round: Round) => void,
): void => {
  const { buffers, recorder } = device;
  const { shape, pageBytes, buffer, table: places } = kv as GpuKvLayer;
  const { tiles } = plan;
  const { kvHeads, keyDim, keys } = shape;
  const count = tileCount(tiles);
  const heads = q.cols / keyDim;
  const span = tiles.position + tiles.rows;
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
    const asking = table.map((word, i) => (i % 3 === 1 ? word + Math.min(round, table[i + 1]! - 1) : word));
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
    visit({ logits, round, asking });
    buffers.give(queries);
  }
  buffers.give(logits);
};

/** Exact attention mass of chunks, over the tokens that a plan names. */
export const gpuScoreTokens = (device: GpuDevice): Pick<Backend, 'scoreTokens'> => ({
  scoreTokens: (scores, q, kv, index, candidates, scale) => {
    const { recorder } = device;
    const own = scores as GpuScores;
    const plan = candidates as GpuPlan;
    const chunks = index as GpuChunkIndex;
    const { tiles } = plan;
    demand(scores.lists === plan.lists, 'Scores and candidates do not belong to the same call.');
    const count = tileCount(tiles);
    const rows = plan.lists * count;
    const heads = q.cols / kv.shape.keyDim;
    const span = tiles.position + tiles.rows;
    shapeScores(device, own, tiles, mostChunks(index, tiles), false);
    tokenLogits(device, q, kv, plan, chunkTable(index, tiles), scale, ({ logits, round, asking }) => {
      recorder.run({
        kernel: 'add-mass',
        params: [
          ...[rows, count, heads, heads / plan.lists, own.stride, span, tiles.position, round],
          recorder.list(asking),
        ],
        buffers: [own.buffer!, logits, chunks.boundaries, recorder.lists],
        groups: [rows],
      });
    });
  },
});
