import { BPE } from '@huggingface/tokenizers';

/** How plain text becomes ids: cut into words that never merge with each other, then each word by itself. */
export interface WordModel {
  /** What one space in front of a text means here: a text that starts a context, or follows a control token, gets one. */
  readonly spacePrefix: boolean;
  /** In order; joined they are the text, as this model writes it. */
  words(text: string): Iterable<string>;
  ids(word: string): readonly number[];
  /** The text of a token that is neither control nor user-defined. */
  bytes(id: number): Uint8Array;
  /** What besides the vocabulary decides about ids; goes into the tokenizer's signature. */
  readonly rules: Iterable<string>;
}

/**
 * A word longer than this is cut: one letter repeated a million times must cost neither gigabytes nor seconds between two chances to stop. Ids are those of an
 * uncut word up to this length.
 */
const LONGEST_WORD = 1 << 15;

const CACHED_WORDS = 1 << 15;
const CACHED_LENGTH = 64;

/** The key of a pair in the ranks of `createMerger`. */
export const pairKey = (left: string, right: string): string => JSON.stringify([left, right]);

/** Byte-pair merging of one word. `ranks`: pairKey → rank, lowest first; equal ranks go from left to right. */
export const createMerger = (ranks: Map<string, number>): ((word: string) => readonly string[]) => {
  const merger = new BPE({
    type: 'BPE',
    vocab: {},
    merges: [],
    unk_token: '',
    continuing_subword_suffix: null,
    end_of_word_suffix: null,
    ignore_merges: false,
  } as unknown as ConstructorParameters<typeof BPE>[0]);
  merger.bpe_ranks = ranks;
  // Whole words are cached below as ids.
  merger.max_length_to_cache = 0;
  return (word) => merger.bpe(word);
};

/** Remembers the ids of short words. */
export const cacheWords = (
  ids: (word: string) => readonly number[],
): ((word: string) => readonly number[]) => {
  const cache = new Map<string, readonly number[]>();
  return (word) => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    const found = ids(word);
    if (word.length > CACHED_LENGTH) return found;
    if (cache.size >= CACHED_WORDS) cache.clear();
    cache.set(word, found);
    return found;
  };
};

/** Pieces of at most LONGEST_WORD units, never between the halves of a surrogate pair. */
export function* cutWord(word: string): Generator<string> {
  let from = 0;
  while (word.length - from > LONGEST_WORD) {
    const last = word.charCodeAt(from + LONGEST_WORD - 1);
    const end = from + LONGEST_WORD - (last >= 0xd800 && last < 0xdc00 ? 1 : 0);
    yield word.slice(from, end);
    from = end;
  }
  yield from === 0 ? word : word.slice(from);
}
