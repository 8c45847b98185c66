import { createMetadata, type Metadata, type MetadataValue } from '../../src/weights/gguf.js';
import { arrayField, type Field, field, writeGguf } from '../support/gguf-writer.js';
import { openMetadata } from '../support/open-metadata.js';
import { HARD_TEXTS } from './hard-texts.js';
import { pairedMerges } from './paired-merges.js';

/** A vocabulary with everything that decides how text is cut. */
export interface GoldenVocabulary {
  readonly name: string;
  readonly metadata: Metadata;
  /** The same as a GGUF file without tensors. */
  readonly bytes: () => Uint8Array<ArrayBuffer>;
}

const CONTROL = 3;
const USER_DEFINED = 4;

interface Variant {
  readonly file: 'gpt-2' | 'llama-spm';
  readonly pre?: string;
  readonly title?: string;
  readonly control?: readonly string[];
  readonly userDefined?: readonly string[];
  readonly flags?: Readonly<Record<string, boolean>>;
  /** The name of the token that ends a text; default the file's own. */
  readonly eos?: string;
  /** Other names for tokens of the file. */
  readonly renamed?: Readonly<Record<string, string>>;
}

const TYPES = { string: 'string', boolean: 'bool', number: 'u32' } as const;

const toField = (value: MetadataValue): Field => {
  if (value instanceof Float32Array) return arrayField('f32', value);
  if (value instanceof Int32Array) return arrayField('i32', value);
  if (Array.isArray(value)) return arrayField('string', value as string[]);
  return field(TYPES[typeof value as keyof typeof TYPES], value as string | number | boolean);
};

const golden = (name: string, pairs: ReadonlyMap<string, MetadataValue>): GoldenVocabulary => ({
  name,
  metadata: createMetadata(new Map(pairs)),
  bytes: () => {
    const metadata = Object.fromEntries([...pairs].map(([key, value]) => [key, toField(value)]));
    return writeGguf({ metadata, tensors: [] });
  },
});

const vocabulary = async (name: string, variant: Variant): Promise<GoldenVocabulary> => {
  const source = await openMetadata(`test/fixtures/tokenizers/${variant.file}.gguf`);
  const added = [...(variant.control ?? []), ...(variant.userDefined ?? [])];
  const isAdded = new Set(added);
  const renamed = new Map(Object.entries(variant.renamed ?? {}));
  // A name that the file has already keeps its text but loses it to the added one: no vocabulary has a token twice.
  const texts = source
    .strings('tokenizer.ggml.tokens')
    .map((text, id) => (isAdded.has(text) ? `[was ${id}]` : (renamed.get(text) ?? text)));
  const kinds = [
    ...source.numbers('tokenizer.ggml.token_type'),
    ...(variant.control ?? []).map(() => CONTROL),
    ...(variant.userDefined ?? []).map(() => USER_DEFINED),
  ];
  const tokens = [...texts, ...added];
  const isSpm = variant.file === 'llama-spm';
  const pairs = new Map<string, MetadataValue>([
    ['general.architecture', 'llama'],
    ['general.name', variant.title ?? name],
    ['tokenizer.ggml.model', isSpm ? 'llama' : 'gpt2'],
    ['tokenizer.ggml.pre', isSpm ? 'default' : variant.pre!],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', Int32Array.from(kinds)],
    ['tokenizer.ggml.bos_token_id', isSpm ? 1 : 50256],
    ['tokenizer.ggml.eos_token_id', variant.eos ? tokens.indexOf(variant.eos) : isSpm ? 2 : 50256],
  ]);
  if (isSpm) {
    pairs.set('tokenizer.ggml.unknown_token_id', 0);
    const scores = [...source.numbers('tokenizer.ggml.scores'), ...added.map(() => -1000)];
    pairs.set('tokenizer.ggml.scores', Float32Array.from(scores));
  } else {
    pairs.set('tokenizer.ggml.merges', source.strings('tokenizer.ggml.merges'));
  }
  for (const [key, value] of Object.entries(variant.flags ?? {})) pairs.set(`tokenizer.ggml.${key}`, value);
  return golden(name, pairs);
};

/** One pre-tokenizer for each rule. */
export const RULES: readonly string[] = [
  'gpt-2',
  'default',
  'smollm',
  'qwen2',
  'qwen35',
  'llama-bpe',
  'smaug-bpe',
  'tekken',
  'gpt-4o',
  'deepseek-llm',
  'deepseek-coder',
  'deepseek-v3',
  'falcon',
  'bloom',
  'viking',
  'seed-coder',
];

/** Tokens that show every cut of the hard texts, cut by that rule. */
export const byteLevelVocabulary = (pre: string): GoldenVocabulary => {
  const { tokens, merges } = pairedMerges(HARD_TEXTS);
  const end = tokens.push('<|end|>') - 1;
  return golden(
    pre,
    new Map<string, MetadataValue>([
      ['general.architecture', 'llama'],
      ['general.name', pre],
      ['tokenizer.ggml.model', 'gpt2'],
      ['tokenizer.ggml.pre', pre],
      ['tokenizer.ggml.tokens', tokens],
      ['tokenizer.ggml.token_type', Int32Array.from(tokens, (_, id) => (id === end ? CONTROL : 1))],
      ['tokenizer.ggml.merges', merges],
      ['tokenizer.ggml.bos_token_id', end],
      ['tokenizer.ggml.eos_token_id', end],
    ]),
  );
};

const CHATML = ['<|im_start|>', '<|im_end|>'];
const LLAMA3 = [
  '<|begin_of_text|>',
  '<|end_of_text|>',
  '<|start_header_id|>',
  '<|end_header_id|>',
  '<|eot_id|>',
];

/** Named tokens as published models of these families have them, over the vocabularies at hand. */
const FAMILIES: Readonly<Record<string, Variant>> = {
  smollm2: {
    file: 'gpt-2',
    pre: 'smollm',
    control: [
      ...CHATML,
      '<repo_name>',
      '<reponame>',
      '<file_sep>',
      '<filename>',
      '<issue_start>',
      '<empty_output>',
    ],
    eos: '<|im_end|>',
  },
  smollm3: {
    file: 'gpt-2',
    pre: 'llama-bpe',
    control: [...LLAMA3, ...CHATML, '<|eom_id|>', '<|python_tag|>'],
    userDefined: ['<think>', '</think>', '<tool_call>', '</tool_call>'],
    flags: { add_bos_token: false },
    eos: '<|im_end|>',
  },
  'llama 3.1': {
    file: 'gpt-2',
    pre: 'llama-bpe',
    control: [...LLAMA3, '<|eom_id|>', '<|python_tag|>', '<|finetune_right_pad_id|>'],
    eos: '<|eot_id|>',
  },
  'mistral nemo': {
    file: 'gpt-2',
    pre: 'tekken',
    control: ['<unk>', '<s>', '</s>', '[INST]', '[/INST]', '[TOOL_CALLS]', '<pad>', '[THINK]', '[/THINK]'],
    eos: '</s>',
  },
  qwen3: {
    file: 'gpt-2',
    pre: 'qwen2',
    control: [
      ...CHATML,
      '<|object_ref_start|>',
      '<|vision_start|>',
      '<|fim_prefix|>',
      '<|fim_suffix|>',
      '<|fim_middle|>',
      '<|fim_pad|>',
      '<|repo_name|>',
      '<|file_sep|>',
    ],
    userDefined: ['<think>', '</think>', '<tool_call>', '</tool_call>'],
    flags: { add_bos_token: false },
    eos: '<|im_end|>',
  },
  'deepseek-r1 qwen': {
    file: 'gpt-2',
    pre: 'deepseek-r1-qwen',
    control: ['<｜begin▁of▁sentence｜>', '<｜end▁of▁sentence｜>', '<｜User｜>', '<｜Assistant｜>'],
    userDefined: ['<think>', '</think>'],
    flags: { add_bos_token: true },
    eos: '<｜end▁of▁sentence｜>',
  },
  'phi-4-mini': {
    file: 'gpt-2',
    pre: 'gpt-4o',
    control: ['<|user|>', '<|assistant|>', '<|system|>', '<|end|>', '<|tool|>', '<|/tool|>'],
    flags: { add_bos_token: false },
  },
  tinyllama: { file: 'llama-spm' },
  'mistral 7b v0.3': { file: 'llama-spm', control: ['[INST]', '[/INST]', '[TOOL_CALLS]'] },
  'phi-3': {
    file: 'llama-spm',
    title: 'Phi-3-mini',
    control: ['<|endoftext|>', '<|assistant|>', '<|placeholder1|>', '<|system|>', '<|end|>', '<|user|>'],
    eos: '<|endoftext|>',
  },
  'gemma 3': {
    file: 'llama-spm',
    renamed: { '<s>': '<bos>', '</s>': '<eos>' },
    control: ['<start_of_turn>', '<end_of_turn>', '<start_of_image>', '<unused0>'],
    userDefined: [
      '\n\n',
      '\n\n\n',
      '  ',
      '   ',
      '    ',
      '        ',
      '\t\t',
      '<table>',
      '</code>',
      '[multimodal]',
    ],
    flags: { add_space_prefix: false, add_bos_token: true },
    eos: '<eos>',
  },
};

export const familyNames = Object.keys(FAMILIES);
export const familyVocabulary = (name: string): Promise<GoldenVocabulary> =>
  vocabulary(name, FAMILIES[name]!);
