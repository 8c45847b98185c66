import { LonghandError } from '../../errors.js';
import type { Backend, Tensor } from '../backend.js';
import type { Device } from './device.js';
import { at, demand, isRouted, isVector, shape } from './shapes.js';

type Verbs = Pick<Backend, 'embed' | 'rmsNorm' | 'rope' | 'gate' | 'route' | 'add' | 'scale' | 'softcap'>;

const size = (tensor: Tensor): number => tensor.rows * tensor.cols;

// Elements that one thread gets through in a microsecond, as a first guess.
const NORMED_PER_US = 2_000;
const ROTATED_PER_US = 1_000;
const GATED_PER_US = 400;
const ADDED_PER_US = 2_000;

/** `count` elements in so many pieces of whole cache lines. */
const lines = (count: number, pieces: number): number => Math.ceil(count / pieces / 16) * 16;

/** Embedding, norms, rotation and gates. */
export const wasmLinear = ({ heap, kernels, jobs }: Device): Verbs => ({
  embed: (out, table, ids, scale = 1) => {
    demand(out.cols === table.cols && ids.length >= out.rows, 'embed', out, table);
    for (let row = 0; row < out.rows; row++) {
      const id = ids[row]!;
      if (!(id >= 0 && id < table.rows && Number.isInteger(id))) {
        const message = `Token ${id} is not in ${shape(table)}. Use the ids of this model's own tokenizer.`;
        throw new LonghandError('input/option', message, { id, vocab: table.rows });
      }
      kernels[`embed${table.type}`]!(at(out) + row * out.cols * 4, at(table), id, table.cols, table.rows);
    }
    if (scale !== 1) kernels.scale!(at(out), size(out), scale);
  },

  rmsNorm: (out, x, gain, eps) => {
    const fits = out.rows === x.rows && out.cols === x.cols && isVector(gain, x.cols);
    if (!fits) demand(false, 'rmsNorm', out, x, gain);
    const { rows, cols } = x;
    const grain = Math.ceil(rows / jobs.pieces((rows * cols) / NORMED_PER_US));
    const args = [at(out), at(x), at(gain), rows, cols, eps, grain];
    jobs.run({ share: 'rmsNorm', items: Math.ceil(rows / grain), args });
  },

  rope: (x, angles, pairing) => {
    const heads = x.rows / angles.rows;
    const fits = Number.isInteger(heads) && angles.cols % 2 === 0 && angles.cols <= x.cols;
    if (!fits) demand(false, 'rope', x, angles);
    const tokens = angles.rows;
    const grain = Math.ceil(tokens / jobs.pieces(size(x) / ROTATED_PER_US));
    const which = pairing === 'half' ? 1 : 2;
    const args = [which, at(x), at(angles), tokens, heads, x.cols, angles.cols / 2, grain];
    jobs.run({ share: 'rope', items: Math.ceil(tokens / grain), args });
  },

  gate: (out, up, act) => {
    if (size(out) !== size(up)) demand(false, 'gate', out, up);
    const grain = lines(size(out), jobs.pieces(size(out) / GATED_PER_US));
    const args = [act === 'silu' ? 1 : 2, at(out), at(up), size(out), grain];
    jobs.run({ share: 'gate', items: Math.ceil(size(out) / grain), args });
  },

  route: (out, scores, how) => {
    demand(isRouted(out, scores, how), 'route', out, scores);
    const { heads, shared, used } = how;
    const { rows, cols } = scores;
    const spare = heap.scratch(8 * (heads + 2));
    const headDim = cols > heads + 2 ? cols / heads : 0;
    kernels.route!(at(out), at(scores), rows, heads, out.cols / heads, cols, headDim, shared, used, spare);
  },

  add: (out, x) => {
    if (size(out) !== size(x)) demand(false, 'add', out, x);
    const grain = lines(size(out), jobs.pieces(size(out) / ADDED_PER_US));
    jobs.run({
      share: 'add',
      items: Math.ceil(size(out) / grain),
      args: [at(out), at(x), size(out), grain],
    });
  },

  scale: (out, factor) => kernels.scale!(at(out), size(out), factor),

  softcap: (out, cap) => {
    demand(cap > 0 && Number.isFinite(cap), `softcap of ${cap}`, out);
    kernels.softcap!(at(out), size(out), cap);
  },
});
