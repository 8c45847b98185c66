import { LonghandError } from '../errors.js';

/**
 * Where byte-level vocabularies cut text before merging, by the name in `tokenizer.ggml.pre`. The patterns are those
 * the models were trained with (their tokenizer.json), written for JavaScript: `\s` is Unicode's White_Space, which
 * JavaScript's own `\s` is not, and `(?i:'s)` is spelled out with the long s that case folding brings.
 */
export interface PreTokenizer {
  /** Applied one after the other, each inside the pieces of the one before; what a pattern leaves over is a piece. */
  readonly patterns: readonly string[];
  /** A word that is a token is that token, whatever the merges say. */
  readonly wholeWords: boolean;
  /** Whether a context begins with bos where the file does not say. */
  readonly addBos: boolean;
}

const S = '\\p{White_Space}';
const NOT_S = '\\P{White_Space}';
const L = '\\p{L}';
const N = '\\p{N}';
const SPACES = `${S}*[\\r\\n]+|${S}+(?!${NOT_S})|${S}+`;
const CONTRACTION = "'(?:[sSſtTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";
const UPPER = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const LOWER = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const CASED = [`${UPPER}*${LOWER}+`, `${UPPER}+${LOWER}*`].map((word) => `[^\\r\\n${L}${N}]?${word}`);

const GPT2 = `'(?:[stmd]|re|ve|ll)| ?${L}+| ?${N}+| ?[^${S}${L}${N}]+|${S}+(?!${NOT_S})|${S}+`;
const numbered = (number: string, marks = ''): string =>
  `${CONTRACTION}|[^\\r\\n${L}${N}]?[${L}${marks}]+|${number}| ?[^${S}${L}${marks}${N}]+[\\r\\n]*|${SPACES}`;
const cased = (number: string, tail: string): string =>
  `${CASED.map((word) => word + tail).join('|')}|${number}| ?[^${S}${L}${N}]+[\\r\\n/]*|${SPACES}`;

const plain = (...patterns: string[]): PreTokenizer => ({ patterns, wholeWords: false, addBos: false });
const gpt2 = plain(GPT2);
const digitByDigit = plain(N, GPT2);
const qwen2 = plain(numbered(N));
const threeDigits = plain(numbered(`${N}{1,3}`));
const CJK = '[一-龥぀-ゟ゠-ヿ]+';
const ASIAN = '[一-龥ࠀ-一가-\ud7ff]+';
/** Letters of scripts that have cases. */
const CASED_LETTERS = '[\\p{Lu}\\p{Ll}\\p{Lt}]';
const deepSeekLlm = plain(
  '[\\r\\n]',
  `${S}?${CASED_LETTERS}+`,
  `${S}?[!-/:-~！-／：-～‘-‟　-。]+`,
  `${S}+$`,
  ASIAN,
  `${N}+`,
);
const deepSeekCoder = plain('[\\r\\n]', `${S}?${L}+`, `${S}?\\p{P}+`, ASIAN, N);
const deepSeek3 = plain(
  `${N}{1,3}`,
  CJK,
  `[!-/:-@\\[-\`\\{-~][A-Za-z]+|[^\\r\\n${L}\\p{P}\\p{S}]?[${L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${SPACES}`,
);
const bloom = ` ?[^${S}(|.,!?…。，、।۔،)]+`;
const llama3: PreTokenizer = { ...threeDigits, wholeWords: true, addBos: true };

const family = (rule: PreTokenizer, names: string): [string, PreTokenizer][] =>
  names.split(' ').map((name) => [name, rule]);

// A file without the key is older than the key: the GPT-2 split is what most of those models were trained with.
const TABLE = new Map<string, PreTokenizer>([
  ['', gpt2],
  ...family(gpt2, 'gpt-2 phi-2 mpt olmo jais trillion gigachat mellum a.x-4.0 exaone4 granite-docling'),
  // What llama.cpp cuts by where a converter knew no better.
  ['default', plain(`[\\p{P}$+<=>^~|]+`, GPT2, `${N}+`, '[0-9]{3}')],
  ['falcon', plain('[\\p{P}$+<=>^~|`]+', GPT2, '[0-9]{3}')],
  ...family(digitByDigit, 'smollm starcoder refact command-r codeshell exaone minerva-7b mellum2'),
  ...family(
    qwen2,
    'qwen2 stablelm2 hunyuan deepseek-r1-qwen kormo megrez solar-open f2llmv2 grok-2 bailingmoe bailingmoe2 llada-moe',
  ),
  ['qwen35', plain(numbered(N, '\\p{M}'))],
  ...family(llama3, 'llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2'),
  ...family(threeDigits, 'dbrx smaug-bpe glm4 chatglm-bpe'),
  ['tekken', { ...plain(cased(N, '')), wholeWords: true, addBos: true }],
  ['deepseek-llm', deepSeekLlm],
  ['deepseek-coder', deepSeekCoder],
  ...family(deepSeek3, 'deepseek-v3 hunyuan-dense joyai-llm'),
  ...family(plain(bloom), 'bloom poro-chat gpt3-finnish'),
  ['viking', plain(bloom, N)],
  ['seed-coder', plain(numbered(N).replace(`${N}]+[\\r\\n]*`, `${N}\\r\\n]+`))],
  ...family(plain(cased(`${N}{1,3}`, `(?:${CONTRACTION})?`)), 'gpt-4o llama4 kanana2 talkie minimax-m2'),
]);

/** Every name in the table. */
export const preTokenizerNames: readonly string[] = [...TABLE.keys()].filter(Boolean);

/** Errors: `unsupported/tokenizer` for a name that is not in the table. */
export const findPreTokenizer = (name: string): PreTokenizer => {
  const found = TABLE.get(name);
  if (found) return found;
  throw new LonghandError(
    'unsupported/tokenizer',
    `The model cuts its text with the pre-tokenizer "${name}", which is not supported. Supported: ${preTokenizerNames.join(', ')}.`,
    { pre: name },
  );
};

/** The pieces of `text`, in order and nothing left out. Found one by one, so that a caller may stop in between. */
export const createSplitter = ({ patterns }: PreTokenizer): ((text: string) => Iterable<string>) => {
  const compiled = patterns.map((pattern) => new RegExp(pattern, 'gu'));
  function* split(text: string, level: number): Generator<string> {
    const pattern = compiled[level];
    if (pattern === undefined) {
      yield text;
      return;
    }
    let from = 0;
    while (from < text.length) {
      // One RegExp serves nested and interleaved calls, so its position is set for each match.
      pattern.lastIndex = from;
      const match = pattern.exec(text);
      const start = match?.index ?? text.length;
      if (start > from) yield* split(text.slice(from, start), level + 1);
      if (match) yield* split(match[0], level + 1);
      from = start + (match?.[0].length ?? 0);
    }
  }
  return (text) => split(text, 0);
};
