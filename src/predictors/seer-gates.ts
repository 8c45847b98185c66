import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { parseSafetensors } from '../weights/safetensors.js';

/** The gate of a layer: linear maps of pooled queries, (heads, gate, dim), and of pooled keys, (kvHeads, gate, 3 · dim). */
export interface Gate {
  readonly q: Float32Array;
  readonly k: Float32Array;
}

/** What a file of gates holds. */
export interface Gates {
  readonly layers: readonly Gate[];
  readonly heads: number;
  readonly kvHeads: number;
  /** Channels of a head, and of a gate. */
  readonly dim: number;
  readonly gate: number;
  /** Base of the rotation by block. */
  readonly base: number;
}

/**
 * Gates of a safetensors file: `layers.n.q` and `layers.n.k` of every layer that is read whole, `base` in its metadata. Throws
 * `model/corrupt` where it is none.
 */
export const readGates = (bytes: Uint8Array, label: string): Gates => {
  const file = parseSafetensors(bytes, label);
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
  const count = file.names.filter((name) => /^layers\.\d+\.q$/.test(name)).length;
  const layers = Array.from({ length: count }, (_, layer) => ({
    q: file.read(`layers.${layer}.q`, [heads, gate, dim]),
    k: file.read(`layers.${layer}.k`, [kvHeads, gate, 3 * dim]),
  }));
  return { layers, heads, kvHeads, dim, gate, base };
};

/** `rows` of a map (all rows, inputs) from `first` on, times x (inputs), turned by the position of a block. */
const mapped = (map: Float32Array, head: number, x: Float32Array, { gate, base }: Gates, block: number) => {
  const out = Float32Array.from({ length: gate }, (_, g) => {
    const at = (head * gate + g) * x.length;
    let sum = 0;
    for (let c = 0; c < x.length; c++) sum += map[at + c]! * x[c]!;
    return sum;
  });
  const pairs = gate / 2;
  for (let pair = 0; pair < pairs; pair++) {
    const angle = block * base ** (-pair / pairs);
    const [a, b] = [out[pair]!, out[pair + pairs]!];
    out[pair] = a * Math.cos(angle) - b * Math.sin(angle);
    out[pair + pairs] = b * Math.cos(angle) + a * Math.sin(angle);
  }
  return out;
};

/** The gates' keys of a block, (kvHeads) of (gate), of keys before rotation, (PAGE, kvHeads · dim): of their greatest, least and mean. */
export const gateKeys = (gates: Gates, layer: number, keys: Float32Array, block: number): Float32Array[] =>
  Array.from({ length: gates.kvHeads }, (_, head) => {
    const { dim, kvHeads } = gates;
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
    return mapped(gates.layers[layer]!.k, head, pooled, gates, block);
  });

/** The gate's query of one head: of the mean of queries before rotation. */
export const gateQuery = (gates: Gates, layer: number, head: number, mean: Float32Array, block: number) =>
  mapped(gates.layers[layer]!.q, head, mean, gates, block);
