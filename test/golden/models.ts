/** The models that llama.cpp was asked about. The recorder and the tests both make them from here. */
import { readFile } from 'node:fs/promises';
import { SUPPORTED_TYPES, type SupportedType } from '../../src/weights/tensor-types.js';
import { toF32 } from '../support/dequantise.js';
import { random } from '../support/random.js';
import { type RandomModelOptions, randomModel } from '../support/random-model.js';
import { randomTokenizer, type TokenizerKind } from '../support/random-tokenizer.js';

export interface GoldenModel {
  readonly name: string;
  /** Type of the matrices. */
  readonly type: SupportedType;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface GeneratedModel extends GoldenModel {
  readonly options: RandomModelOptions;
}

const TOKENIZERS: readonly TokenizerKind[] = ['gpt-2', 'qwen2', 'llama-bpe', 'spm'];

type Variant = Partial<Omit<RandomModelOptions, 'architecture' | 'type' | 'tokenizer' | 'seed'>>;

const generated = (
  architecture: 'llama' | 'qwen3',
  type: SupportedType,
  tokenizer: TokenizerKind,
  seed: number,
  variant: Variant = {},
): GeneratedModel => {
  const differs = Object.entries(variant).map(([key, value]) => (value === true ? key : `${key}=${value}`));
  const options = { architecture, type, tokenizer, seed, ...variant };
  return {
    name: [architecture, type, tokenizer, ...differs].join(' '),
    type,
    options,
    bytes: async () => randomModel(options),
  };
};

/** Every architecture, tensor type and tokenizer; then shapes and tensors that are easily got wrong. */
export const GENERATED: readonly GeneratedModel[] = [
  ...(['llama', 'qwen3'] as const).flatMap((architecture, a) =>
    SUPPORTED_TYPES.flatMap((type, t) =>
      TOKENIZERS.map((tokenizer, k) => generated(architecture, type, tokenizer, 1 + k + 4 * (t + 5 * a))),
    ),
  ),
  generated('llama', 'F32', 'spm', 101, { tied: true, ropeFactors: true }),
  generated('llama', 'F32', 'gpt-2', 102, { bias: true, kvHeads: 4 }),
  generated('llama', 'Q8_0', 'llama-bpe', 103, { tied: true, heads: 6, kvHeads: 1, headDim: 16 }),
  generated('qwen3', 'F32', 'qwen2', 104, { tied: true, heads: 3, kvHeads: 3, headDim: 64 }),
  generated('qwen3', 'F16', 'qwen2', 105, { dim: 160, hidden: 96, layers: 1, heads: 8, headDim: 80 }),
  generated('qwen3', 'Q4_0', 'qwen2', 106, { tied: true, layers: 5, headDim: 128 }),
];

/** The tokens a generated model reads: 48 ids drawn with its seed. */
export const generatedIds = ({ options }: GeneratedModel): number[] => {
  const tokens = randomTokenizer(options.tokenizer)['tokenizer.ggml.tokens']!.value as ArrayLike<string>;
  const { below } = random(options.seed);
  return Array.from({ length: 48 }, () => below(tokens.length));
};

/** The model that comes with the package, as it is and with the same numbers in F32. */
export const BUNDLED: readonly GoldenModel[] = [
  { name: 'book-reader Q8_0', type: 'Q8_0', bytes: () => bundledFile() },
  { name: 'book-reader F32', type: 'F32', bytes: async () => toF32(await bundledFile()) },
];

const bundledFile = async (): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await readFile(new URL('../../examples/models/book-reader-5m-Q8_0.gguf', import.meta.url)));

/** One model for each kind of tokenizer, and the bundled one. */
export const TOKENIZED: readonly GoldenModel[] = [...GENERATED.slice(0, TOKENIZERS.length), BUNDLED[0]!];
