import type { Architecture } from '../architectures/architecture.js';
import { PAGE, type Weight } from '../backends/backend.js';
import { ROW_FORMATS, rowBytes, type WeightType } from '../backends/row-formats.js';
import type { Sample } from '../backends/webgpu/sample.js';
import { arenaBytes, createArena } from '../model/arena.js';
import type { ModelConfig } from '../model/config.js';
import type { KeptChannels } from '../model/page-sizes.js';
import { kvShapeOf, type PageCodecs, wholeLayers } from '../model/state.js';
import { type LoadWeightsOptions, loadWeights, type Reshape } from '../model/weights.js';
import { loadPolicies } from '../policies/load-policies.js';
import type { Predictor } from '../predictors/predictor.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import { weightType } from '../weights/repack.js';
import type { SupportedType } from '../weights/tensor-types.js';
import type { Loaded } from './ladder.js';
import type { Computing } from './open-backend.js';

/** Tokens run through the model in one forward call of prefill; also the unit in which read text is stored. */
export const SEGMENT_TOKENS = 256;

/** Bytes of a file's weights on a device, by type, vectors apart. Types that are not computed are left out. */
const bytesByType = ({ tensors }: GgufModel): { matrices: Map<WeightType, number>; all: number } => {
  const matrices = new Map<WeightType, number>();
  let all = 0;
  for (const { type: stored, rows, cols } of tensors.values()) {
    const type = weightType(stored as SupportedType, rows);
    if (!(type in ROW_FORMATS)) continue;
    const bytes = rows * rowBytes(type, cols);
    all += bytes;
    if (rows > 1) matrices.set(type, (matrices.get(type) ?? 0) + bytes);
  }
  return { matrices, all };
};

const segmentOf = (maxTokens: number): number => Math.min(SEGMENT_TOKENS, Math.ceil(maxTokens / PAGE) * PAGE);

/** What of a model is computed before it is loaded. */
export const sampleOf = (
  file: GgufModel,
  config: ModelConfig,
  codecs: PageCodecs,
  { needs }: Predictor,
  maxTokens = config.window,
): Sample => {
  const { matrices, all } = bytesByType(file);
  const sizes = [...matrices].sort(([, a], [, b]) => b - a);
  const [whole = 0] = wholeLayers(config);
  const { dim, hidden, layers, heads } = config;
  const kv = kvShapeOf(config, codecs, whole);
  return {
    types: sizes.map(([type]) => type),
    bytes: all + arenaBytes(config, segmentOf(maxTokens)),
    dim,
    hidden,
    layers,
    heads,
    kv,
    chooses: needs.chunks?.means ?? false,
  };
};

/** What narrows the keys and values of a model that is being loaded on `backend`, where that is asked for. */
const narrowTo = (backend: Computing, { keyChannels, valueChannels }: KeptChannels): Reshape | undefined => {
  if (keyChannels === undefined && valueChannels === undefined) return undefined;
  return async (layers, config, swap) => {
    const { narrowKeys, narrowValues } = await loadPolicies('no `kv.keyChannels` and `kv.valueChannels`');
    const { heads, kvHeads, headDim, valueDim, rope } = config;
    const bench = { ...backend, swap };
    if (valueChannels !== undefined) {
      const attending = layers.filter(({ v }) => v);
      await narrowValues(bench, attending, { heads, kvHeads, valueDim }, valueChannels);
    }
    const values = valueChannels === undefined ? {} : { valueDim: valueChannels };
    if (keyChannels === undefined) return { config: values };
    const kept: Weight[] = [];
    const pairs: (readonly number[])[] = [];
    for (const turned of new Set([rope.dim, 0])) {
      // Layers that slide keep their windows alone: nothing is to be saved there.
      const some = wholeLayers(config).filter(
        (layer) => (config.attention[layer]!.rotation === undefined ? 0 : rope.dim) === turned,
      );
      const shape = { heads, kvHeads, headDim, turned, pairing: rope.pairing };
      const own = some.map((layer) => layers[layer]!);
      const narrowed = await narrowKeys(bench, own, shape, keyChannels);
      for (const [n, layer] of some.entries()) {
        kept[layer] = narrowed[n]!.weight;
        pairs[layer] = narrowed[n]!.pairs;
      }
    }
    return { kept, config: { ...values, narrowedKeys: { channels: keyChannels, pairs } } };
  };
};

/** Work that a backend does before it computes counts as this share of the bytes that are loaded. */
const PREPARING = 0.1;

/** Loads a model from its file on a backend, which is closed if that fails. `maxTokens`: that contexts will hold. */
export const loadOn = async (
  backend: Computing,
  file: GgufModel,
  architecture: Architecture,
  options: Omit<LoadWeightsOptions, 'reshape'> & KeptChannels,
): Promise<Loaded> => {
  try {
    const read = architecture.config(file.metadata);
    const { maxTokens = read.window } = options;
    const segmentTokens = segmentOf(maxTokens);
    const reshape = narrowTo(backend, options);
    const { onProgress } = options;
    let bytes = 0;
    const prepared = (share: number): void => {
      const total = Math.round(bytes * (1 + PREPARING));
      onProgress?.({ loaded: Math.round(bytes * (1 + PREPARING * share)), total });
    };
    const loaded: typeof onProgress = ({ loaded, total }) => {
      bytes = total;
      onProgress?.({ loaded, total: backend.prepare ? Math.round(total * (1 + PREPARING)) : total });
    };
    const weights = await loadWeights(backend, file, architecture, {
      ...options,
      onProgress: loaded,
      reshape,
    });
    if (backend.prepare) {
      await backend.prepare((done, all) => prepared(done / all));
      prepared(1);
    }
    return { backend, weights, arena: createArena(backend, weights.config, segmentTokens) };
  } catch (error) {
    await file.close();
    backend.close();
    throw error;
  }
};
