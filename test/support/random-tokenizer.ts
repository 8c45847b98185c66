import { arrayField, type Field, field } from './gguf-writer.js';

export type TokenizerKind = 'gpt-2' | 'qwen2' | 'llama-bpe' | 'spm';

const TEXT = `The lighthouse keeper climbed the spiral stairs before dawn, as he had done for thirty years. The lamp was
cold, and the sea below was the colour of slate. He counted the steps aloud: one, two, three, and so on until there
were no more. "Where is the brass key?" he asked, though nobody was there to answer. The wind had taken the answer
and the other keeper too, in the winter of 1911, when the storm lasted for eleven days. Nothing is ever lost in the
sea, the old people said; the sea only keeps things for a while, and then returns them to the wrong shore.`;

const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const BYTE = 6;

/** Merges of a byte-pair vocabulary trained on TEXT: the most frequent pair first, ties in string order. */
const trainMerges = (words: readonly (readonly string[])[], count: number): [string, string][] => {
  let pieces = words.map((word) => [...word]);
  const merges: [string, string][] = [];
  while (merges.length < count) {
    const pairs = new Map<string, number>();
    for (const word of pieces) {
      for (let i = 1; i < word.length; i++) {
        const pair = `${word[i - 1]} ${word[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + 1);
      }
    }
    const best = [...pairs].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0];
    if (!best) break;
    const [left, right] = best[0].split(' ') as [string, string];
    merges.push([left, right]);
    pieces = pieces.map((word) => {
      const joined: string[] = [];
      for (const piece of word) {
        if (piece === right && joined.at(-1) === left) joined.push(joined.pop()! + piece);
        else joined.push(piece);
      }
      return joined;
    });
  }
  return merges;
};

/** The printable stand-ins for bytes that byte-level vocabularies use (the table of GPT-2). */
const byteSymbols = (): string[] => {
  const printable = (b: number): boolean => (b > 32 && b < 127) || (b > 160 && b !== 173);
  let spare = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : spare++));
};

const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
const ZEPHYR =
  "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + eos_token + '\\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

const bytePair = (pre: Exclude<TokenizerKind, 'spm'>): Record<string, Field> => {
  const symbols = byteSymbols();
  const encode = (text: string): string[] => [...new TextEncoder().encode(text)].map((b) => symbols[b]!);
  const words = TEXT.match(/ ?\p{L}+| ?[^\s\p{L}\p{N}]+|\p{N}|\s+/gu)!.map(encode);
  const merges = trainMerges(words, 187);
  const control = ['<|endoftext|>', '<|im_start|>', '<|im_end|>', '<|begin_of_text|>'];
  const tokens = [...symbols, ...new Set(merges.map((pair) => pair.join(''))), ...control];
  return {
    'tokenizer.ggml.model': field('string', 'gpt2'),
    'tokenizer.ggml.pre': field('string', pre),
    'tokenizer.ggml.tokens': arrayField('string', tokens),
    'tokenizer.ggml.token_type': arrayField(
      'i32',
      tokens.map((token) => (control.includes(token) ? CONTROL : NORMAL)),
    ),
    'tokenizer.ggml.merges': arrayField(
      'string',
      merges.map((pair) => pair.join(' ')),
    ),
    'tokenizer.ggml.bos_token_id': field('u32', tokens.indexOf('<|begin_of_text|>')),
    'tokenizer.ggml.eos_token_id': field('u32', tokens.indexOf('<|im_end|>')),
    'tokenizer.ggml.padding_token_id': field('u32', tokens.indexOf('<|endoftext|>')),
    'tokenizer.ggml.add_bos_token': field('bool', pre === 'llama-bpe'),
    'tokenizer.chat_template': field('string', CHATML),
  };
};

const sentencePiece = (): Record<string, Field> => {
  const words = TEXT.split(/\s+/).map((word) => [...`▁${word}`]);
  const merges = trainMerges(words, 160).map((pair) => pair.join(''));
  const letters = [...new Set(words.flat())].sort();
  const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`);
  const pieces = [...new Set([...merges, ...letters])];
  const control = ['<unk>', '<s>', '</s>'];
  return {
    'tokenizer.ggml.model': field('string', 'llama'),
    'tokenizer.ggml.pre': field('string', 'default'),
    'tokenizer.ggml.tokens': arrayField('string', [...control, ...bytes, ...pieces]),
    'tokenizer.ggml.scores': arrayField('f32', [
      ...new Array(control.length + bytes.length).fill(0),
      ...pieces.map((_, rank) => -rank - 1),
    ]),
    'tokenizer.ggml.token_type': arrayField('i32', [
      UNKNOWN,
      CONTROL,
      CONTROL,
      ...bytes.map(() => BYTE),
      ...pieces.map(() => NORMAL),
    ]),
    'tokenizer.ggml.bos_token_id': field('u32', 1),
    'tokenizer.ggml.eos_token_id': field('u32', 2),
    'tokenizer.ggml.unknown_token_id': field('u32', 0),
    'tokenizer.ggml.add_bos_token': field('bool', true),
    'tokenizer.ggml.add_eos_token': field('bool', false),
    'tokenizer.ggml.add_space_prefix': field('bool', true),
    'tokenizer.chat_template': field('string', ZEPHYR),
  };
};

/** A small, plausible tokenizer as GGUF metadata: 446 tokens at most, the same on every call. */
export const randomTokenizer = (kind: TokenizerKind): Record<string, Field> =>
  kind === 'spm' ? sentencePiece() : bytePair(kind);
