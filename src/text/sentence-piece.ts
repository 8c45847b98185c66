import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import { createHash } from './signature.js';
import { requireLength, TOKEN_KIND, type Vocabulary } from './vocabulary.js';
import { cacheWords, createMerger, cutWord, pairKey, type WordModel } from './word-model.js';

const SPACE = '\u2581';
const encoder = new TextEncoder();

/** Only these are reached by merging, so that no text spells a control token. */
const isMergeable = (kind: number): boolean => kind !== TOKEN_KIND.control && kind !== TOKEN_KIND.unknown;

/**
 * SentencePiece BPE (`tokenizer.ggml.model` "llama"): Kudo & Richardson 2018. The file has scores and no merges: two
 * neighbours merge where their concatenation is a token, best score first, from left to right. Characters without a
 * token become byte tokens. Spaces are written `▁`.
 */
export const sentencePiece = (vocabulary: Vocabulary, metadata: Metadata): WordModel => {
  const { texts, kinds, unknown } = vocabulary;
  const scores = metadata.numbers('tokenizer.ggml.scores');
  requireLength('tokenizer.ggml.scores', scores.length, texts.length);

  const plain = new Map<string, number>();
  const byteIds = new Map<number, number>();
  for (let id = texts.length - 1; id >= 0; id--) {
    const text = texts[id]!;
    if (kinds[id] === TOKEN_KIND.byte) byteIds.set(Number.parseInt(text.slice(3, 5), 16), id);
    else if (text !== '' && isMergeable(kinds[id]!)) plain.set(text, id);
  }
  if (unknown === undefined && byteIds.size < 256) {
    throw new LonghandError(
      'model/corrupt',
      `A SentencePiece vocabulary must have a token for each byte or an unknown token; found ${byteIds.size} bytes. ` +
        'Convert the model again.',
      { bytes: byteIds.size },
    );
  }
  const merge = createMerger(deriveRanks(plain, scores));
  const isJoined = createPairs(plain.keys());

  /** A character without a token, as bytes; as one unknown token where the vocabulary lacks a byte of it. */
  const spell = (piece: string): readonly number[] => {
    const bytes = Array.from(encoder.encode(piece), (byte) => byteIds.get(byte));
    return bytes.includes(undefined) ? [unknown!] : (bytes as number[]);
  };
  const ids = (word: string): readonly number[] =>
    merge(word).flatMap((piece) => plain.get(piece) ?? spell(piece));
  function* words(text: string): Generator<string> {
    const spaced = text.replaceAll(' ', SPACE);
    let from = 0;
    for (let i = 1; i <= spaced.length; i++) {
      if (i < spaced.length && isJoined(spaced.charCodeAt(i - 1), spaced.charCodeAt(i))) continue;
      yield* cutWord(spaced.slice(from, i));
      from = i;
    }
  }
  const hash = createHash();
  for (const score of scores) hash.add(String(score));
  const spacePrefix = metadata.boolean('tokenizer.ggml.add_space_prefix', true);

  return {
    spacePrefix,
    words,
    ids: cacheWords(ids),
    bytes: (id) =>
      kinds[id] === TOKEN_KIND.byte
        ? Uint8Array.of(Number.parseInt(texts[id]!.slice(3, 5), 16))
        : encoder.encode(texts[id]!.replaceAll(SPACE, ' ')),
    rules: [String(spacePrefix), hash.digest()],
  };
};

/** Every way to make a token of two: halves are tokens or single characters. Equal scores share a rank. */
const deriveRanks = (plain: ReadonlyMap<string, number>, scores: ArrayLike<number>): Map<string, number> => {
  const distinct = [...new Set(Array.from(plain.values(), (id) => scores[id]!))].sort((a, b) => b - a);
  const rankOfScore = new Map(distinct.map((score, rank) => [score, rank]));
  const ranks = new Map<string, number>();
  const isHalf = (text: string): boolean => plain.has(text) || [...text].length === 1;
  for (const [text, id] of plain) {
    const rank = rankOfScore.get(scores[id]!)!;
    for (let i = 1; i < text.length; i++) {
      const left = text.slice(0, i);
      const right = text.slice(i);
      if (isHalf(left) && isHalf(right)) ranks.set(pairKey(left, right), rank);
    }
  }
  return ranks;
};

/**
 * Whether two UTF-16 units stand side by side in any token. Where they do not, no merge can cross, so a text may be
 * cut there and its ids stay the same.
 */
const createPairs = (tokens: Iterable<string>): ((left: number, right: number) => boolean) => {
  const pairs = new Set<number>();
  for (const token of tokens) {
    for (let i = 1; i < token.length; i++) pairs.add((token.charCodeAt(i - 1) << 16) | token.charCodeAt(i));
  }
  return (left, right) => pairs.has((left << 16) | right) || (left >= 0xd800 && left < 0xdc00);
};
