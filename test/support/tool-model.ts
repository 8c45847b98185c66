import { readFileSync } from 'node:fs';
import type { AskSettings, Finish } from '../../src/generate/ask-settings.js';
import { createConversation, type Turns } from '../../src/generate/conversation.js';
import { loadChatTemplate } from '../../src/text/chat-template.js';
import { loadTokenizer } from '../../src/text/tokenizer.js';
import type { Tool, ToolResult } from '../../src/text/tool.js';
import { createMetadata, type MetadataValue } from '../../src/weights/gguf.js';
import { scriptedContext } from './scripted-context.js';

/** Phi's swallow the white space behind them. */
export const PHI: readonly string[] = [
  ...['<s>', '</s>', '<|end|>', '<|user|>', '<|system|>', '<|assistant|>'],
  ...['<|tool|>', '<|/tool|>', '<|tool_call|>', '<|/tool_call|>'],
];
/** Turns, calls and results of all families, with the types that files of them give. */
const CONTROL = [
  ...['<s>', '</s>', '<|im_start|>', '<|im_end|>', '<|eot_id|>', '<|start_header_id|>', '<|end_header_id|>'],
  ...['<|begin_of_text|>', '[INST]', '[/INST]', '[TOOL_CALLS]', '[AVAILABLE_TOOLS]', '[/AVAILABLE_TOOLS]'],
  ...['[TOOL_RESULTS]', '[/TOOL_RESULTS]', '<|tool|>', '<|/tool|>', '<|tool_call|>', '<|/tool_call|>'],
  ...['<start_of_turn>', '<end_of_turn>', '[ARGS]', '[CALL_ID]', '[TOOL_CONTENT]'],
  ...['[SYSTEM_PROMPT]', '[/SYSTEM_PROMPT]'],
];
const MARK_UP = ['<tool_call>', '</tool_call>', '<tool_response>', '</tool_response>', '<think>', '</think>'];

export interface ToolModel {
  readonly names?: readonly string[];
  /** Ends a turn. */
  readonly eos: string;
  readonly addBos?: boolean;
}

/** A byte-wise vocabulary with the names that a family has, and the family's template. */
export const toolVocabulary = (template: string, { eos, addBos = false, names }: ToolModel) => {
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const named = ['<unk>', ...(names ?? [...CONTROL, ...MARK_UP])];
  const kinds = named.map((name, i) => (i === 0 ? 2 : MARK_UP.includes(name) ? 4 : 3));
  const metadata = createMetadata(
    new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', 'llama'],
      ['tokenizer.ggml.tokens', [...named, ...bytes, '▁']],
      ['tokenizer.ggml.scores', new Float32Array(named.length + 257)],
      ['tokenizer.ggml.token_type', Int32Array.from([...kinds, ...bytes.map(() => 6), 1])],
      ['tokenizer.ggml.bos_token_id', 1],
      ['tokenizer.ggml.eos_token_id', named.indexOf(eos)],
      ['tokenizer.ggml.add_bos_token', addBos],
      ['tokenizer.ggml.add_space_prefix', false],
      ['tokenizer.chat_template', template],
    ]),
  );
  const tokenizer = loadTokenizer(metadata);
  return { tokenizer, template: loadChatTemplate(metadata, tokenizer), stop: named.indexOf(eos) };
};

export const templateOf = (family: string): string =>
  readFileSync(new URL(`../fixtures/templates/${family}.jinja`, import.meta.url), 'utf8');

/** A conversation with tools, and a model that says what the test wants where it may. */
export const openTools = async (
  source: string,
  shape: ToolModel,
  tools: readonly Tool[],
  system?: string,
  stored?: Turns,
) => {
  const { tokenizer, template, stop } = toolVocabulary(source, shape);
  const script = scriptedContext(tokenizer.vocab, stop);
  const conversation = await createConversation(
    script.context,
    tokenizer,
    template,
    1 << 20,
    { system, tools, ...(stored && { stored }) },
    async () => undefined,
  );
  const ask = async (says: string, question: string | readonly ToolResult[], options: AskSettings = {}) => {
    script.say(tokenizer.encodeTemplate(says));
    const pieces: string[] = [];
    let text = '';
    let thoughts = '';
    const finish: Finish = await conversation.ask(
      question,
      { maxTokens: 2000, ...options },
      {},
      (piece, isThought, call) => {
        if (call) pieces.push(`${call.index} ${call.name} ${piece}`);
        else if (isThought) thoughts += piece;
        else text += piece;
      },
    );
    return { text, thoughts, pieces, ...finish };
  };
  /** Everything in the context, names and all. */
  const read = (): string => tokenizer.decode(script.tokens, { control: true });
  return { conversation, tokenizer, template, tokens: script.tokens, ask, read };
};
