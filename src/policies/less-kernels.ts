import { LonghandError } from '../errors.js';
import type { Safetensors } from '../weights/safetensors.js';
import type { RetentionParts } from './policy.js';

/** Kernels of a layer. Every map is (heads or KV heads, outputs, inputs). */
export interface LessLayer {
  readonly q1: Float32Array<ArrayBuffer>;
  readonly q2: Float32Array<ArrayBuffer>;
  readonly k1: Float32Array<ArrayBuffer>;
  readonly k2: Float32Array<ArrayBuffer>;
  readonly k3: Float32Array<ArrayBuffer>;
  /** (KV heads, rank) */
  readonly c1: Float32Array<ArrayBuffer>;
  readonly c2: Float32Array<ArrayBuffer>;
}

export interface LessKernels {
  readonly layers: readonly LessLayer[];
  readonly heads: number;
  readonly kvHeads: number;
  /** Channels of a query or a key. */
  readonly dim: number;
  readonly hidden: number;
  /** Numbers that stand for a query or a key: their product is what the key weighs. */
  readonly rank: number;
}

/**
 * Kernels of a safetensors file: `layers.n.q1` (heads, hidden, channels), `layers.n.q2` (heads, rank, hidden), `layers.n.k1` and
 * `layers.n.k2` likewise by KV head, `layers.n.k3` (KV heads, rank, rank), `layers.n.c1` and `layers.n.c2` (KV heads, rank), of
 * every layer that is read whole. Throws `model/corrupt` where they are none.
 */
export const readKernels = (file: Safetensors, label: string): LessKernels => {
  const [heads = 0, hidden = 0, dim = 0] = file.shapeOf('layers.0.q1');
  const [kvHeads = 0, rank = 0] = file.shapeOf('layers.0.c1');
  if (heads * hidden * dim * kvHeads * rank === 0 || heads % kvHeads !== 0) {
    throw new LonghandError(
      'model/corrupt',
      `${label} holds no kernels: ${heads} heads over ${kvHeads} of ${dim} channels, ${hidden} hidden ones and a rank of ${rank} were found. Make or download it again.`,
      { source: label },
    );
  }
  const count = file.names.filter((name) => /^layers\.\d+\.q1$/.test(name)).length;
  const layers = Array.from({ length: count }, (_, layer): LessLayer => {
    const read = (name: string, ...shape: number[]) => file.read(`layers.${layer}.${name}`, shape);
    return {
      q1: read('q1', heads, hidden, dim),
      q2: read('q2', heads, rank, hidden),
      k1: read('k1', kvHeads, hidden, dim),
      k2: read('k2', kvHeads, rank, hidden),
      k3: read('k3', kvHeads, rank, rank),
      c1: read('c1', kvHeads, rank),
      c2: read('c2', kvHeads, rank),
    };
  });
  return { layers, heads, kvHeads, dim, hidden, rank };
};

/** Throws `input/option` where kernels were made for a model of other heads, or of another number of layers. */
export const checkKernels = (kernels: LessKernels, { layers, heads }: RetentionParts): void => {
  const { kvHeads, dim } = kernels;
  const wrong = layers.find(({ shape }) => shape.kvHeads !== kvHeads || shape.keyDim !== dim);
  if (heads === kernels.heads && layers.length === kernels.layers.length && !wrong) return;
  const found = (wrong ?? layers[0])?.shape;
  throw new LonghandError(
    'input/option',
    `retention.kernels are for ${kernels.layers.length} layers of ${kernels.heads} heads over ${kvHeads} of ${dim} channels, and this model reads ${layers.length} layers whole, with ${heads} heads over ${found?.kvHeads} of ${found?.keyDim}. Give the file that was made for this model.`,
    { option: 'retention.kernels' },
  );
};

/** By tanh, as the kernels are trained and as backends compute it. */
const gelu = (x: number): number =>
  0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** GELU of what a map, (heads, outputs, inputs), makes of x for a head. */
const layerOf = (map: Float32Array, head: number, x: Float64Array | Float32Array, outputs: number) => {
  const out = new Float64Array(outputs);
  for (let row = 0; row < outputs; row++) {
    const at = (head * outputs + row) * x.length;
    let sum = 0;
    for (let c = 0; c < x.length; c++) sum += map[at + c]! * x[c]!;
    out[row] = gelu(sum);
  }
  return out;
};

/** φ(q) = |GELU(GELU(q · q1) · q2)| of a query after rotation: (rank). */
export const queryFeatures = (
  { layers, hidden, rank }: LessKernels,
  layer: number,
  head: number,
  query: Float32Array,
): Float64Array => {
  const { q1, q2 } = layers[layer]!;
  return layerOf(q2, head, layerOf(q1, head, query, hidden), rank).map(Math.abs);
};

/**
 * ψ(k) = |y + c2 ∘ (y · k3)|, y = |c1| ∘ GELU(GELU(k · k1) · k2), (keys, rank), in place of the latter GELUs `inner`.
 */
export const mixFeatures = (
  { layers, rank }: LessKernels,
  layer: number,
  head: number,
  inner: Float32Array,
): void => {
  const { k3, c1, c2 } = layers[layer]!;
  const y = new Float64Array(rank);
  for (let at = 0; at < inner.length; at += rank) {
    for (let r = 0; r < rank; r++) y[r] = Math.abs(c1[head * rank + r]!) * inner[at + r]!;
    for (let r = 0; r < rank; r++) {
      let sum = 0;
      for (let s = 0; s < rank; s++) sum += y[s]! * k3[(head * rank + r) * rank + s]!;
      inner[at + r] = Math.abs(y[r]! + c2[head * rank + r]! * sum);
    }
  }
};
