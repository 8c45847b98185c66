import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Safetensors } from '../weights/safetensors.js';
import type { PredictInput } from './predictor.js';

/** The gate of a layer: linear maps of pooled queries, (heads, gate, dim), and of pooled keys, (kvHeads, gate, 3 · dim). */
export interface Gate {
  readonly q: Float32Array;
  readonly k: Float32Array;
}

/** Gates of one kind. */
export interface Gates {
  readonly layers: readonly Gate[];
  readonly heads: number;
  readonly kvHeads: number;
  /** Channels of a head, and of a gate. */
  readonly dim: number;
  readonly gate: number;
  /** Base of the rotation; left out where nothing is turned. */
  readonly base?: number;
}

/** Whether a file has tensors of such a name for a first layer, and so gates of that kind. */
export const hasGates = (file: Safetensors, name: 'q' | 'row.q'): boolean =>
  file.names.includes(`layers.0.${name}`);

/** How many layers a file has such a tensor of. */
export const layersOf = (file: Safetensors, name: 'q' | 'row.q'): number =>
  file.names.filter((found) => /^layers\.\d+\.(.+)$/.exec(found)?.[1] === name).length;

/**
 * Gates for tiles of a safetensors file: `layers.n.q` and `layers.n.k` of every layer that is read whole, `base` in its
 * metadata. Throws `model/corrupt` where they are none.
 */
export const readGates = (file: Safetensors, label: string): Gates => {
  const [heads = 0, gate = 0, dim = 0] = file.shapeOf('layers.0.q');
  const [kvHeads = 0] = file.shapeOf('layers.0.k');
  const base = Number(file.metadata.get('base') ?? Number.NaN);
  if (!(base > 1) || gate % 2 !== 0 || gate * dim * kvHeads === 0 || heads % kvHeads !== 0) {
    throw new LonghandError(
      'model/corrupt',
      `${label} holds no gates: ${heads} heads over ${kvHeads}, ${gate} of ${dim} channels and a base of ${base} were found. ` +
        'Its metadata must name the base of the rotation by block.',
      { source: label },
    );
  }
  const layers = Array.from({ length: layersOf(file, 'q') }, (_, layer) => ({
    q: file.read(`layers.${layer}.q`, [heads, gate, dim]),
    k: file.read(`layers.${layer}.k`, [kvHeads, gate, 3 * dim]),
  }));
  return { layers, heads, kvHeads, dim, gate, base };
};

/** What a linear map, (heads, gate, inputs), makes of x for a head: (gate). */
export const mapped = (map: Float32Array, head: number, x: Float32Array, gate: number): Float32Array =>
  Float32Array.from({ length: gate }, (_, g) => {
    const at = (head * gate + g) * x.length;
    let sum = 0;
    for (let c = 0; c < x.length; c++) sum += map[at + c]! * x[c]!;
    return sum;
  });

/** Turns a gate's vector in place by a position, channel i with i + gate / 2, and returns it. Without a base it stays. */
export const turnedBy = (out: Float32Array, position: number, base?: number): Float32Array => {
  if (base === undefined) return out;
  const pairs = out.length / 2;
  for (let pair = 0; pair < pairs; pair++) {
    const angle = position * base ** (-pair / pairs);
    const [a, b] = [out[pair]!, out[pair + pairs]!];
    out[pair] = a * Math.cos(angle) - b * Math.sin(angle);
    out[pair + pairs] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return out;
};

/** (3 · dim): the greatest, least and mean channels of one head's keys among those of a block, (PAGE, kvHeads · dim). */
export const pooledKey = (
  keys: Float32Array,
  head: number,
  { dim, kvHeads }: Pick<Gates, 'dim' | 'kvHeads'>,
): Float32Array => {
  const pooled = new Float32Array(3 * dim);
  for (let c = 0; c < dim; c++) {
    let [most, least, sum] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, 0];
    for (let token = 0; token < PAGE; token++) {
      const x = keys[(token * kvHeads + head) * dim + c]!;
      most = Math.max(most, x);
      least = Math.min(least, x);
      sum += x;
    }
    pooled.set([most], c);
    pooled.set([least], dim + c);
    pooled.set([sum / PAGE], 2 * dim + c);
  }
  return pooled;
};

/** The gates' keys of a block, (kvHeads) of (gate), of keys before rotation, (PAGE, kvHeads · dim). */
export const gateKeys = (gates: Gates, layer: number, keys: Float32Array, block: number): Float32Array[] =>
  Array.from({ length: gates.kvHeads }, (_, head) =>
    turnedBy(
      mapped(gates.layers[layer]!.k, head, pooledKey(keys, head, gates), gates.gate),
      block,
      gates.base,
    ),
  );

/** The gate's query of one head: of the mean of queries before rotation. */
export const gateQuery = (gates: Gates, layer: number, head: number, mean: Float32Array, block: number) =>
  turnedBy(mapped(gates.layers[layer]!.q, head, mean, gates.gate), block, gates.base);

/** Throws `input/option` where gates were made for a model of other heads, or of fewer layers. */
export const checkFits = ({ heads, kvHeads, dim, layers }: Gates, { q, kv, layer }: PredictInput): void => {
  const found = `${q.cols / kv.shape.keyDim} heads over ${kv.shape.kvHeads} of ${kv.shape.keyDim} channels`;
  if (
    q.cols === heads * dim &&
    kv.shape.kvHeads === kvHeads &&
    kv.shape.keyDim === dim &&
    layer < layers.length
  )
    return;
  throw new LonghandError(
    'input/option',
    `attention.gates are for ${layers.length} layers of ${heads} heads over ${kvHeads} of ${dim} channels, and layer ${layer} of this model has ${found}. Give the file that was made for this model.`,
    { option: 'attention.gates' },
  );
};
