import { LonghandError } from '../errors.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import type { Architecture, Projection, TensorSpec } from './architecture.js';

/** Rows of a matrix come in blocks of 32, those of the second of a pair too. */
const STEP = 32;

const PROJECTIONS: readonly Projection[] = ['q', 'k', 'v', 'o', 'gate', 'up', 'down'];

const lowOf = (name: string): string => name.replace(/\.weight$/, '_a.weight');
const highOf = (name: string): string => name.replace(/\.weight$/, '_b.weight');

/**
 * An architecture whose projections may each be two matrices in the file instead of one: w (n, k) = b (n, rank) · a (rank, k),
 * as a checkpoint that was factorised by singular values has them (for low-rank forms of a decoder's projections see CSKV,
 * arXiv 2409.10593 §3.1, and for pruned ones, which are narrower matrices and need none of this, TransAct, arXiv 2407.05690).
 * A file has them in place of `….weight`, as `…_a.weight` and `…_b.weight`: the names by which GGUF files of models with
 * low-rank queries have theirs. Tensors of several projections may be pairs too; any layer may, or not.
 */
export const withPairs = (architecture: Architecture, { tensors, label }: GgufModel): Architecture => {
  const isPair = ({ name }: TensorSpec): boolean => !tensors.has(name) && tensors.has(lowOf(name));
  const rankOf = (name: string): number => {
    const { rows } = tensors.get(lowOf(name))!;
    if (rows % STEP === 0) return rows;
    const message = `The pair "${lowOf(name)}" of ${label} has rank ${rows}, no multiple of ${STEP}. Use another model.`;
    throw new LonghandError('unsupported/architecture', message, { tensor: lowOf(name), rank: rows });
  };
  return {
    ...architecture,
    config: (metadata) => {
      const config = architecture.config(metadata);
      const layers = Array.from({ length: config.layers }, (_, l) => architecture.layer(config, l));
      const pairs = layers.flatMap((layer) => PROJECTIONS.flatMap((key) => layer[key] ?? [])).filter(isPair);
      if (pairs.length === 0) return config;
      return { ...config, rank: Math.max(...pairs.map(({ name }) => rankOf(name))) };
    },
    layer: (config, l) => {
      const layer = architecture.layer(config, l);
      const split = PROJECTIONS.flatMap((key): [string, TensorSpec][] => {
        const spec = layer[key];
        if (!spec || !isPair(spec)) return [];
        const rank = rankOf(spec.name);
        return [
          [`${key}Low`, { name: lowOf(spec.name), rows: rank, cols: spec.cols }],
          [key, { ...spec, name: highOf(spec.name), cols: rank }],
        ];
      });
      return { ...layer, ...Object.fromEntries(split) };
    },
  };
};
