import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import { createHash } from './signature.js';

/** What `tokenizer.ggml.token_type` says about a token. */
export const TOKEN_KIND = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

/** The tokens of a model, before anything is said about how text becomes them. */
export interface Vocabulary {
  /** `tokenizer.ggml.model`. */
  readonly model: string;
  /** `tokenizer.ggml.pre`, empty where the file has none. */
  readonly pre: string;
  /** id → the token as the file spells it. */
  readonly texts: readonly string[];
  /** id → one of TOKEN_KIND. */
  readonly kinds: Uint8Array;
  readonly bos: number | undefined;
  readonly unknown: number | undefined;
  readonly stops: ReadonlySet<number>;
  /** Control tokens that swallow the white space behind them in template text. */
  readonly swallowing: ReadonlySet<number>;
  readonly signature: string;
}

/** Tokens that end an answer whatever the file says of their type: those of llama.cpp, and a few more. */
const STOP_NAMES = new Set([
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|eot|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|end_of_turn|>',
  '<|END_OF_TURN_TOKEN|>',
  '<end_of_turn>',
  '<turn|>',
  '<end_of_utterance>',
  '<｜end▁of▁sentence｜>',
  '<|flush|>',
  '<|calls|>',
  '<|tool_response>',
  '<|fim_pad|>',
  '<fim-pad>',
  '<|fim_repo|>',
  '<fim-repo>',
  '<|repo_name|>',
  '<reponame>',
  '<|file_sep|>',
  '[e~[',
  '<EOT>',
  '_<EOT>',
  '[EOT]',
  '[EOS]',
]);

/** These end an answer only where the file calls them control: in some vocabularies (Gemma's) they are mark-up. */
const STOP_NAMES_OF_CONTROL = new Set(['</s>', '<eos>']);

/** Phi-3's tokens of turns swallow white space (`rstrip` in its tokenizer.json, which GGUF does not carry over). */
const SWALLOWING = ['<|user|>', '<|assistant|>', '<|end|>'];
const NOT_SWALLOWING = new Set(['<unk>', '<s>', '<|endoftext|>']);

const STOP_KEYS = [
  'eos_token_id',
  'eot_token_id',
  'eom_token_id',
  'fim_pad_token_id',
  'fim_rep_token_id',
  'fim_sep_token_id',
];
const CONTROL_KEYS = [
  ...STOP_KEYS,
  'bos_token_id',
  'padding_token_id',
  'seperator_token_id',
  'mask_token_id',
];

const LOOKS_LIKE_CONTROL = /^(<[^>]+>|\[[A-Z_]+\])$/;
const BYTE_NAME = /^<0x[0-9A-F]{2}>$/;

/**
 * The vocabulary of a model file. A token counts as control where its type says so, where it is a well-known end of
 * turn, and where the metadata name it as bos, eos and the like and it looks the part: files whose types are wrong or
 * missing must not let text end a turn.
 * Errors: `model/corrupt` for lists of different lengths and ids outside the vocabulary.
 */
export const readVocabulary = (metadata: Metadata): Vocabulary => {
  const texts = metadata.strings('tokenizer.ggml.tokens');
  const model = metadata.string('tokenizer.ggml.model');
  const pre = metadata.string('tokenizer.ggml.pre', '');
  const kinds = readKinds(metadata, texts);

  const special = (key: string): number | undefined => {
    const name = `tokenizer.ggml.${key}`;
    if (!metadata.has(name)) return undefined;
    const id = metadata.number(name);
    if (Number.isInteger(id) && id >= 0 && id < texts.length) return id;
    throw new LonghandError(
      'model/corrupt',
      `"${name}" must be an id of the vocabulary (0 to ${texts.length - 1}); found ${id}. Convert the model again.`,
      { key: name, id },
    );
  };
  for (const key of CONTROL_KEYS) {
    const id = special(key);
    if (id !== undefined && LOOKS_LIKE_CONTROL.test(texts[id]!)) kinds[id] = TOKEN_KIND.control;
  }
  const unknown = special('unknown_token_id') ?? indexOfKind(kinds, TOKEN_KIND.unknown);
  if (unknown !== undefined && kinds[unknown] !== TOKEN_KIND.control) kinds[unknown] = TOKEN_KIND.unknown;

  const stops = new Set<number>();
  for (const key of STOP_KEYS) {
    const id = special(key);
    if (id !== undefined) stops.add(id);
  }
  for (const [id, text] of texts.entries()) {
    const isStop =
      STOP_NAMES.has(text) || (STOP_NAMES_OF_CONTROL.has(text) && kinds[id] === TOKEN_KIND.control);
    if (!isStop) continue;
    stops.add(id);
    kinds[id] = TOKEN_KIND.control;
  }
  // In OpenAI's Harmony format a turn of several messages ends with these two, a message of it with `<|end|>`.
  const stopNames = new Set(Array.from(stops, (id) => texts[id]));
  if (stopNames.has('<|return|>') && stopNames.has('<|call|>')) stops.delete(texts.indexOf('<|end|>'));
  const bos = special('bos_token_id') ?? (model === 'llama' && texts[1] === '<s>' ? 1 : undefined);
  const hash = createHash();
  for (const part of [model, pre, ...texts]) hash.add(part);
  hash.add(String(kinds));
  return {
    model,
    pre,
    texts,
    kinds,
    bos,
    unknown,
    stops,
    swallowing: readSwallowing(model, texts, kinds),
    signature: hash.digest(),
  };
};

const readSwallowing = (model: string, texts: readonly string[], kinds: Uint8Array): ReadonlySet<number> => {
  const isControl = (id: number): boolean => kinds[id] === TOKEN_KIND.control;
  if (model !== 'llama' || !SWALLOWING.every((name) => isControl(texts.indexOf(name)))) return new Set();
  return new Set(Array.from(texts.keys()).filter((id) => isControl(id) && !NOT_SWALLOWING.has(texts[id]!)));
};

const readKinds = (metadata: Metadata, texts: readonly string[]): Uint8Array => {
  if (!metadata.has('tokenizer.ggml.token_type')) {
    return Uint8Array.from(texts, (text) => (BYTE_NAME.test(text) ? TOKEN_KIND.byte : TOKEN_KIND.normal));
  }
  const kinds = metadata.numbers('tokenizer.ggml.token_type');
  requireLength('tokenizer.ggml.token_type', kinds.length, texts.length);
  return Uint8Array.from(kinds);
};

const indexOfKind = (kinds: Uint8Array, kind: number): number | undefined => {
  const id = kinds.indexOf(kind);
  return id < 0 ? undefined : id;
};

/** Throws `model/corrupt` where a list of the file has not one entry per token. */
export const requireLength = (key: string, found: number, tokens: number): void => {
  if (found === tokens) return;
  throw new LonghandError(
    'model/corrupt',
    `"${key}" must have one entry for each of the ${tokens} tokens; found ${found}. Convert the model again.`,
    { key, found, tokens },
  );
};
