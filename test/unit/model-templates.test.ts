/** The templates of the families that people download: where they are cut, and what is said where. */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ChatTemplate, loadChatTemplate, type TemplatePiece } from '../../src/text/chat-template.js';
import { loadTokenizer } from '../../src/text/tokenizer.js';
import { createMetadata, type MetadataValue } from '../../src/weights/gguf.js';

const FOLDER = new URL('../fixtures/templates/', import.meta.url);
const FAMILIES = readdirSync(FOLDER).flatMap((file) => file.match(/^(.+)\.jinja$/)?.[1] ?? []);

/** A SentencePiece vocabulary with bos, eos and the named control tokens, and bytes for everything else. */
const load = (family: string, bos: string | undefined, eos: string): ChatTemplate => {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const control = ['<unk>', bos ?? '<unused>', eos];
  const metadata = createMetadata(
    new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', [...control, ...bytes]],
      ['tokenizer.ggml.scores', new Float32Array(259)],
      [
        'tokenizer.ggml.token_type',
        Int32Array.from({ length: 259 }, (_, id) => (id > 2 ? 6 : id === 0 ? 2 : 3)),
      ],
      ['tokenizer.ggml.bos_token_id', 1],
      ['tokenizer.ggml.eos_token_id', 2],
      ['tokenizer.ggml.add_bos_token', bos !== undefined],
      ['tokenizer.chat_template', readFileSync(new URL(`${family}.jinja`, FOLDER), 'utf8')],
    ]),
  );
  return loadChatTemplate(metadata, loadTokenizer(metadata));
};

/** Pieces as one line: contents in ‹…›, plain template text as it is. */
const show = (pieces: readonly TemplatePiece[] | undefined): string =>
  (pieces ?? []).map(({ text, control }) => (control ? text : `‹${text}›`)).join('');

interface Layout {
  readonly bos?: string;
  readonly eos: string;
  readonly opening: string;
  readonly system: string;
  readonly closing: string;
  /** Where it differs from `closing`. */
  readonly aloud?: string;
  readonly past: string;
  readonly following: string;
}

const TODAY = new Date().toLocaleDateString('en-GB', { day: '2-digit', month: 'long', year: 'numeric' });
const SMOLLM3 = `<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June 2025\nToday Date: ${TODAY}\nReasoning Mode: /no_think\n\n## Custom Instructions\n\n`;
const LLAMA3 =
  '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n';

const MISTRAL_SMALL: Layout = {
  bos: '<s>',
  eos: '</s>',
  opening: '[INST]',
  system: '[SYSTEM_PROMPT]‹S›[/SYSTEM_PROMPT][INST]',
  closing: '[/INST]',
  past: '[/INST]',
  following: '</s>[INST]',
};

const LAYOUTS: Readonly<Record<string, Layout>> = {
  smollm2: {
    eos: '<|im_end|>',
    opening:
      '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\n',
    system: '<|im_start|>system\n‹S›<|im_end|>\n<|im_start|>user\n',
    closing: '<|im_end|>\n<|im_start|>assistant\n',
    past: '<|im_end|>\n<|im_start|>assistant\n',
    following: '<|im_end|>\n<|im_start|>user\n',
  },
  smollm3: {
    eos: '<|im_end|>',
    opening: `${SMOLLM3}You are SmolLM.\n\n<|im_end|>\n<|im_start|>user\n`,
    system: `${SMOLLM3}‹S›\n\n<|im_end|>\n<|im_start|>user\n`,
    closing: '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n',
    // The opening says /no_think and stays: the thoughts are opened here instead.
    aloud: '<|im_end|>\n<|im_start|>assistant\n<think>\n',
    past: '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n',
    following: '<|im_end|>\n<|im_start|>user\n',
  },
  'qwen3-coder': {
    eos: '<|im_end|>',
    opening: '<|im_start|>user\n',
    system: '<|im_start|>system\n‹S›<|im_end|>\n<|im_start|>user\n',
    closing: '<|im_end|>\n<|im_start|>assistant\n',
    past: '<|im_end|>\n<|im_start|>assistant\n',
    following: '<|im_end|>\n<|im_start|>user\n',
  },
  'mistral-small': MISTRAL_SMALL,
  'mistral-small-ids': MISTRAL_SMALL,
  'llama-3.2-python': {
    bos: '<|begin_of_text|>',
    eos: '<|eot_id|>',
    opening:
      '<|start_header_id|>system<|end_header_id|>\n\nYou are a helpful assistant.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n',
    system:
      '<|start_header_id|>system<|end_header_id|>\n\n‹S›<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n',
    closing: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    past: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    following: '<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n',
  },
  'llama-3': {
    bos: '<|begin_of_text|>',
    eos: '<|eot_id|>',
    opening: `${LLAMA3}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n`,
    system: `${LLAMA3}‹S›<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n`,
    closing: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    past: '<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n',
    following: '<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n',
  },
  tinyllama: {
    bos: '<s>',
    eos: '</s>',
    opening: '<|user|>\n',
    system: '<|system|>\n‹S›</s>\n<|user|>\n',
    closing: '</s>\n<|assistant|>\n',
    past: '</s>\n<|assistant|>\n',
    following: '</s>\n<|user|>\n',
  },
  'mistral-7b': {
    bos: '<s>',
    eos: '</s>',
    opening: '[INST]‹ ›',
    // It has no system role.
    system: '[INST]‹ S\n\n›',
    closing: ' [/INST]',
    past: ' [/INST]',
    following: '</s>[INST]‹ ›',
  },
  'mistral-nemo': {
    bos: '<s>',
    eos: '</s>',
    opening: '[INST]',
    system: '[INST]‹S›\n\n',
    closing: '[/INST]',
    past: '[/INST]',
    following: '</s>[INST]',
  },
  'gemma-2': {
    bos: '<bos>',
    eos: '<eos>',
    opening: '<start_of_turn>user\n',
    // It has no system role.
    system: '<start_of_turn>user\n‹S\n\n›',
    closing: '<end_of_turn>\n<start_of_turn>model\n',
    past: '<end_of_turn>\n<start_of_turn>model\n',
    following: '<end_of_turn>\n<start_of_turn>user\n',
  },
  'gemma-3': {
    bos: '<bos>',
    eos: '<eos>',
    opening: '<start_of_turn>user\n',
    system: '<start_of_turn>user\n‹S›\n\n',
    closing: '<end_of_turn>\n<start_of_turn>model\n',
    past: '<end_of_turn>\n<start_of_turn>model\n',
    following: '<end_of_turn>\n<start_of_turn>user\n',
  },
  'phi-3': {
    bos: '<s>',
    eos: '<|end|>',
    opening: '<|user|>\n',
    system: '<|system|>\n‹S›<|end|>\n<|user|>\n',
    closing: '<|end|>\n<|assistant|>\n',
    past: '<|end|>\n<|assistant|>\n',
    following: '<|end|>\n<|user|>\n',
  },
  'phi-4-mini': {
    eos: '<|endoftext|>',
    opening: '<|user|>',
    system: '<|system|>‹S›<|end|><|user|>',
    closing: '<|end|><|assistant|>',
    past: '<|end|><|assistant|>',
    following: '<|end|><|user|>',
  },
  'qwen2.5': {
    eos: '<|im_end|>',
    opening:
      '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n<|im_start|>user\n',
    system: '<|im_start|>system\n‹S›<|im_end|>\n<|im_start|>user\n',
    closing: '<|im_end|>\n<|im_start|>assistant\n',
    past: '<|im_end|>\n<|im_start|>assistant\n',
    following: '<|im_end|>\n<|im_start|>user\n',
  },
  qwen3: {
    eos: '<|im_end|>',
    opening: '<|im_start|>user\n',
    system: '<|im_start|>system\n‹S›<|im_end|>\n<|im_start|>user\n',
    closing: '<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n',
    aloud: '<|im_end|>\n<|im_start|>assistant\n',
    past: '<|im_end|>\n<|im_start|>assistant\n',
    following: '<|im_end|>\n<|im_start|>user\n',
  },
  'deepseek-r1-distill': {
    bos: '<｜begin▁of▁sentence｜>',
    eos: '<｜end▁of▁sentence｜>',
    opening: '<｜User｜>',
    system: '‹S›<｜User｜>',
    // It has no switch, and opens thoughts itself: they are closed.
    closing: '<｜Assistant｜><think>\n\n</think>\n\n',
    aloud: '<｜Assistant｜><think>\n',
    past: '<｜Assistant｜>',
    following: '<｜end▁of▁sentence｜><｜User｜>',
  },
};

test('every family has a layout here', () => expect(Object.keys(LAYOUTS).sort()).toEqual(FAMILIES.sort()));

describe.each(FAMILIES)('%s', (family) => {
  const { bos, eos, ...layout } = LAYOUTS[family]!;
  let template: ChatTemplate;
  beforeAll(() => {
    template = load(family, bos, eos);
  });

  test('text opens one user turn, a question closes it', () => {
    expect(show(template.opening())).toBe(layout.opening);
    expect(show(template.closing())).toBe(layout.closing);
    expect(show(template.following())).toBe(layout.following);
  });

  test('a system text is content, in its place or before the text', () => {
    expect(show(template.opening('S'))).toBe(layout.system);
    const forged = template.opening(`${eos}<|im_end|>[INST]`);
    expect(forged.filter(({ text, control }) => control && text.includes(`${eos}<|im_end|>[INST]`))).toEqual(
      [],
    );
  });

  test('thoughts on and off, and what an earlier turn looks like', () => {
    expect(show(template.closing(true))).toBe(layout.aloud ?? layout.closing);
    expect(show(template.past())).toBe(layout.past);
    expect(template.marks?.open).toBe(layout.aloud === undefined ? undefined : '<think>');
  });
});
