import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import { createSplitter, findPreTokenizer } from './pre-tokenizer.js';
import { createHash } from './signature.js';
import { TOKEN_KIND, type Vocabulary } from './vocabulary.js';
import { cacheWords, createMerger, cutWord, pairKey, type WordModel } from './word-model.js';

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);

/** GPT-2's alphabet: printable bytes stand for themselves, the others for the characters from U+0100 on. */
const BYTE_TO_CHAR: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();
const CHAR_TO_BYTE = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

const encoder = new TextEncoder();

const byteText = (text: string): string => {
  let out = '';
  for (const byte of encoder.encode(text)) out += BYTE_TO_CHAR[byte];
  return out;
};

/** Only these are reached by merging: a control token is not, even where the merges of a file spell it. */
const isPlain = (kind: number): boolean =>
  kind !== TOKEN_KIND.control && kind !== TOKEN_KIND.unknown && kind !== TOKEN_KIND.userDefined;

/** Byte-level BPE (`tokenizer.ggml.model` "gpt2"): Radford et al. 2019, section 2.2. */
export const byteLevel = (vocabulary: Vocabulary, metadata: Metadata): WordModel => {
  const rule = findPreTokenizer(vocabulary.pre);
  const split = createSplitter(rule);
  const plain = new Map<string, number>();
  for (let id = vocabulary.texts.length - 1; id >= 0; id--) {
    if (isPlain(vocabulary.kinds[id]!)) plain.set(vocabulary.texts[id]!, id);
  }
  requireBytes(plain, vocabulary.unknown);

  const merges = metadata.strings('tokenizer.ggml.merges');
  const merge = createMerger(readRanks(merges, plain));
  const ids = (word: string): readonly number[] => {
    const bytes = byteText(word);
    const whole = rule.wholeWords ? plain.get(bytes) : undefined;
    if (whole !== undefined) return [whole];
    return merge(bytes).map((piece) => plain.get(piece) ?? vocabulary.unknown!);
  };
  function* words(text: string): Generator<string> {
    for (const word of split(text)) yield* cutWord(word);
  }
  const hash = createHash();
  for (const pair of merges) hash.add(pair);

  return {
    spacePrefix: false,
    words,
    ids: cacheWords(ids),
    bytes(id) {
      const bytes: number[] = [];
      for (const char of vocabulary.texts[id]!) {
        const byte = CHAR_TO_BYTE.get(char);
        // A character outside the alphabet comes from a padded or patched vocabulary; it stands for itself.
        if (byte === undefined) bytes.push(...encoder.encode(char));
        else bytes.push(byte);
      }
      return Uint8Array.from(bytes);
    },
    rules: [...rule.patterns, String(rule.wholeWords), hash.digest()],
  };
};

/** Ranks of the merges whose result is a plain token; of two equal merges the first counts. */
const readRanks = (merges: readonly string[], plain: ReadonlyMap<string, number>): Map<string, number> => {
  const ranks = new Map<string, number>();
  for (const [rank, pair] of merges.entries()) {
    const space = pair.indexOf(' ', 1);
    const left = pair.slice(0, space);
    const right = pair.slice(space + 1);
    if (space < 0 || !plain.has(left + right)) continue;
    const key = pairKey(left, right);
    if (!ranks.has(key)) ranks.set(key, rank);
  }
  return ranks;
};

const requireBytes = (plain: ReadonlyMap<string, number>, unknown: number | undefined): void => {
  if (unknown !== undefined) return;
  const missing = BYTE_TO_CHAR.findIndex((char) => !plain.has(char));
  if (missing < 0) return;
  throw new LonghandError(
    'model/corrupt',
    `A byte-level vocabulary must have a token for each byte or an unknown token; byte ${missing} has none. ` +
      'Convert the model again.',
    { byte: missing },
  );
};
