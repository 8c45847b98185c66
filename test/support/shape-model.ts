import type { SupportedType } from '../../src/weights/tensor-types.js';
import { arrayField, type Field, field, ggufHead, type TensorContent } from './gguf-writer.js';
import { quantise } from './quantise.js';
import { type Random, random } from './random.js';
import { randomTokenizer, type TokenizerKind } from './random-tokenizer.js';

/** The numbers of a published model; its content is random. */
export interface ModelShape {
  readonly architecture: 'llama' | 'qwen2' | 'gemma3';
  readonly layers: number;
  readonly dim: number;
  readonly hidden: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocab: number;
  readonly window: number;
  readonly base: number;
  readonly eps: number;
  readonly tokenizer: TokenizerKind;
  /** Biases on q, k and v. */
  readonly bias?: boolean;
  /** Rotation factors as Llama 3 has them. */
  readonly ropeFactors?: boolean;
  /** Norms of q and k heads, and behind both blocks (Gemma 3). */
  readonly moreNorms?: boolean;
  /** Tokens that sliding layers see. */
  readonly slidingWindow?: number;
}

const gemma3 = { architecture: 'gemma3', base: 1e6, eps: 1e-6, moreNorms: true, tokenizer: 'spm' } as const;

/** Shapes of models that people download; all of them tie the output matrix to the embedding. */
export const SHAPES = {
  'smollm2-135m': {
    ...{ architecture: 'llama', layers: 30, dim: 576, hidden: 1536, heads: 9, kvHeads: 3, headDim: 64 },
    ...{ vocab: 49_152, window: 8192, base: 1e5, eps: 1e-5, tokenizer: 'gpt-2' },
  },
  'qwen2.5-0.5b': {
    ...{ architecture: 'qwen2', layers: 24, dim: 896, hidden: 4864, heads: 14, kvHeads: 2, headDim: 64 },
    ...{ vocab: 151_936, window: 32_768, base: 1e6, eps: 1e-6, tokenizer: 'qwen2', bias: true },
  },
  'llama-3.2-1b': {
    ...{ architecture: 'llama', layers: 16, dim: 2048, hidden: 8192, heads: 32, kvHeads: 8, headDim: 64 },
    ...{ vocab: 128_256, window: 131_072, base: 5e5, eps: 1e-5, tokenizer: 'llama-bpe', ropeFactors: true },
  },
  'gemma3-270m': {
    ...{ ...gemma3, layers: 18, dim: 640, hidden: 2048, heads: 4, kvHeads: 1, headDim: 256 },
    ...{ vocab: 262_144, window: 32_768, slidingWindow: 512 },
  },
  'gemma3-1b': {
    ...{ ...gemma3, layers: 26, dim: 1152, hidden: 6912, heads: 4, kvHeads: 1, headDim: 256 },
    ...{ vocab: 262_144, window: 32_768, slidingWindow: 512 },
  },
} as const satisfies Record<string, ModelShape>;
export type ShapeName = keyof typeof SHAPES;

/** Filled up to `vocab` with tokens that no text ever becomes. */
const vocabulary = ({ tokenizer, vocab }: ModelShape): Record<string, Field> => {
  const fields = randomTokenizer(tokenizer);
  const widen = (key: string, make: (i: number) => string | number): void => {
    const known = fields[key];
    if (known?.type !== 'array' || known.of === 'array') return;
    const all = Array.from({ length: vocab }, (_, i) => (i < known.value.length ? known.value[i]! : make(i)));
    fields[key] = arrayField(known.of, all);
  };
  const space = tokenizer === 'spm' ? '▁' : 'Ġ';
  widen('tokenizer.ggml.tokens', (i) => `${space}~${i}~`);
  widen('tokenizer.ggml.scores', (i) => -1e6 - i);
  widen('tokenizer.ggml.token_type', () => 1);
  return fields;
};

const tensorsOf = (shape: ModelShape, type: SupportedType): TensorContent[] => {
  const { dim, hidden, layers, heads, kvHeads, headDim, vocab, bias, moreNorms } = shape;
  const matrix = (name: string, rows: number, cols: number): TensorContent => ({
    name: `${name}.weight`,
    type,
    shape: [cols, rows],
  });
  const vector = (name: string, size: number): TensorContent => ({ name, type: 'F32', shape: [size] });
  const layer = (l: number): TensorContent[] => {
    const at = (part: string): string => `blk.${l}.${part}`;
    return [
      vector(at('attn_norm.weight'), dim),
      matrix(at('attn_q'), heads * headDim, dim),
      matrix(at('attn_k'), kvHeads * headDim, dim),
      matrix(at('attn_v'), kvHeads * headDim, dim),
      matrix(at('attn_output'), dim, heads * headDim),
      ...(bias ? (['q', 'k', 'v'] as const) : []).map((part) =>
        vector(at(`attn_${part}.bias`), (part === 'q' ? heads : kvHeads) * headDim),
      ),
      ...(moreNorms
        ? [
            vector(at('attn_q_norm.weight'), headDim),
            vector(at('attn_k_norm.weight'), headDim),
            vector(at('post_attention_norm.weight'), dim),
            vector(at('post_ffw_norm.weight'), dim),
          ]
        : []),
      vector(at('ffn_norm.weight'), dim),
      matrix(at('ffn_gate'), hidden, dim),
      matrix(at('ffn_up'), hidden, dim),
      matrix(at('ffn_down'), dim, hidden),
    ];
  };
  return [
    matrix('token_embd', vocab, dim),
    vector('output_norm.weight', dim),
    ...(shape.ropeFactors ? [vector('rope_freqs.weight', headDim / 2)] : []),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
  ];
};

const metadataOf = (shape: ModelShape, name: string): Record<string, Field> => {
  const { architecture: arch } = shape;
  const count = (key: string, value: number) => [`${arch}.${key}`, field('u32', value)] as const;
  return {
    'general.architecture': field('string', arch),
    'general.name': field('string', name),
    ...Object.fromEntries([
      count('context_length', shape.window),
      count('embedding_length', shape.dim),
      count('block_count', shape.layers),
      count('feed_forward_length', shape.hidden),
      count('attention.head_count', shape.heads),
      count('attention.head_count_kv', shape.kvHeads),
      count('attention.key_length', shape.headDim),
      count('attention.value_length', shape.headDim),
      count('rope.dimension_count', shape.headDim),
      count('vocab_size', shape.vocab),
      ...(shape.slidingWindow ? [count('attention.sliding_window', shape.slidingWindow)] : []),
      [`${arch}.attention.layer_norm_rms_epsilon`, field('f32', shape.eps)],
      [`${arch}.rope.freq_base`, field('f32', shape.base)],
    ]),
    ...vocabulary(shape),
  };
};

/** Standard deviation of the logits: as of a model that is fairly sure. */
const LOGIT_SPREAD = 2.5;
/** Values of a pool, a multiple of every block size. */
const POOL = 1 << 20;
/** Values of the greatest block. */
const RUN = 256;
const inLongBlocks = (type: SupportedType): boolean => /_K$|^IQ4_XS$/.test(type);

/**
 * Rows of a matrix cut from a pool of normal numbers that were quantised once: as quick as copying, and every row is
 * another one.
 */
const rowsOf = (next: Random, { name, type, shape: [cols = 0, rows = 0] }: TensorContent): Uint8Array => {
  const spread = name === 'token_embd.weight' ? LOGIT_SPREAD : 1;
  const run = inLongBlocks(type) ? RUN : cols % 64 === 0 ? 64 : 32;
  const pool = poolOf(type, spread / Math.sqrt(cols));
  const runBytes = (pool.length / POOL) * run;
  const out = new Uint8Array((rows * cols * pool.length) / POOL);
  const runs = POOL / run;
  for (let at = 0; at < out.length; at += runBytes) {
    const from = next.below(runs) * runBytes;
    out.set(pool.subarray(from, from + runBytes), at);
  }
  return out;
};

const pools = new Map<string, Uint8Array>();
const poolOf = (type: SupportedType, deviation: number): Uint8Array => {
  const key = `${type} ${deviation}`;
  const pool = pools.get(key) ?? quantise(type, random(POOL).normals(POOL, deviation));
  pools.set(key, pool);
  return pool;
};

const vectorOf = (next: Random, { name, shape: [size = 0] }: TensorContent): Uint8Array => {
  const center = name.endsWith('norm.weight') ? 1 : 0;
  const values =
    name === 'rope_freqs.weight'
      ? new Float32Array(size).map((_, i) => 1 + (31 * i) / size)
      : next.normals(size, 0.1).map((value) => value + center);
  return quantise('F32', values);
};

/** Bytes of one row as stored. */
const rowBytes = (type: SupportedType, cols: number): number => quantise(type, new Float32Array(cols)).length;

export interface ShapeModelOptions {
  /** Type of all matrices; where a row is no multiple of its block, `otherwise` (default Q8_0) is taken. */
  readonly type: SupportedType;
  readonly otherwise?: SupportedType;
  readonly seed?: number;
}

/**
 * A model of a published shape with random, well-conditioned weights, as a GGUF file in pieces: its head, then tensor
 * by tensor, so that no more than one of them is held. The same pieces for the same options.
 */
export function* shapeModel(
  name: string,
  shape: ModelShape,
  { type, otherwise = 'Q8_0', seed = 1 }: ShapeModelOptions,
): Generator<Uint8Array<ArrayBufferLike>, void> {
  const tensors = tensorsOf(shape, type).map((tensor) => {
    const whole = tensor.shape[0]! % RUN === 0 || !inLongBlocks(type);
    return tensor.type === type && !whole ? { ...tensor, type: otherwise } : tensor;
  });
  const sizes = tensors.map(({ type: stored, shape: [cols = 0, rows = 1] }) => rows * rowBytes(stored, cols));
  yield ggufHead({ metadata: metadataOf(shape, `${name} shape, random, ${type}`), tensors }, sizes);
  const next = random(seed);
  for (const tensor of tensors) {
    const bytes = tensor.shape.length === 1 ? vectorOf(next, tensor) : rowsOf(next, tensor);
    yield bytes;
    if (bytes.length % 32 !== 0) yield new Uint8Array(32 - (bytes.length % 32));
  }
}
