import type { SupportedType } from '../../src/weights/tensor-types.js';
import { type Field, field, type TensorContent, writeGguf } from './gguf-writer.js';
import { type Random, random } from './random.js';
import { randomTokenizer, type TokenizerKind } from './random-tokenizer.js';

export interface RandomModelOptions {
  readonly architecture: 'llama' | 'qwen3';
  readonly type: SupportedType;
  readonly tokenizer: TokenizerKind;
  readonly seed: number;
  /** The embedding is the output matrix too. Default: no. */
  readonly tied?: boolean;
  /** Biases on q, k and v. Default: no. */
  readonly bias?: boolean;
  /** Rotation factors as Llama 3 has them (`rope_freqs.weight`). Default: no. */
  readonly ropeFactors?: boolean;
  /** Counts to change; the defaults are 96, 224, 3, 4, 2, 32 and 2048. */
  readonly dim?: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  readonly window?: number;
  /** GGUF version; default 3. */
  readonly version?: 2 | 3;
}

/** Standard deviation of the logits: wide enough for decisive margins, narrow enough for a soft distribution. */
const LOGIT_SPREAD = 2.5;

const matrices = (next: Random, type: SupportedType) => ({
  matrix: (name: string, rows: number, cols: number, spread = 1): TensorContent => {
    const scale = spread / Math.sqrt(cols);
    const values = Float32Array.from({ length: rows * cols }, () => next.normal() * scale);
    return { name, type, shape: [cols, rows], values };
  },
  vector: (name: string, size: number, center: number): TensorContent => ({
    name,
    type: 'F32',
    shape: [size],
    values: Float32Array.from({ length: size }, () => center + 0.1 * next.normal()),
  }),
});

/**
 * A small decoder with random but well-conditioned weights as a GGUF file: the same bytes for the same options. All
 * matrices have the given type, all vectors are F32. `dim`, `hidden` and heads · headDim must be multiples of 32.
 */
export const randomModel = (options: RandomModelOptions): Uint8Array<ArrayBuffer> => {
  const { architecture: arch, type, tokenizer, seed, tied = false, bias = false } = options;
  const { dim = 96, hidden = 224, layers = 3, heads = 4, kvHeads = 2, headDim = 32 } = options;
  const vocabulary = randomTokenizer(tokenizer);
  const vocab = (vocabulary['tokenizer.ggml.tokens']!.value as ArrayLike<string>).length;
  const { matrix, vector } = matrices(random(seed), type);

  const metadata: Record<string, Field> = {
    'general.architecture': field('string', arch),
    'general.name': field('string', `random ${arch} ${type} ${tokenizer} ${seed}`),
    [`${arch}.context_length`]: field('u32', options.window ?? 2048),
    [`${arch}.embedding_length`]: field('u32', dim),
    [`${arch}.block_count`]: field('u32', layers),
    [`${arch}.feed_forward_length`]: field('u32', hidden),
    [`${arch}.attention.head_count`]: field('u32', heads),
    [`${arch}.attention.head_count_kv`]: field('u32', kvHeads),
    [`${arch}.attention.key_length`]: field('u32', headDim),
    [`${arch}.attention.value_length`]: field('u32', headDim),
    [`${arch}.attention.layer_norm_rms_epsilon`]: field('f32', 1e-6),
    [`${arch}.rope.freq_base`]: field('f32', 10000),
    [`${arch}.rope.dimension_count`]: field('u32', headDim),
    [`${arch}.vocab_size`]: field('u32', vocab),
    ...vocabulary,
  };

  const layer = (l: number): TensorContent[] => {
    const name = (part: string): string => `blk.${l}.${part}`;
    return [
      vector(name('attn_norm.weight'), dim, 1),
      matrix(name('attn_q.weight'), heads * headDim, dim),
      matrix(name('attn_k.weight'), kvHeads * headDim, dim),
      matrix(name('attn_v.weight'), kvHeads * headDim, dim),
      matrix(name('attn_output.weight'), dim, heads * headDim),
      ...(bias
        ? [
            vector(name('attn_q.bias'), heads * headDim, 0),
            vector(name('attn_k.bias'), kvHeads * headDim, 0),
            vector(name('attn_v.bias'), kvHeads * headDim, 0),
          ]
        : []),
      ...(arch === 'qwen3'
        ? [vector(name('attn_q_norm.weight'), headDim, 1), vector(name('attn_k_norm.weight'), headDim, 1)]
        : []),
      vector(name('ffn_norm.weight'), dim, 1),
      matrix(name('ffn_gate.weight'), hidden, dim),
      matrix(name('ffn_up.weight'), hidden, dim),
      matrix(name('ffn_down.weight'), dim, hidden),
    ];
  };
  const factors = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 + (7 * i) / (headDim / 2));
  const tensors = [
    matrix('token_embd.weight', vocab, dim, LOGIT_SPREAD),
    vector('output_norm.weight', dim, 1),
    ...(tied ? [] : [matrix('output.weight', vocab, dim, LOGIT_SPREAD)]),
    ...(options.ropeFactors
      ? [{ name: 'rope_freqs.weight', type: 'F32', shape: [factors.length], values: factors } as const]
      : []),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
  ];
  return writeGguf({ version: options.version ?? 3, metadata, tensors });
};
