import type { Backend, Tensor, Weight } from '../../src/backends/backend.js';
import { rowBytes } from '../../src/backends/row-formats.js';
import type { RefTensor, RefWeight } from './device.js';
import { asMet, decodeRow } from './rows.js';

type Linear = Pick<
  Required<Backend>,
  | 'tensor'
  | 'view'
  | 'weight'
  | 'fill'
  | 'upload'
  | 'read'
  | 'embed'
  | 'rmsNorm'
  | 'matmul'
  | 'rope'
  | 'gate'
  | 'route'
  | 'add'
  | 'scale'
  | 'softcap'
  | 'topLogits'
>;

const v = (tensor: Tensor): Float32Array => (tensor as RefTensor).values;
const rowOf = (tensor: Tensor, row: number): Float32Array =>
  v(tensor).subarray(row * tensor.cols, (row + 1) * tensor.cols);
const weightRow = (weight: Weight, row: number): Float32Array => {
  const { type, cols, rows, bytes } = weight as RefWeight;
  const size = bytes.length / rows;
  return decodeRow(type, bytes.subarray(row * size, (row + 1) * size), cols);
};

const acts = {
  silu: (x: number) => x / (1 + Math.exp(-x)),
  gelu: (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

export const refLinear = (): Linear => ({
  tensor: (label, rows, cols): RefTensor => ({ label, rows, cols, values: new Float32Array(rows * cols) }),

  view: (tensor, rows, cols, at = 0): RefTensor => ({
    label: tensor.label,
    rows,
    cols,
    values: v(tensor).subarray(at, at + rows * cols),
  }),

  weight: (label, type, rows, cols): RefWeight => {
    return { label, type, rows, cols, bytes: new Uint8Array(rows * rowBytes(type, cols)) };
  },

  fill: (weight, row, bytes) => {
    const { bytes: all, rows } = weight as RefWeight;
    all.set(bytes, (row * all.length) / rows);
  },

  upload: (tensor, values) => v(tensor).set(values),

  read: async (tensor) => v(tensor).slice(),

  embed: (out, table, ids, scale = 1) => {
    const factor = Math.fround(scale);
    for (let row = 0; row < out.rows; row++) {
      rowOf(out, row).set(weightRow(table, ids[row]!).map((x) => x * factor));
    }
  },

  rmsNorm: (out, x, gain, eps) => {
    const g = weightRow(gain, 0);
    for (let row = 0; row < x.rows; row++) {
      const from = rowOf(x, row);
      let squares = 0;
      for (const value of from) squares += value * value;
      const inverse = 1 / Math.sqrt(squares / x.cols + eps);
      rowOf(out, row).set(from.map((value, i) => value * inverse * g[i]!));
    }
  },

  matmul: (out, x, w, bias) => {
    const offsets = bias && weightRow(bias, 0);
    const inputs = Array.from({ length: x.rows }, (_, row) => asMet(w.type, rowOf(x, row)));
    for (let n = 0; n < w.rows; n++) {
      const weights = weightRow(w, n);
      inputs.forEach((input, row) => {
        let sum = 0;
        for (let k = 0; k < w.cols; k++) sum += input[k]! * weights[k]!;
        rowOf(out, row)[n] = Math.fround(sum) + (offsets?.[n] ?? 0);
      });
    }
  },

  rope: (x, angles, pairing) => {
    const pairs = angles.cols / 2;
    const heads = x.rows / angles.rows;
    for (let row = 0; row < x.rows; row++) {
      const channels = rowOf(x, row);
      const angle = rowOf(angles, Math.floor(row / heads));
      for (let i = 0; i < pairs; i++) {
        const first = pairing === 'half' ? i : 2 * i;
        const second = pairing === 'half' ? i + pairs : 2 * i + 1;
        const [a, b, cos, sin] = [channels[first]!, channels[second]!, angle[i]!, angle[pairs + i]!];
        channels[first] = a * cos - b * sin;
        channels[second] = a * sin + b * cos;
      }
    }
  },

  gate: (out, up, act) => {
    const values = v(out);
    v(up).forEach((value, i) => {
      values[i] = acts[act](values[i]!) * value;
    });
  },

  route: (out, scores, { heads, shared, used }) => {
    const width = out.cols / heads;
    const byLength = scores.cols > heads + 2;
    const softmax = (logits: readonly number[], total: number): number[] => {
      const parts = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
      return parts.map((part) => (part * total) / parts.reduce((sum, x) => sum + x, 0));
    };
    for (let row = 0; row < out.rows; row++) {
      const found = rowOf(scores, row);
      const values = Array.from({ length: heads }, (_, h) => {
        const channels = found.subarray((h * scores.cols) / heads, ((h + 1) * scores.cols) / heads);
        return byLength ? channels.reduce((sum, x) => Math.fround(sum + Math.fround(x * x)), 0) : found[h]!;
      });
      const ranked = values.map((_, h) => h).slice(shared);
      const chosen = ranked.sort((a, b) => values[b]! - values[a]! || a - b).slice(0, used);
      const always = Array.from({ length: shared }, (_, h) => h);
      const factors = new Float64Array(heads);
      for (const h of [...always, ...chosen]) factors[h] = 1;
      if (!byLength) {
        const [ofShared, ofUsed] = shared > 0 ? softmax([...found.subarray(heads)], 2) : [0, 1];
        for (const [of, which] of [
          [ofShared!, always],
          [ofUsed!, chosen],
        ] as const) {
          const shares = softmax(
            which.map((h) => values[h]!),
            of * which.length,
          );
          which.forEach((h, i) => {
            factors[h] = shares[i]!;
          });
        }
      }
      rowOf(out, row).set(rowOf(out, row).map((x, i) => x * factors[Math.floor(i / width)]!));
    }
  },

  add: (out, x) => {
    const values = v(out);
    v(x).forEach((value, i) => {
      values[i] = values[i]! + value;
    });
  },

  scale: (out, factor) => {
    const values = v(out);
    values.set(values.map((x) => x * Math.fround(factor)));
  },

  softcap: (out, cap) => {
    const values = v(out);
    values.set(values.map((x) => cap * Math.tanh(x / cap)));
  },

  topLogits: (out, logits) => {
    const numbers = v(logits);
    const places = [...numbers.keys()].filter((place) => numbers[place]! > Number.NEGATIVE_INFINITY);
    places.sort((a, b) => numbers[b]! - numbers[a]! || a - b);
    const sum = places.reduce((all, place) => all + Math.exp(numbers[place]! - numbers[places[0]!]!), 0);
    const rows = places.slice(0, out.rows - 1);
    v(out).set([sum, rows.length, ...rows.flatMap((place) => [numbers[place]!, place])]);
  },
});
