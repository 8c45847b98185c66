import { LonghandError } from '../errors.js';
import { parseSafetensors } from '../weights/safetensors.js';

/** A linear layer: weight (outputs, inputs), bias (outputs). */
export interface Linear {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** What a file of the network holds. All f32. */
export interface BoundaryWeights {
  /** Channels of a token's keys, all KV heads. */
  readonly width: number;
  readonly heads: number;
  /** Tokens on each side of a gap. */
  readonly window: number;
  readonly hidden: number;
  /** What logits of boundaries are above, as the file says. */
  readonly threshold: number;
  /** (3 · width, width): queries, keys and values. */
  readonly project: Linear;
  readonly out: Linear;
  /** Gain and bias of the normalisation, (width) each. */
  readonly norm: Linear;
  readonly first: Linear;
  readonly second: Linear;
}

const EPS = 1e-5;
/** As in the paper's code, for a file that names none. */
const THRESHOLD = 1.1;

/**
 * The network of a safetensors file, as examples/models/train/boundaries.py writes it: `attention.in_proj`, `attention.out_proj`,
 * `norm`, `first` and `second`, with `heads` and `window` in its metadata, without which the same numbers would mean another
 * function. Throws `model/corrupt` where it is none.
 */
export const readNetwork = (bytes: Uint8Array, label: string): BoundaryWeights => {
  const file = parseSafetensors(bytes, label);
  const [hidden = 0, features = 0] = file.shapeOf('first.weight');
  const width = (features - 1) / 4;
  const [heads, window, threshold] = (['heads', 'window', 'threshold'] as const).map((key) =>
    Number(file.metadata.get(key) ?? (key === 'threshold' ? THRESHOLD : Number.NaN)),
  );
  const whole = [width, heads!, window!].every((n) => Number.isInteger(n) && n > 0 && n <= 16384);
  if (!whole || width % heads! !== 0 || window! > 32 || !(Math.abs(threshold!) <= 100)) {
    throw new LonghandError(
      'model/corrupt',
      `${label} is no boundary network: ${width} channels, ${heads} heads and a window of ${window} were found. ` +
        'Its metadata must name heads and window, as examples/models/train/boundaries.py writes them.',
      { source: label },
    );
  }
  const linear = (name: string, outputs: number, inputs: number): Linear => ({
    weight: file.read(`${name}weight`, [outputs, inputs]),
    bias: file.read(`${name}bias`, [outputs]),
  });
  return {
    ...{ width, heads: heads!, window: window!, threshold: threshold!, hidden },
    project: linear('attention.in_proj_', 3 * width, width),
    out: linear('attention.out_proj.', width, width),
    norm: { weight: file.read('norm.weight', [width]), bias: file.read('norm.bias', [width]) },
    first: linear('first.', hidden, features),
    second: linear('second.', 1, hidden),
  };
};

/** out = x (inputs) · weightᵀ + bias. */
const apply = (out: Float32Array, { weight, bias }: Linear, x: Float32Array): void => {
  const inputs = x.length;
  for (let o = 0; o < bias.length; o++) {
    let sum = bias[o]!;
    for (let i = 0, at = o * inputs; i < inputs; i++, at++) sum += weight[at]! * x[i]!;
    out[o] = sum;
  }
};

/** x = (x − mean) / deviation · gain + bias. */
const normalise = (x: Float32Array, { weight, bias }: Linear): void => {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const factor = 1 / Math.sqrt(variance + EPS);
  for (let c = 0; c < x.length; c++) x[c] = (x[c]! - mean) * factor * weight[c]! + bias[c]!;
};

/**
 * Logits of the gaps between `rows` tokens whose keys are (rows, width): of those with `window` tokens on both sides, from the
 * gap before row `window` on. DHSA, arXiv 2510.24606 §3.1: attention among the tokens around a gap, normalised; the means of
 * its left and right half, their difference, product and cosine; two linear layers.
 */
export const gapLogits = (network: BoundaryWeights, keys: Float32Array, rows: number): Float32Array => {
  const { width, heads, window, hidden, project, out, norm, first, second } = network;
  const [span, dim] = [2 * window, width / heads];
  const scale = 1 / Math.sqrt(dim);
  // Queries, keys and values of a token are the same in every window that it stands in.
  const projected = Array.from({ length: rows }, (_, row) => {
    const qkv = new Float32Array(3 * width);
    apply(qkv, project, keys.subarray(row * width, (row + 1) * width));
    return qkv;
  });
  const [mixed, token, feature] = [width, width, 4 * width + 1].map((n) => new Float32Array(n));
  const [weights, inner, logit] = [span, hidden, 1].map((n) => new Float32Array(n));

  const attendFrom = (start: number, query: Float32Array): void => {
    mixed!.fill(0);
    for (let head = 0; head < heads; head++) {
      const at = head * dim;
      let most = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < span; j++) {
        const key = projected[start + j]!;
        let dot = 0;
        for (let c = at; c < at + dim; c++) dot += query[c]! * key[width + c]!;
        weights![j] = dot * scale;
        most = Math.max(most, weights![j]!);
      }
      let sum = 0;
      for (let j = 0; j < span; j++) sum += weights![j] = Math.exp(weights![j]! - most);
      for (let j = 0; j < span; j++) {
        const [weight, value] = [weights![j]! / sum, projected[start + j]!];
        for (let c = at; c < at + dim; c++) mixed![c] = mixed![c]! + weight * value[2 * width + c]!;
      }
    }
    apply(token!, out, mixed!);
    normalise(token!, norm);
  };

  return Float32Array.from({ length: Math.max(0, rows - span + 1) }, (_, start) => {
    feature!.fill(0);
    for (let j = 0; j < span; j++) {
      attendFrom(start, projected[start + j]!);
      const side = j < window ? 0 : width;
      for (let c = 0; c < width; c++) feature![side + c] = feature![side + c]! + token![c]! / window;
    }
    let [dot, left, right] = [0, 0, 0];
    for (let c = 0; c < width; c++) {
      const [a, b] = [feature![c]!, feature![width + c]!];
      feature![2 * width + c] = Math.abs(a - b);
      feature![3 * width + c] = a * b;
      dot += a * b;
      left += a * a;
      right += b * b;
    }
    feature![4 * width] = dot / Math.max(Math.sqrt(left * right), 1e-8);
    apply(inner!, first, feature!);
    for (let i = 0; i < hidden; i++) inner![i] = Math.max(0, inner![i]!);
    apply(logit!, second, inner!);
    return logit![0]!;
  });
};
