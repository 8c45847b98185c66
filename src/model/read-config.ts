import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import type { ModelConfig } from './config.js';

/** Greatest counts that are believed: far beyond any decoder that runs on a user's device. */
const LIMITS = {
  embedding_length: 65_536,
  feed_forward_length: 1 << 20,
  block_count: 1024,
  'attention.head_count': 4096,
  'attention.head_count_kv': 4096,
  'attention.key_length': 1024,
  'attention.value_length': 1024,
  'rope.dimension_count': 1024,
  vocab_size: 1 << 22,
  context_length: 2 ** 31,
} as const;

/** What kernels take together: a row of a matrix comes in blocks of 32, a head in vectors of 16. */
const ROW_STEP = 32;
const HEAD_STEP = 16;

const unsupported = (architecture: string, what: string): LonghandError =>
  new LonghandError(
    'unsupported/architecture',
    `This ${architecture} model ${what}, which Longhand does not compute. Use a model without it.`,
    { architecture },
  );

const inconsistent = (architecture: string, what: string): LonghandError =>
  new LonghandError(
    'model/corrupt',
    `The numbers of this ${architecture} model do not fit together: ${what}. Convert or download it again.`,
    { architecture },
  );

/** Refuses what would otherwise compute, and compute something else than the model means. */
const refuseVariants = (metadata: Metadata, arch: string): void => {
  if (metadata.number(`${arch}.expert_count`, 0) > 0) throw unsupported(arch, 'is a mixture of experts');
  if (!metadata.boolean(`${arch}.attention.causal`, true)) throw unsupported(arch, 'attends to later tokens');
  for (const key of ['logit_scale', 'residual_scale', 'embedding_scale']) {
    const scale = metadata.number(`${arch}.${key}`, 1);
    if (scale !== 0 && scale !== 1) throw unsupported(arch, `has ${key} ${scale}`);
  }
  if (metadata.number(`${arch}.attention.clamp_kqv`, 0) > 0) throw unsupported(arch, 'clamps q, k and v');
};

/** Divisor of all rotation frequencies (position interpolation, arXiv 2306.15595). */
const ropeDivisor = (metadata: Metadata, arch: string): number => {
  const factor =
    metadata.number(`${arch}.rope.scaling.factor`, 0) || metadata.number(`${arch}.rope.scale_linear`, 0) || 1;
  const type = metadata.string(`${arch}.rope.scaling.type`, 'linear');
  if (type === 'none') return 1;
  if (type !== 'linear') throw unsupported(arch, `scales its rotation by "${type}"`);
  if (!(factor > 0 && factor < 1e6)) throw inconsistent(arch, `rope.scaling.factor is ${factor}`);
  return factor;
};

const vocabulary = (metadata: Metadata, arch: string): number =>
  metadata.has('tokenizer.ggml.tokens')
    ? metadata.strings('tokenizer.ggml.tokens').length
    : metadata.number(`${arch}.vocab_size`);

/**
 * The numbers of a decoder under the metadata keys that all of them share, checked: positive, believable, consistent
 * with each other. Throws `model/corrupt`, or `unsupported/architecture` for variants that would compute wrongly.
 */
export const readConfig = (
  metadata: Metadata,
  architecture: string,
  pairing: ModelConfig['rope']['pairing'],
): ModelConfig => {
  refuseVariants(metadata, architecture);
  const believable = (key: keyof typeof LIMITS, value: number): number => {
    if (Number.isInteger(value) && value >= 1 && value <= LIMITS[key]) return value;
    throw inconsistent(architecture, `${key} is ${value}, not a whole number from 1 to ${LIMITS[key]}`);
  };
  const count = (key: keyof typeof LIMITS, fallback?: number): number =>
    believable(key, metadata.number(`${architecture}.${key}`, fallback));

  const dim = count('embedding_length');
  const hidden = count('feed_forward_length');
  const heads = count('attention.head_count');
  const kvHeads = count('attention.head_count_kv', heads);
  const headDim = count('attention.key_length', dim / heads);
  const valueDim = count('attention.value_length', dim / heads);
  const ropeDim = count('rope.dimension_count', headDim);
  const base = metadata.number(`${architecture}.rope.freq_base`, 10_000);
  const eps = metadata.number(`${architecture}.attention.layer_norm_rms_epsilon`);
  const scale = metadata.number(`${architecture}.attention.scale`, 0) || 1 / Math.sqrt(headDim);
  const divisor = ropeDivisor(metadata, architecture);

  if (heads % kvHeads !== 0) throw inconsistent(architecture, `${heads} heads share ${kvHeads} KV heads`);
  if (ropeDim % 2 !== 0 || ropeDim > headDim) {
    throw inconsistent(architecture, `${ropeDim} of ${headDim} channels are rotated in pairs`);
  }
  if (!(base > 0 && base < 1e12)) throw inconsistent(architecture, `rope.freq_base is ${base}`);
  if (!(eps >= 0 && eps < 1)) throw inconsistent(architecture, `layer_norm_rms_epsilon is ${eps}`);
  if (!(scale > 0 && scale < 1e3)) throw inconsistent(architecture, `attention.scale is ${scale}`);
  for (const width of [dim, hidden, heads * headDim, heads * valueDim]) {
    if (width % ROW_STEP !== 0)
      throw unsupported(architecture, `has rows of ${width}, no multiple of ${ROW_STEP}`);
  }
  for (const width of [headDim, valueDim]) {
    if (width % HEAD_STEP !== 0)
      throw unsupported(architecture, `has heads of ${width}, no multiple of ${HEAD_STEP}`);
  }
  return {
    architecture,
    name: metadata.string('general.name', architecture),
    dim,
    hidden,
    layers: count('block_count'),
    heads,
    kvHeads,
    headDim,
    valueDim,
    vocab: believable('vocab_size', vocabulary(metadata, architecture)),
    window: count('context_length'),
    eps,
    act: 'silu',
    rope: {
      base,
      dim: ropeDim,
      pairing,
      ...(divisor !== 1 && { factors: new Float32Array(ropeDim / 2).fill(divisor) }),
    },
    attentionScale: scale,
  };
};
