import type { Architecture, LayerTensor, ModelTensor, TensorSpec } from '../architectures/architecture.js';
import type { Backend, Weight } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { createFingerprint } from '../weights/fingerprint.js';
import type { TensorEntry } from '../weights/gguf.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import { findNonFinite, repack, weightType } from '../weights/repack.js';
import { requireSupported, type SupportedType } from '../weights/tensor-types.js';
import type { ModelConfig } from './config.js';

type Extra = 'qBias' | 'kBias' | 'vBias' | 'qNorm' | 'kNorm';

/** The weights of a layer under the names the forward pass uses. */
export type LayerWeights = Readonly<
  Record<Exclude<LayerTensor, Extra>, Weight> & Partial<Record<Extra, Weight>>
>;

/** A model on the device. */
export interface ModelWeights {
  /** The architecture's numbers, with the rotation factors of the file. */
  readonly config: ModelConfig;
  /** Changes with any byte of any tensor, and with any number that shapes keys and values. */
  readonly fingerprint: string;
  readonly embedding: Weight;
  readonly outputNorm: Weight;
  /** The embedding itself where the file has no output matrix. */
  readonly output: Weight;
  readonly layers: readonly LayerWeights[];
  release(): void;
}

export interface LoadWeightsOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the file read so far, and in all. */
  readonly onProgress?: (progress: { loaded: number; total: number }) => void;
}

/** Tensors some converters write that no forward pass needs. */
const REDUNDANT = /\.attn_rot_embd(\.weight)?$/;

/** What is done with a tensor of the file. */
interface Place {
  readonly spec: TensorSpec;
  readonly type: SupportedType;
}

const advice = 'Convert or download the model again.';

/** Where every tensor of the file goes; throws before anything is allocated. */
const placeTensors = (
  model: GgufModel,
  architecture: Architecture,
  config: ModelConfig,
): Map<string, Place> => {
  const specs = [
    ...Object.values(architecture.tensors(config)),
    ...Array.from({ length: config.layers }, (_, l) => Object.values(architecture.layer(config, l))).flat(),
  ];
  const places = new Map<string, Place>();
  for (const spec of specs) {
    const { name, rows, cols } = spec;
    const entry = model.tensors.get(name);
    if (!entry) {
      if (spec.optional) continue;
      const message = `${model.label} lacks the tensor "${name}" that every ${architecture.name} model has. ${advice}`;
      throw new LonghandError('model/corrupt', message, { tensor: name });
    }
    if (entry.rows !== rows || entry.cols !== cols) {
      const shapes = `is ${entry.rows} × ${entry.cols} where the model's numbers ask for ${rows} × ${cols}`;
      const message = `Tensor "${name}" of ${model.label} ${shapes}. ${advice}`;
      throw new LonghandError('model/corrupt', message, { tensor: name, rows: entry.rows, cols: entry.cols });
    }
    const { type } = entry;
    requireSupported(name, type);
    if (rows === 1 && weightType(type) !== 'F32') {
      const message = `Tensor "${name}" is a vector stored as ${type}. Vectors work as F32, F16 or BF16.`;
      throw new LonghandError('unsupported/tensor-type', message, { tensor: name, type });
    }
    places.set(name, { spec, type });
  }
  for (const name of model.tensors.keys()) {
    if (places.has(name) || REDUNDANT.test(name)) continue;
    // Leaving it out would compute something else than the model means.
    const message = `Tensor "${name}" has no place in the ${architecture.name} models that Longhand computes.`;
    throw new LonghandError('unsupported/architecture', `${message} Use a model without it.`, {
      tensor: name,
    });
  }
  return places;
};

const refuseNonFinite = (
  tensor: TensorEntry,
  type: SupportedType,
  row: number,
  bytes: Uint8Array<ArrayBuffer>,
): void => {
  const at = findNonFinite(type, bytes);
  if (at < 0) return;
  const where = row + Math.floor(at / tensor.cols);
  const message = `Tensor "${tensor.name}" holds an infinite value or NaN in row ${where}. ${advice}`;
  throw new LonghandError('model/corrupt', message, { tensor: tensor.name, row: where });
};

/** What shapes keys and values besides the tensors' bytes. A model that is only renamed stays the same. */
const shapeOf = (model: GgufModel, { name: _, rope, ...config }: ModelConfig): Uint8Array => {
  const table = [...model.tensors.values()].map(({ name, type, rows, cols }) => [name, type, rows, cols]);
  const numbers = { ...config, rope: { ...rope, factors: [...(rope.factors ?? [])] } };
  return new TextEncoder().encode(JSON.stringify([numbers, table]));
};

const withFactors = (config: ModelConfig, file: Float32Array | undefined): ModelConfig => {
  if (!file) return config;
  if (!file.every((factor) => factor > 0)) {
    throw new LonghandError(
      'model/corrupt',
      `The rotation factors of the model are not all positive. ${advice}`,
    );
  }
  const { factors: divisors } = config.rope;
  const factors = divisors ? file.map((factor, i) => factor * divisors[i]!) : file;
  return { ...config, rope: { ...config.rope, factors } };
};

/**
 * Stream a model to the device: all tensors are checked against the architecture and given memory, then filled in
 * file order. Reads `model` to its end; on any failure everything is freed and the source closed. Rejects with
 * `model/corrupt` for tensors that are missing, of another shape, or hold infinities or NaN, `unsupported/…` for types
 * and tensors that are not computed, `memory/device`, what the source rejects with, or as `signal` says.
 */
export const loadWeights = async (
  backend: Pick<Backend, 'weight' | 'fill' | 'free'>,
  model: GgufModel,
  architecture: Architecture,
  { signal, onProgress }: LoadWeightsOptions = {},
): Promise<ModelWeights> => {
  const weights = new Map<string, Weight>();
  const release = (): void => {
    for (const weight of weights.values()) backend.free(weight);
    weights.clear();
  };
  try {
    const config = architecture.config(model.metadata);
    const places = placeTensors(model, architecture, config);
    const { ropeFactors, ...named } = architecture.tensors(config);
    for (const [name, { spec, type }] of places) {
      if (name !== ropeFactors?.name)
        weights.set(name, backend.weight(name, weightType(type), spec.rows, spec.cols));
    }
    const fingerprint = createFingerprint();
    fingerprint.add(shapeOf(model, config));
    let factors: Float32Array | undefined;
    for await (const { tensor, row, bytes, loaded } of model.rows(signal)) {
      fingerprint.add(bytes);
      const place = places.get(tensor.name);
      if (place) {
        refuseNonFinite(tensor, place.type, row, bytes);
        const rows = repack(place.type, bytes);
        const weight = weights.get(tensor.name);
        if (weight) backend.fill(weight, row, rows);
        else factors = new Float32Array(rows.slice().buffer);
      }
      onProgress?.({ loaded, total: model.bytes });
    }
    const take = <T extends string>(specs: Readonly<Partial<Record<T, TensorSpec>>>) =>
      Object.fromEntries(
        Object.entries<TensorSpec | undefined>(specs).flatMap(([key, spec]) => {
          const weight = spec && weights.get(spec.name);
          return weight ? [[key, weight]] : [];
        }),
      );
    const outside = take(named) as Record<Exclude<ModelTensor, 'ropeFactors'>, Weight>;
    return {
      config: withFactors(config, factors),
      fingerprint: fingerprint.digest(),
      embedding: outside.embedding,
      outputNorm: outside.outputNorm,
      output: outside.output ?? outside.embedding,
      layers: Array.from(
        { length: config.layers },
        (_, layer) => take(architecture.layer(config, layer)) as unknown as LayerWeights,
      ),
      release,
    };
  } catch (cause) {
    release();
    await model.close();
    throw cause;
  }
};
