import type { Metadata } from '../weights/gguf.js';
import type { LayerAttention, ModelConfig } from './config.js';
import { type Numbers, numbersOf } from './numbers.js';
import { readRotations } from './read-rotations.js';
import { readMultipliers, readStates } from './read-states.js';

/** Greatest counts that are believed: far beyond any decoder that runs on a user's device. */
const LIMITS = {
  embedding_length: 65_536,
  feed_forward_length: 1 << 20,
  block_count: 1024,
  'attention.head_count': 4096,
  'attention.head_count_kv': 4096,
  'attention.key_length': 1024,
  'attention.value_length': 1024,
  'attention.sliding_window': 2 ** 31,
  'rope.dimension_count': 1024,
  'rope.scaling.original_context_length': 2 ** 31,
  vocab_size: 1 << 22,
  context_length: 2 ** 31,
} as const;

/** What kernels take together: a row of a matrix comes in blocks of 32, a head in vectors of 16. */
const ROW_STEP = 32;
const HEAD_STEP = 16;

/** What an architecture means where its files say nothing. */
export interface Traits {
  /** Which channels of a head turn together. */
  readonly pairing: ModelConfig['rope']['pairing'];
  /** Default `silu`. */
  readonly act?: ModelConfig['act'];
  /** The embedding is multiplied by √dim. Default: no. */
  readonly scalesEmbedding?: true;
  /** Soft caps where the file has none. Default: none. */
  readonly attentionCap?: number;
  readonly logitCap?: number;
  /** Of every `period` layers all but the last slide. Missing: none does, and a file in which some do is refused. */
  readonly period?: number;
  /** The window of the layers that slide. Default: none, so that they read everything. */
  readonly slidingWindow?: number;
  /** Windows in files are left unread. */
  readonly ignoresWindows?: true;
  /** Base of the rotation in layers that slide. Default: the rotation of all others. */
  readonly localBase?: number;
  /** Its files have tensors of factors for a longer window (LongRoPE). */
  readonly longFactors?: true;
  /** Of every so many layers the last is not turned. Default: all are. */
  readonly unturned?: number;
  /** Its files say what embeddings, residuals and logits are multiplied by, and whether rows are turned at all. */
  readonly multipliers?: true;
  /** Layers without KV heads have a state (Mamba-2). Default: a file with such layers is refused. */
  readonly recurs?: true;
  /** Queries are divided by the root of this. Default: headDim. */
  queryWidth?(numbers: Pick<ModelConfig, 'layers' | 'dim' | 'heads' | 'headDim'>): number;
}

/** Refuses what would otherwise compute, and compute something else than the model means. */
const refuseVariants = (numbers: Numbers, { multipliers }: Traits): void => {
  if (numbers.number('expert_count', 0) > 0) throw numbers.unsupported('is a mixture of experts');
  if (!numbers.boolean('attention.causal', true)) throw numbers.unsupported('attends to later tokens');
  const scales = multipliers ? [] : ['logit_scale', 'residual_scale', 'embedding_scale'];
  for (const key of [...scales, 'attention.temperature_scale']) {
    const scale = numbers.number(key, 1);
    if (scale !== 0 && scale !== 1) throw numbers.unsupported(`has ${key} ${scale}`);
  }
  if (numbers.number('attention.clamp_kqv', 0) > 0) throw numbers.unsupported('clamps q, k and v');
};

/** How each layer attends: which slide, and which rotation they take. */
const readLayers = (
  numbers: Numbers,
  { period, slidingWindow, ignoresWindows, unturned, multipliers }: Traits,
  { layers, window, rotations }: { layers: number; window: number; rotations: number },
): LayerAttention[] => {
  const found = ignoresWindows ? 0 : numbers.number('attention.sliding_window', slidingWindow ?? 0);
  if (found !== 0 && !(Number.isInteger(found) && found >= 1)) {
    throw numbers.inconsistent(`attention.sliding_window is ${found}`);
  }
  if (found > 0 && found < window && period === undefined) {
    throw numbers.unsupported(`has layers that read only the last ${found} tokens`);
  }
  const turns = !multipliers || numbers.boolean('rope.scaling.finetuned', true);
  const key = 'attention.sliding_window_pattern';
  const named = numbers.list(key);
  const every = named || period === undefined ? 1 : numbers.has(key) ? numbers.number(key) : period;
  if (named && named.length < layers) {
    throw numbers.inconsistent(`${key} names ${named.length} of ${layers} layers`);
  }
  return Array.from({ length: layers }, (_, layer): LayerAttention => {
    const slides = found > 0 && (named?.[layer] ?? (every === 0 || layer % every < every - 1));
    const turned = turns && (unturned === undefined || (layer + 1) % unturned !== 0);
    return {
      ...(slides && { window: found }),
      ...(turned && { rotation: slides ? rotations - 1 : 0 }),
    };
  });
};

const readCaps = (numbers: Numbers, traits: Traits): Pick<ModelConfig, 'attentionCap' | 'logitCap'> => {
  const cap = (key: string, fallback = 0): number => {
    const found = numbers.number(key, fallback);
    if (!(found >= 0 && found < 1e6)) throw numbers.inconsistent(`${key} is ${found}`);
    return found;
  };
  const attentionCap = cap('attn_logit_softcapping', traits.attentionCap);
  const logitCap = cap('final_logit_softcapping', traits.logitCap);
  return { ...(attentionCap > 0 && { attentionCap }), ...(logitCap > 0 && { logitCap }) };
};

const vocabulary = ({ metadata, number }: Numbers): number =>
  metadata.has('tokenizer.ggml.tokens')
    ? metadata.strings('tokenizer.ggml.tokens').length
    : number('vocab_size');

/**
 * The numbers of a decoder under the metadata keys that all of them share, checked: positive, believable, consistent
 * with each other. Throws `model/corrupt`, or `unsupported/architecture` for variants that would compute wrongly.
 */
export const readConfig = (metadata: Metadata, architecture: string, traits: Traits): ModelConfig => {
  const numbers = numbersOf(metadata, architecture);
  const { inconsistent, unsupported } = numbers;
  refuseVariants(numbers, traits);
  const believable = (key: keyof typeof LIMITS, value: number): number => {
    if (Number.isInteger(value) && value >= 1 && value <= LIMITS[key]) return value;
    throw inconsistent(`${key} is ${value}, not a whole number from 1 to ${LIMITS[key]}`);
  };
  const count = (key: keyof typeof LIMITS, fallback?: number): number =>
    believable(key, numbers.number(key, fallback));

  const dim = count('embedding_length');
  const hidden = count('feed_forward_length');
  const layers = count('block_count');
  const window = count('context_length');
  const heads = count('attention.head_count');
  const states = traits.recurs && readStates(numbers, layers);
  const kvHeads = states
    ? believable('attention.head_count_kv', states.kvHeads)
    : count('attention.head_count_kv', heads);
  const headDim = count('attention.key_length', dim / heads);
  const valueDim = count('attention.value_length', dim / heads);
  const ropeDim = count('rope.dimension_count', headDim);
  const original = count('rope.scaling.original_context_length', window);
  const eps = numbers.number('attention.layer_norm_rms_epsilon');
  const queryWidth = traits.queryWidth?.({ layers, dim, heads, headDim }) ?? headDim;
  const scale = numbers.number('attention.scale', 0) || 1 / Math.sqrt(queryWidth);

  if (heads % kvHeads !== 0) throw inconsistent(`${heads} heads share ${kvHeads} KV heads`);
  if (ropeDim % 2 !== 0 || ropeDim > headDim) {
    throw inconsistent(`${ropeDim} of ${headDim} channels are rotated in pairs`);
  }
  if (!(eps >= 0 && eps < 1)) throw inconsistent(`layer_norm_rms_epsilon is ${eps}`);
  if (!(scale > 0 && scale < 1e3)) throw inconsistent(`attention.scale is ${scale}`);
  for (const width of [dim, hidden, heads * headDim, heads * valueDim]) {
    if (width % ROW_STEP !== 0) throw unsupported(`has rows of ${width}, no multiple of ${ROW_STEP}`);
  }
  for (const width of [headDim, valueDim]) {
    if (width % HEAD_STEP !== 0) throw unsupported(`has heads of ${width}, no multiple of ${HEAD_STEP}`);
  }
  const rotations = readRotations(numbers, { dim: ropeDim, original }, traits);
  return {
    architecture,
    name: metadata.string('general.name', architecture),
    dim,
    hidden,
    layers,
    heads,
    kvHeads,
    headDim,
    valueDim,
    vocab: believable('vocab_size', vocabulary(numbers)),
    window,
    eps,
    act: traits.act ?? 'silu',
    embeddingScale: traits.scalesEmbedding ? Math.sqrt(dim) : 1,
    ...(traits.multipliers && readMultipliers(numbers)),
    ...(states && { state: states.shape }),
    rope: { dim: ropeDim, pairing: traits.pairing, rotations, original },
    attentionScale: scale,
    ...readCaps(numbers, traits),
    attention: readLayers(numbers, traits, { layers, window, rotations: rotations.length }).map(
      (layer, n): LayerAttention => (states?.recurs[n] ? { recurs: true } : layer),
    ),
  };
};
