import { LonghandError } from '../errors.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import type { Architecture, LayerTensor, TensorSpec } from './architecture.js';

/**
 * An architecture with fewer heads of keys than of values, or the other way round (DiffQKV of Sigma, arXiv 2501.13629 §2): in
 * the file `attention.head_count_kv` is the greater count, `attention.head_count_k` or `attention.head_count_v` the other one,
 * which divides it. Projections of the fewer heads are repeated as they load, for every head that shares them: what is computed
 * is the model, and pages hold shared heads as often as they are shared (docs/adr/0043).
 */
export const withSharedHeads = (architecture: Architecture, { metadata, label }: GgufModel): Architecture => {
  const countOf = (kind: 'k' | 'v', kvHeads: number): number =>
    metadata.number(`${architecture.name}.attention.head_count_${kind}`, kvHeads);
  const refuse = (why: string): never => {
    throw new LonghandError('unsupported/architecture', `${label} ${why}. Use another model.`);
  };
  return {
    ...architecture,
    config: (read) => {
      const config = architecture.config(read);
      for (const kind of ['k', 'v'] as const) {
        const count = countOf(kind, config.kvHeads);
        const fits = Number.isInteger(count) && count >= 1 && config.kvHeads % count === 0;
        if (!fits)
          refuse(`has ${count} heads of ${kind}, which do not divide its ${config.kvHeads} KV heads`);
      }
      return config;
    },
    layer: (config, l) => {
      const layer = architecture.layer(config, l);
      const shared = (kind: 'k' | 'v', each: number): Partial<Record<LayerTensor, TensorSpec>> => {
        const times = config.kvHeads / countOf(kind, config.kvHeads);
        if (times === 1) return {};
        if (layer[kind]?.part) refuse(`shares heads of ${kind} that stand in one tensor with others`);
        const once = (spec: TensorSpec): TensorSpec => ({
          ...spec,
          stored:
            spec.rows === 1
              ? { rows: 1, cols: spec.cols / times }
              : { rows: spec.rows / times, cols: spec.cols },
          repeat: { each, times },
        });
        return Object.fromEntries(
          ([kind, `${kind}Bias`] as const).flatMap((key) => {
            const spec = layer[key];
            return spec ? [[key, once(spec)]] : [];
          }),
        );
      };
      return { ...layer, ...shared('k', config.headDim), ...shared('v', config.valueDim) };
    },
  };
};
