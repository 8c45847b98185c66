import { LonghandError } from '../../errors.js';
import type { Backend, Tensor, Weight } from '../backend.js';
import type { Device, WasmTensor, WasmWeight } from './device.js';

/** Rows that are multiplied in one go: bounds the memory for quantised activations. */
const ROWS = 128;

type Verbs = Pick<Backend, 'embed' | 'rmsNorm' | 'matmul' | 'rope' | 'gate' | 'add' | 'softcap'>;

const at = (thing: Tensor | Weight): number => (thing as WasmTensor | WasmWeight).start;
const size = (tensor: Tensor): number => tensor.rows * tensor.cols;
const shape = ({ label, rows, cols }: Tensor | Weight): string => `${label} (${rows} × ${cols})`;

/** Kernels trust their arguments, so every shape is checked before. */
const demand = (fits: boolean, verb: string, ...things: (Tensor | Weight)[]): void => {
  if (fits) return;
  const shapes = things.map(shape).join(', ');
  throw new LonghandError('internal', `${verb} got shapes that do not fit: ${shapes}. Please report this.`);
};

const isVector = (weight: Weight, cols: number): boolean =>
  weight.type === 'F32' && weight.rows === 1 && weight.cols === cols;

/** Embedding, norms, projections, rotation and gates. */
export const wasmLinear = ({ heap, kernels }: Device): Verbs => ({
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
    if (scale !== 1) kernels.embedScale!(at(out), size(out), scale);
  },

  rmsNorm: (out, x, gain, eps) => {
    demand(out.rows === x.rows && out.cols === x.cols && isVector(gain, x.cols), 'rmsNorm', out, x, gain);
    kernels.rmsNorm!(at(out), at(x), at(gain), x.rows, x.cols, eps);
  },

  matmul: (out, x, w, bias) => {
    const fits = x.cols === w.cols && out.cols === w.rows && out.rows === x.rows;
    demand(fits && (!bias || isVector(bias, w.rows)), 'matmul', out, x, w, ...(bias ? [bias] : []));
    const offsets = bias ? at(bias) : 0;
    if (w.type === 'F32' && w.rows === 1) {
      kernels.matmulVector!(at(out), at(x), at(w), x.rows, x.cols, offsets);
      return;
    }
    const panels = heap.scratch(
      kernels.panelBytes!(w.type === 'F32' ? 1 : 0, Math.min(ROWS, x.rows), x.cols),
    );
    for (let row = 0; row < x.rows; row += ROWS) {
      const rows = Math.min(ROWS, x.rows - row);
      const to = at(out) + row * out.cols * 4;
      kernels[`panels${w.type}`]!(panels, at(x) + row * x.cols * 4, rows, x.cols);
      kernels[`matmul${w.type}`]!(
        to,
        panels,
        at(w),
        rows,
        w.rows,
        x.cols,
        offsets,
        0,
        Math.ceil(w.rows / 16),
      );
    }
  },

  rope: (x, angles, pairing) => {
    const heads = x.rows / angles.rows;
    demand(Number.isInteger(heads) && angles.cols % 2 === 0 && angles.cols <= x.cols, 'rope', x, angles);
    const rotate = pairing === 'half' ? kernels.ropeHalf! : kernels.ropeAdjacent!;
    rotate(at(x), at(angles), angles.rows, heads, x.cols, angles.cols / 2);
  },

  gate: (out, up, act) => {
    demand(size(out) === size(up), 'gate', out, up);
    (act === 'silu' ? kernels.gateSilu! : kernels.gateGelu!)(at(out), at(up), size(out));
  },

  add: (out, x) => {
    demand(size(out) === size(x), 'add', out, x);
    kernels.add!(at(out), at(x), size(out));
  },

  softcap: (out, cap) => {
    demand(cap > 0 && Number.isFinite(cap), `softcap of ${cap}`, out);
    kernels.softcap!(at(out), size(out), cap);
  },
});
