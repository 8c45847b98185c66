/** The models that llama.cpp was asked about. The recorder and the tests both make them from here. */
import { readFile } from 'node:fs/promises';
import { SUPPORTED_TYPES, type SupportedType } from '../../src/weights/tensor-types.js';
import { toF32 } from '../support/dequantise.js';
import { random } from '../support/random.js';
import {
  ARCHITECTURES,
  type RandomArchitecture,
  type RandomModelOptions,
  randomModel,
} from '../support/random-model.js';
import { randomTokenizer, type TokenizerKind } from '../support/random-tokenizer.js';

export interface GoldenModel {
  readonly name: string;
  /** Type of the matrices. */
  readonly type: SupportedType;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface GeneratedModel extends GoldenModel {
  readonly options: RandomModelOptions;
  /** Tokens that it reads, those after which the next one is looked at, and tokens that follow. */
  readonly read: number;
  readonly looks: number;
  readonly generated: number;
}

const TOKENIZERS: readonly TokenizerKind[] = ['gpt-2', 'qwen2', 'llama-bpe', 'spm'];

type Variant = Partial<Omit<RandomModelOptions, 'architecture' | 'type' | 'tokenizer' | 'seed'>>;
type Extent = Pick<GeneratedModel, 'read' | 'looks' | 'generated'>;

const LONG: Extent = { read: 48, looks: 48, generated: 16 };
const SHORT: Extent = { read: 24, looks: 12, generated: 8 };

const generated = (
  architecture: RandomArchitecture,
  type: SupportedType,
  tokenizer: TokenizerKind,
  seed: number,
  variant: Variant = {},
  extent = LONG,
): GeneratedModel => {
  const { keys = {}, ...rest } = variant;
  const differs = Object.entries({ ...rest, ...keys }).map(([key, value]) =>
    value === true ? key : `${key}=${value}`,
  );
  const options = { architecture, type, tokenizer, seed, ...variant };
  return {
    name: [architecture, type, tokenizer, ...differs].join(' '),
    type,
    options,
    ...extent,
    bytes: async () => randomModel(options),
  };
};

/** Types in blocks of 256 need rows of whole blocks. */
const shapeFor = (type: SupportedType): Variant =>
  /_K$|^IQ4_XS$/.test(type) ? { dim: 256, hidden: 256, headDim: 64, layers: 2 } : {};

const f32 = (architecture: RandomArchitecture, seed: number, variant: Variant, extent?: Extent) =>
  generated(architecture, 'F32', TOKENIZERS[seed % 4]!, seed, variant, extent);

const yarn = {
  'rope.scaling.type': 'yarn',
  'rope.scaling.factor': 8,
  'rope.scaling.original_context_length': 16,
};

/** What is easily got wrong, each in F32, where llama.cpp and the engine must agree closely. */
const FEATURES: readonly GeneratedModel[] = [
  f32('llama', 101, { tied: true, ropeFactors: true }),
  f32('llama', 102, { bias: true, moreBias: true, kvHeads: 4 }),
  f32('llama', 103, { keys: yarn }),
  f32('llama', 104, { heads: 8, kvHeads: 1, headDim: 64, keys: { 'rope.scaling.factor': 4 } }),
  f32('qwen2', 105, { tied: true, dim: 256, heads: 4, kvHeads: 1, headDim: 64 }),
  f32('qwen2', 106, { keys: { ...yarn, 'rope.scaling.attn_factor': 0.9 } }),
  f32('qwen3', 107, { tied: true, heads: 3, kvHeads: 3, headDim: 64 }),
  f32('qwen3', 108, { keys: { ...yarn, 'rope.scaling.original_context_length': 32 } }),
  f32('gemma2', 109, { layers: 4, headDim: 256, heads: 2, kvHeads: 1 }),
  f32('gemma2', 110, { layers: 46, dim: 96, hidden: 32, heads: 2, kvHeads: 1, headDim: 16 }, SHORT),
  f32('gemma3', 111, { layers: 7, keys: { 'rope.scaling.type': 'linear', 'rope.scaling.factor': 8 } }),
  f32('gemma3', 112, { layers: 12, heads: 1, kvHeads: 1, headDim: 256, hidden: 96 }),
  f32('gemma3', 113, { layers: 62, dim: 96, hidden: 32, heads: 2, kvHeads: 1, headDim: 16 }, SHORT),
  f32('smollm3', 114, { layers: 5, dim: 192, heads: 3, kvHeads: 1, headDim: 64 }),
  f32('smollm3', 115, { layers: 8, tied: false, keys: yarn }),
  f32('phi3', 116, { tied: true, ropeDim: 24, kvHeads: 4, keys: { 'attention.sliding_window': 7 } }),
  f32('phi3', 117, {
    longFactors: true,
    ropeDim: 24,
    keys: { 'rope.scaling.original_context_length': 32, 'rope.scaling.attn_factor': 1.19 },
  }),
  f32('phi3', 118, {
    longFactors: true,
    keys: { 'rope.scaling.original_context_length': 2048, 'rope.scaling.attn_factor': 1.19 },
  }),
  f32('granitehybrid', 119, {
    layers: 5,
    stateHeads: 3,
    state: 20,
    keys: { 'rope.scaling.finetuned': true },
  }),
  f32('granitehybrid', 120, { layers: 6, dim: 128, stateHeads: 16, state: 128, tied: false }),
  f32('granitehybrid', 121, { kvHeads: 4, keys: { residual_scale: 1, embedding_scale: 12, logit_scale: 8 } }),
];

/**
 * Value heads narrower and wider than key heads (Sigma's DiffQKV, arXiv 2501.13629 §2), all of them narrower together than the
 * residual stream (pruned inside as by TransAct, arXiv 2407.05690). llama.cpp loads none of these, the plain model all.
 */
export const WIDTHS: readonly GeneratedModel[] = [
  f32('llama', 301, { headDim: 64, valueDim: 16, heads: 6, kvHeads: 2 }),
  f32('llama', 302, { headDim: 16, valueDim: 80, dim: 128 }),
  f32('llama', 303, { dim: 192, headDim: 16, valueDim: 16, heads: 6, kvHeads: 3, hidden: 96 }),
  f32('qwen3', 304, { headDim: 32, valueDim: 48, heads: 4, kvHeads: 1 }),
  f32('gemma3', 305, { headDim: 48, valueDim: 32, layers: 7 }),
  f32('phi3', 306, { headDim: 32, valueDim: 64 }),
];

/** Every projection two matrices (`…_a.weight`, `…_b.weight`): of less rank, of all of it, and where tensors are shared. */
export const PAIRS: readonly GeneratedModel[] = [
  f32('llama', 311, { rank: 32, moreBias: true, bias: true }),
  f32('qwen3', 312, { rank: 96, dim: 128 }),
  f32('gemma2', 313, { rank: 64 }),
  f32('phi3', 314, { rank: 64 }),
];

/** Rows that use some of their heads (MoH, arXiv 2410.11842), by routers and by the length of queries. */
export const ROUTED: readonly GeneratedModel[] = [
  f32('llama', 321, { heads: 8, kvHeads: 2, headDim: 16, shared: 4, used: 2 }),
  f32('llama', 322, { heads: 8, kvHeads: 4, headDim: 16, shared: 3, used: 2, router: true }),
  f32('qwen3', 323, { heads: 6, used: 3, router: true, rank: 32 }),
  f32('gemma3', 324, { layers: 7, used: 1 }),
];

/** Fewer heads of keys than of values, and the other way round (Sigma's DiffQKV, arXiv 2501.13629 §2). */
export const SHARED: readonly GeneratedModel[] = [
  f32('llama', 331, { kvHeads: 4, keyHeads: 2, bias: true }),
  f32('qwen3', 332, { heads: 8, kvHeads: 4, keyHeads: 1, headDim: 16, valueDim: 32 }),
  f32('gemma3', 333, { kvHeads: 4, valueHeads: 2, layers: 7 }),
  f32('llama', 335, { kvHeads: 4, keyHeads: 2, rank: 32 }),
];

/** Every tokenizer; every architecture with every tensor type; then what is easily got wrong. */
export const GENERATED: readonly GeneratedModel[] = [
  ...TOKENIZERS.map((tokenizer, k) => generated('llama', 'F32', tokenizer, 1 + k)),
  ...ARCHITECTURES.flatMap((architecture, a) =>
    SUPPORTED_TYPES.map((type, t) => {
      const seed = 1000 + 100 * a + t;
      return generated(architecture, type, TOKENIZERS[(a + t) % 4]!, seed, shapeFor(type), SHORT);
    }),
  ).filter(({ options: { architecture, type } }) => architecture !== 'llama' || type !== 'F32'),
  generated('llama', 'Q8_0', 'llama-bpe', 201, { tied: true, heads: 6, kvHeads: 1, headDim: 16 }, SHORT),
  generated('qwen3', 'F16', 'qwen2', 202, { dim: 160, hidden: 96, layers: 1, heads: 8, headDim: 80 }, SHORT),
  generated('qwen3', 'Q4_0', 'qwen2', 203, { tied: true, layers: 5, headDim: 128 }, SHORT),
  generated('llama', 'Q4_K', 'gpt-2', 221, { finer: 'Q6_K', dim: 256, hidden: 512, headDim: 64 }, SHORT),
  // 288 inputs: what cannot be Q3_K is IQ4_NL, and Q5_1 where it would be Q5_K.
  generated('llama', 'Q3_K', 'gpt-2', 222, { finer: 'Q5_K', dim: 256, hidden: 288, headDim: 64 }, SHORT),
  ...FEATURES,
];

/** The tokens a generated model reads: ids drawn with its seed. */
export const generatedIds = ({ options, read }: GeneratedModel): number[] => {
  const tokens = randomTokenizer(options.tokenizer)['tokenizer.ggml.tokens']!.value as ArrayLike<string>;
  const { below } = random(options.seed);
  return Array.from({ length: read }, () => below(tokens.length));
};

/** The model that comes with the package, as it is and with the same numbers in F32. */
export const BUNDLED: readonly GoldenModel[] = [
  { name: 'book-reader Q8_0', type: 'Q8_0', bytes: () => bundledFile('book-reader-5m') },
  {
    name: 'book-reader F32',
    type: 'F32',
    bytes: async () => toF32(await bundledFile('book-reader-5m')),
  },
  { name: 'book-reader-gemma3 Q8_0', type: 'Q8_0', bytes: () => bundledFile('book-reader-5m-gemma3') },
];

const bundledFile = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL(`../../examples/models/${name}-Q8_0.gguf`, import.meta.url)));

/** One model for each kind of tokenizer, and the bundled one. */
export const TOKENIZED: readonly GoldenModel[] = [...GENERATED.slice(0, TOKENIZERS.length), BUNDLED[0]!];
