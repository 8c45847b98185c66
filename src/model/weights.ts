import type {
  Architecture,
  LayerTensor,
  ModelTensor,
  Projection,
  TensorSpec,
} from '../architectures/architecture.js';
import type { Backend, Weight } from '../backends/backend.js';
import { rowBytes } from '../backends/row-formats.js';
import { LonghandError } from '../errors.js';
import { createFingerprint } from '../weights/fingerprint.js';
import type { TensorEntry } from '../weights/gguf.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import { findNonFinite } from '../weights/repack/non-finite.js';
import { repack, weightType } from '../weights/repack.js';
import type { SupportedType } from '../weights/tensor-types.js';
import type { ModelConfig } from './config.js';
import { labelOf, type Place, placeTensors } from './place-tensors.js';
import { repeated } from './repeated.js';

type Always = 'attnNorm' | 'ffnNorm' | Projection;

/** The weights of a layer under the names the forward pass uses. */
export type LayerWeights = Readonly<
  Record<Always, Weight> & Partial<Record<Exclude<LayerTensor, Always>, Weight>>
> & {
  /** No tensor of the file. (channels, headDim): times it, a query or a key is what is kept of it. Missing: all of it is. */
  readonly kept?: Weight;
};

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
  /** Tokens a context will hold: decides between short and long rotation factors. Default: the model's window. */
  readonly maxTokens?: number;
  /** Makes other weights of layers that are loaded, in their place, and tells what of the numbers changed. */
  readonly reshape?: Reshape | undefined;
}

/** What is otherwise than in the file: numbers, and by layer what its queries and keys are multiplied with. */
export interface Reshaped {
  readonly config: Partial<ModelConfig>;
  readonly kept?: readonly (Weight | undefined)[];
}

/** `swap` puts a weight in another's place, and frees that. */
export type Reshape = (
  layers: readonly LayerWeights[],
  config: ModelConfig,
  swap: (old: Weight, made: Weight) => void,
) => Promise<Reshaped>;

type Factors = 'ropeFactors' | 'ropeShort' | 'ropeLong';
const FACTORS: readonly Factors[] = ['ropeFactors', 'ropeShort', 'ropeLong'];

const advice = 'Convert or download the model again.';

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
  const rotations = rope.rotations.map((rotation) => ({
    ...rotation,
    factors: Array.from(rotation.factors ?? []),
  }));
  return new TextEncoder().encode(JSON.stringify([{ ...config, rope: { ...rope, rotations } }, table]));
};

/** The config with the file's own factors, if it has any, in the rotation of the layers that read everything. */
const withFactors = (
  config: ModelConfig,
  found: Readonly<Partial<Record<Factors, Float32Array>>>,
  maxTokens: number,
): ModelConfig => {
  const stretched = maxTokens > config.rope.original ? found.ropeLong : found.ropeShort;
  const file = found.ropeFactors ?? stretched;
  if (!file && !found.ropeLong && !found.ropeShort) return config;
  if (!file?.every((factor) => factor > 0)) {
    throw new LonghandError(
      'model/corrupt',
      `The rotation factors of the model are not all there, or not all positive. ${advice}`,
    );
  }
  const [whole, ...local] = config.rope.rotations;
  const factors = Float64Array.from(file, (factor, pair) => factor * (whole!.factors?.[pair] ?? 1));
  return { ...config, rope: { ...config.rope, rotations: [{ ...whole!, factors }, ...local] } };
};

/** Rows [row, row + …) of a tensor, as far as they belong to the weight, in the weight's own rows. */
const rowsOf = (
  { rows, part }: TensorSpec,
  tensor: TensorEntry,
  row: number,
  bytes: Uint8Array<ArrayBuffer>,
): { row: number; bytes: Uint8Array<ArrayBuffer> } => {
  if (!part) return { row, bytes };
  const each = tensor.bytes / tensor.rows;
  const from = Math.max(row, part.from);
  const to = Math.min(row + bytes.length / each, part.from + rows);
  const own = to > from ? bytes.subarray((from - row) * each, (to - row) * each) : bytes.subarray(0, 0);
  return { row: from - part.from, bytes: own };
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
  { signal, onProgress, maxTokens, reshape }: LoadWeightsOptions = {},
): Promise<ModelWeights> => {
  const weights = new Map<string, Weight>();
  const release = (): void => {
    for (const weight of weights.values()) backend.free(weight);
    weights.clear();
  };
  try {
    const read = architecture.config(model.metadata);
    const places = placeTensors(model, architecture, read);
    const outside = architecture.tensors(read);
    const factorsAt = new Map(FACTORS.map((key) => [outside[key]?.name, key]));
    for (const { label, spec, type } of [...places.values()].flat()) {
      if (!factorsAt.has(label))
        weights.set(label, backend.weight(label, weightType(type, spec.rows), spec.rows, spec.cols));
    }
    const fingerprint = createFingerprint();
    const factors: Partial<Record<Factors, Float32Array>> = {};
    const put = (
      { label, spec, type }: Place,
      tensor: TensorEntry,
      row: number,
      bytes: Uint8Array<ArrayBuffer>,
    ) => {
      const own = rowsOf(spec, tensor, row, bytes);
      if (own.bytes.length === 0) return;
      const repacked = repack(type, spec.rows, own.bytes);
      const weight = weights.get(label);
      if (weight) {
        const each = rowBytes(weight.type, weight.cols);
        for (const { row, bytes } of repeated(spec, { row: own.row, bytes: repacked }, each))
          backend.fill(weight, row, bytes);
      } else factors[factorsAt.get(label)!] = new Float32Array(repacked.slice().buffer);
    };
    for await (const { tensor, row, bytes, loaded } of model.rows(signal)) {
      fingerprint.add(bytes);
      const into = places.get(tensor.name) ?? [];
      if (into[0]) refuseNonFinite(tensor, into[0].type, row, bytes);
      for (const place of into) put(place, tensor, row, bytes);
      onProgress?.({ loaded, total: model.bytes });
    }
    const config = withFactors(read, factors, maxTokens ?? read.window);
    fingerprint.add(shapeOf(model, config));
    const take = <T extends string>(specs: Readonly<Partial<Record<T, TensorSpec>>>) =>
      Object.fromEntries(
        Object.entries<TensorSpec | undefined>(specs).flatMap(([key, spec]) => {
          const weight = spec && weights.get(labelOf(spec));
          return weight ? [[key, weight]] : [];
        }),
      );
    const layers = () =>
      Array.from(
        { length: config.layers },
        (_, layer) => take(architecture.layer(config, layer)) as unknown as LayerWeights,
      );
    const reshaped = await reshape?.(layers(), config, (old, made) => {
      for (const [label, weight] of weights) if (weight === old) weights.set(label, made);
      backend.free(old);
    });
    const kept = reshaped?.kept ?? [];
    const { narrowedKeys } = reshaped?.config ?? {};
    // Another choice of channels is another model: on another device, or by another rule.
    if (narrowedKeys) fingerprint.add(new TextEncoder().encode(JSON.stringify(narrowedKeys)));
    for (const weight of kept) if (weight) weights.set(weight.label, weight);
    const { embedding, outputNorm, output } = take(outside) as Record<Exclude<ModelTensor, Factors>, Weight>;
    return {
      config: { ...config, ...reshaped?.config },
      fingerprint: fingerprint.digest(),
      embedding,
      outputNorm,
      output: output ?? embedding,
      layers: layers().map((own, layer) => (kept[layer] ? { ...own, kept: kept[layer] } : own)),
      release,
    };
  } catch (cause) {
    release();
    await model.close();
    throw cause;
  }
};
