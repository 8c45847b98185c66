import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Safetensors } from '../weights/safetensors.js';
import { type Gate, type Gates, layersOf, mapped, pooledKey, turnedBy } from './seer-gates.js';

/** A gate for single rows: q is (kvHeads, gate, group · dim), k is (kvHeads, gate, 3 · dim). */
export interface RowGate extends Gate {
  /** (gate): weights of the norms of both, where the file has them. */
  readonly norms?: { readonly q: Float32Array; readonly k: Float32Array };
}

/** Gates for single rows, turned by token. */
export interface RowGates extends Gates {
  readonly layers: readonly RowGate[];
}

/**
 * Gates for single rows of a safetensors file: `layers.n.row.q` and `layers.n.row.k` of every layer that is read whole, with
 * `layers.n.row.qNorm` and `layers.n.row.kNorm` for all layers or none, and in its metadata `rowBase`, a number or `none`. Throws `model/corrupt` where
 * they are none.
 */
export const readRowGates = (file: Safetensors, label: string): RowGates => {
  const [kvHeads = 0, gate = 0, width = 0] = file.shapeOf('layers.0.row.q');
  const dim = (file.shapeOf('layers.0.row.k')[2] ?? 0) / 3;
  const group = width / dim;
  const named = file.metadata.get('rowBase');
  const base = named === 'none' ? undefined : Number(named ?? Number.NaN);
  const whole = [dim, group].every((n) => Number.isInteger(n) && n > 0);
  if (!(base === undefined || base > 1) || gate % 2 !== 0 || gate * kvHeads === 0 || !whole) {
    throw new LonghandError(
      'model/corrupt',
      `${label} holds no gates for rows: ${kvHeads} KV heads, ${gate} of ${width} channels of queries and ${dim} of keys, and a rowBase of ${base} were found. ` +
        'Its metadata must name the base of the rotation by token, or say "none".',
      { source: label },
    );
  }
  const normed = file.names.some((name) => /^layers\.\d+\.row\.[qk]Norm$/.test(name));
  const layers = Array.from({ length: layersOf(file, 'row.q') }, (_, layer) => ({
    q: file.read(`layers.${layer}.row.q`, [kvHeads, gate, width]),
    k: file.read(`layers.${layer}.row.k`, [kvHeads, gate, 3 * dim]),
    ...(normed && {
      norms: {
        q: file.read(`layers.${layer}.row.qNorm`, [gate]),
        k: file.read(`layers.${layer}.row.kNorm`, [gate]),
      },
    }),
  }));
  return { layers, heads: kvHeads * group, kvHeads, dim, gate, ...(base !== undefined && { base }) };
};

/** x over its root mean square, times weights; x itself without them. */
const normed = (x: Float32Array, weights?: Float32Array): Float32Array => {
  if (!weights) return x;
  const length = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + 1e-6);
  return x.map((v, g) => (v / length) * weights[g]!);
};

/** The gates' keys of a page, (kvHeads) of (gate), of keys before rotation, (PAGE, kvHeads · dim): turned as its first token. */
export const rowGateKeys = (
  gates: RowGates,
  layer: number,
  keys: Float32Array,
  page: number,
): Float32Array[] => {
  const { k, norms } = gates.layers[layer]!;
  return Array.from({ length: gates.kvHeads }, (_, head) => {
    const key = mapped(k, head, pooledKey(keys, head, gates), gates.gate);
    return turnedBy(normed(key, norms?.k), page * PAGE, gates.base);
  });
};

/** The gate's one query of a KV head: of all its group's queries before rotation, (group · dim), turned as their token. */
export const rowGateQuery = (
  gates: RowGates,
  layer: number,
  head: number,
  queries: Float32Array,
  position: number,
): Float32Array => {
  const { q, norms } = gates.layers[layer]!;
  return turnedBy(normed(mapped(q, head, queries, gates.gate), norms?.q), position, gates.base);
};
