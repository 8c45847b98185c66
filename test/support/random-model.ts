import type { SupportedType } from '../../src/weights/tensor-types.js';
import { arrayField, type Field, field, type TensorContent, writeGguf } from './gguf-writer.js';
import { type Random, random } from './random.js';
import { randomTokenizer, type TokenizerKind } from './random-tokenizer.js';

/** What the files of an architecture hold beside what all have. */
interface Kind {
  readonly bias?: true;
  readonly headNorms?: true;
  readonly postNorms?: true;
  /** q, k, v in one tensor; gate, up in another. */
  readonly fused?: true;
  readonly tied?: true;
  /** All layers but every third one have a state, twice as wide as the residual stream. */
  readonly recurs?: true;
  /** Default width; where it is missing, heads are wider together than the residual stream. */
  readonly dim?: number;
  /** Further metadata that every file of the kind has. */
  readonly keys?: Keys;
}
/** Metadata without the architecture's prefix. */
export type Keys = Readonly<
  Record<string, number | string | boolean | readonly number[] | readonly boolean[]>
>;

const KINDS = {
  llama: {},
  qwen2: { bias: true, dim: 128 },
  qwen3: { headNorms: true },
  gemma2: {
    ...{ postNorms: true, tied: true },
    keys: { 'attention.sliding_window': 7, attn_logit_softcapping: 2, final_logit_softcapping: 6 },
  },
  gemma3: {
    ...{ headNorms: true, postNorms: true, tied: true },
    keys: { 'attention.sliding_window': 7, 'rope.freq_base': 1e6 },
  },
  smollm3: { tied: true, dim: 128, keys: { 'rope.freq_base': 5e6 } },
  phi3: { fused: true, dim: 128 },
  granitehybrid: {
    ...{ tied: true, recurs: true },
    keys: {
      ...{ embedding_scale: 3, residual_scale: 0.6, logit_scale: 1.25 },
      ...{ 'attention.scale': 0.125, 'rope.scaling.finetuned': false },
    },
  },
} as const satisfies Record<string, Kind>;

export type RandomArchitecture = keyof typeof KINDS;
export const ARCHITECTURES = Object.keys(KINDS) as readonly RandomArchitecture[];

export interface RandomModelOptions {
  readonly architecture: RandomArchitecture;
  /** Of all matrices whose rows are whole blocks of it; others get what llama.cpp's quantiser falls back to. */
  readonly type: SupportedType;
  /** Type of `output`, `attn_v` and `ffn_down`: Q6_K makes Q4_K what is called Q4_K_M. Default: `type`. */
  readonly finer?: SupportedType;
  readonly tokenizer: TokenizerKind;
  readonly seed: number;
  /** The embedding is the output matrix too. Default: as the architecture's models are. */
  readonly tied?: boolean;
  /** Biases on q, k and v. Default: as the architecture's models are. */
  readonly bias?: boolean;
  /** Biases on the output projection and in the feed-forward layer. Default: no. */
  readonly moreBias?: boolean;
  /** Rotation factors as Llama 3 has them (`rope_freqs.weight`). Default: no. */
  readonly ropeFactors?: boolean;
  /** Short and long rotation factors as Phi 3 has them. Default: no. */
  readonly longFactors?: boolean;
  /** Counts to change; the defaults are 96 or 128, 224, 3, 4, 2, 32 (all of it rotated) and 2048. */
  readonly dim?: number;
  readonly hidden?: number;
  readonly layers?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
  /** Channels of a value head. Default: headDim. */
  readonly valueDim?: number;
  /** Channels between the two matrices that every projection of a layer is. Default: each is one matrix. */
  readonly rank?: number;
  /** Heads that all rows use, and how many they choose of the others. Default: all are used. */
  readonly shared?: number;
  readonly used?: number;
  /** Every layer has a router that chooses them. Default: the length of queries does. */
  readonly router?: boolean;
  /** Heads of keys and of values, where they are fewer than the KV heads. */
  readonly keyHeads?: number;
  readonly valueHeads?: number;
  readonly ropeDim?: number;
  readonly window?: number;
  /** Heads of a layer with a state, and channels of their keys. Defaults: one for each 32 channels, and 16. */
  readonly stateHeads?: number;
  readonly state?: number;
  /** Metadata to add or change. */
  readonly keys?: Keys;
  /** GGUF version; default 3. */
  readonly version?: 2 | 3;
}

/** Standard deviation of the logits: wide enough for decisive margins, narrow enough for a soft distribution. */
const LOGIT_SPREAD = 2.5;

/** What llama.cpp's quantiser takes for rows that are no whole blocks of 256. */
const FALLBACK: Readonly<Partial<Record<SupportedType, SupportedType>>> = {
  ...{ Q2_K: 'IQ4_NL', Q3_K: 'IQ4_NL', IQ4_XS: 'IQ4_NL', Q4_K: 'Q5_0', Q5_K: 'Q5_1', Q6_K: 'Q8_0' },
};
/** The matrices that mixtures such as Q4_K_M keep finer than the others. */
const FINER = /^output|attn_v|ffn_down/;

const matrices = (next: Random, type: SupportedType, finer = type) => ({
  matrix: (name: string, rows: number, cols: number, spread = 1): TensorContent => {
    const scale = spread / Math.sqrt(cols);
    const values = Float32Array.from({ length: rows * cols }, () => next.normal() * scale);
    const wanted = FINER.test(name) ? finer : type;
    const stored = cols % 256 === 0 ? wanted : (FALLBACK[wanted] ?? wanted);
    return { name, type: stored, shape: [cols, rows], values };
  },
  vector: (name: string, size: number, center: number): TensorContent => ({
    name,
    type: 'F32',
    shape: [size],
    values: Float32Array.from({ length: size }, () => center + 0.1 * next.normal()),
  }),
});

/** Counts are u32, lists i32 or bool, all other numbers f32. */
const fieldOf = (key: string, value: Keys[string]): Field => {
  if (typeof value === 'string') return field('string', value);
  if (typeof value === 'boolean') return field('bool', value);
  if (typeof value === 'number') return field(COUNTS.test(key) ? 'u32' : 'f32', value);
  return arrayField(typeof value[0] === 'boolean' ? 'bool' : 'i32', value);
};
const COUNTS = /count|length|size|sliding_window|conv_kernel|time_step_rank/;

/**
 * A small decoder with random but well-conditioned weights as a GGUF file: the same bytes for the same options. All
 * vectors are F32. `dim`, `hidden` and heads · headDim must be multiples of 32. `remake` makes other tensors of those made.
 */
export const randomModel = (
  options: RandomModelOptions,
  remake: (tensors: TensorContent[]) => TensorContent[] = (tensors) => tensors,
): Uint8Array<ArrayBuffer> => {
  const { architecture: arch, type, tokenizer, seed, moreBias = false } = options;
  const kind: Kind = KINDS[arch];
  const { dim = kind.dim ?? 96, hidden = 224, layers = 3, heads = 4, kvHeads = 2, headDim = 32 } = options;
  const { ropeDim = headDim, valueDim = headDim } = options;
  const inner = 2 * dim;
  const { stateHeads = inner / 32, state = 16 } = options;
  const recurs = (l: number): boolean => kind.recurs === true && l % 3 !== 1;
  const { tied = kind.tied ?? false, bias = kind.bias ?? false } = options;
  const vocabulary = randomTokenizer(tokenizer);
  const vocab = (vocabulary['tokenizer.ggml.tokens']!.value as ArrayLike<string>).length;
  const { matrix, vector } = matrices(random(seed), type, options.finer);
  const projection = (name: string, rows: number, cols: number): TensorContent[] => {
    const { rank } = options;
    if (rank === undefined) return [matrix(`${name}.weight`, rows, cols)];
    return [matrix(`${name}_a.weight`, rank, cols), matrix(`${name}_b.weight`, rows, rank)];
  };

  const keys: Keys = {
    context_length: options.window ?? 2048,
    embedding_length: dim,
    block_count: layers,
    feed_forward_length: hidden,
    'attention.head_count': heads,
    'attention.head_count_kv': kind.recurs
      ? Array.from({ length: layers }, (_, l) => (recurs(l) ? 0 : kvHeads))
      : kvHeads,
    'attention.key_length': headDim,
    'attention.value_length': valueDim,
    'attention.layer_norm_rms_epsilon': 1e-6,
    'rope.freq_base': 10000,
    'rope.dimension_count': ropeDim,
    vocab_size: vocab,
    ...(kind.recurs && {
      ...{ 'ssm.conv_kernel': 4, 'ssm.state_size': state, 'ssm.group_count': 1 },
      ...{ 'ssm.inner_size': inner, 'ssm.time_step_rank': stateHeads },
    }),
    ...(options.keyHeads !== undefined && { 'attention.head_count_k': options.keyHeads }),
    ...(options.valueHeads !== undefined && { 'attention.head_count_v': options.valueHeads }),
    ...(options.used !== undefined && { 'attention.head_used_count': options.used }),
    ...(options.shared !== undefined && { 'attention.head_shared_count': options.shared }),
    ...kind.keys,
    ...options.keys,
  };
  const metadata: Record<string, Field> = {
    'general.architecture': field('string', arch),
    // Without the architecture: llama.cpp expects tokens of files that are called phi3.
    'general.name': field('string', `random ${type} ${tokenizer} ${seed}`),
    ...Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [`${arch}.${key}`, fieldOf(key, value)]),
    ),
    ...vocabulary,
  };

  const stateTensors = (name: (part: string) => string): TensorContent[] => {
    const channels = inner + 2 * state;
    const some = (part: string, shape: number[], value: (x: number) => number): TensorContent => {
      const { values, ...tensor } = vector(
        name(part),
        shape.reduce((product, n) => product * n),
        0,
      );
      return { ...tensor, shape, values: (values as Float32Array).map((x) => value(10 * x)) };
    };
    return [
      matrix(name('ssm_in.weight'), 2 * inner + 2 * state + stateHeads, dim),
      some('ssm_conv1d.weight', [4, channels], (x) => x / 2),
      some('ssm_conv1d.bias', [channels], (x) => x / 4),
      some('ssm_dt.bias', [stateHeads], (x) => x - 1),
      // From layers that forget within a few tokens to some that remember hundreds.
      some('ssm_a', [1, stateHeads], (x) => -Math.exp(2 * x - 2)),
      some('ssm_d', [1, stateHeads], (x) => 1 + x / 4),
      vector(name('ssm_norm.weight'), inner, 1),
      matrix(name('ssm_out.weight'), dim, inner),
    ];
  };

  const layer = (l: number): TensorContent[] => {
    const name = (part: string): string => `blk.${l}.${part}`;
    const only = (wanted: boolean | undefined, ...tensors: (() => TensorContent)[]): TensorContent[] =>
      wanted ? tensors.map((make) => make()) : [];
    const [q, keys, values] = [
      heads * headDim,
      (options.keyHeads ?? kvHeads) * headDim,
      (options.valueHeads ?? kvHeads) * valueDim,
    ];
    const attends = !recurs(l);
    return [
      vector(name('attn_norm.weight'), dim, 1),
      ...(attends ? [] : stateTensors(name)),
      ...(attends && kind.fused ? projection(name('attn_qkv'), q + keys + values, dim) : []),
      ...(attends && !kind.fused
        ? [
            ...projection(name('attn_q'), q, dim),
            ...projection(name('attn_k'), keys, dim),
            ...projection(name('attn_v'), values, dim),
          ]
        : []),
      ...(attends ? projection(name('attn_output'), dim, heads * valueDim) : []),
      ...only(attends && options.router, () =>
        matrix(name('attn_router.weight'), options.shared ? heads + 2 : heads, dim),
      ),
      ...only(
        bias,
        () => vector(name('attn_q.bias'), q, 0),
        () => vector(name('attn_k.bias'), keys, 0),
        () => vector(name('attn_v.bias'), values, 0),
      ),
      ...only(
        kind.headNorms,
        () => vector(name('attn_q_norm.weight'), headDim, 1),
        () => vector(name('attn_k_norm.weight'), headDim, 1),
      ),
      ...only(kind.postNorms, () => vector(name('post_attention_norm.weight'), dim, 1)),
      vector(name('ffn_norm.weight'), dim, 1),
      ...(kind.fused ? [] : projection(name('ffn_gate'), hidden, dim)),
      ...projection(name('ffn_up'), kind.fused ? 2 * hidden : hidden, dim),
      ...projection(name('ffn_down'), dim, hidden),
      ...only(kind.postNorms, () => vector(name('post_ffw_norm.weight'), dim, 1)),
      ...only(
        moreBias,
        () => vector(name('attn_output.bias'), dim, 0),
        () => vector(name('ffn_gate.bias'), hidden, 0),
        () => vector(name('ffn_up.bias'), hidden, 0),
        () => vector(name('ffn_down.bias'), dim, 0),
      ),
    ];
  };
  const factors = (name: string, most: number): TensorContent => {
    const pairs = ropeDim / 2;
    const values = Float32Array.from({ length: pairs }, (_, pair) => 1 + ((most - 1) * pair) / pairs);
    return { name, type: 'F32', shape: [pairs], values };
  };
  const tensors = [
    matrix('token_embd.weight', vocab, dim, LOGIT_SPREAD),
    vector('output_norm.weight', dim, 1),
    ...(tied ? [] : [matrix('output.weight', vocab, dim, LOGIT_SPREAD)]),
    ...(options.ropeFactors ? [factors('rope_freqs.weight', 8)] : []),
    ...(options.longFactors
      ? [factors('rope_factors_short.weight', 1.5), factors('rope_factors_long.weight', 20)]
      : []),
    ...Array.from({ length: layers }, (_, l) => layer(l)).flat(),
  ];
  return writeGguf({ version: options.version ?? 3, metadata, tensors: remake(tensors) });
};
