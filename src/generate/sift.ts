import { LonghandError } from '../errors.js';
import { flag, onlyKnown, wholeNumber } from '../options.js';
import type { TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Context } from './context.js';
import { questionPieces } from './question.js';
import { checkLayers, EMPTY } from './rank-settings.js';
import type { AppendHooks } from './reader.js';
import { sumAttention } from './sum-attention.js';
import type { TurnEncoder } from './turn-encoder.js';

/** How a text is sifted. */
export interface SiftSettings {
  /** Tokens of the text that are read at a time, beside those that were kept. Default 1024, or what fits. */
  readonly window?: number;
  /** Tokens that are kept, at most. Default 512, or a quarter of what a context holds. */
  readonly keep?: number;
  /** Tokens of a phrase: attention is summed over so many neighbours. Default 8. */
  readonly phrase?: number;
  /** Layers [from, to) whose attention counts, of those that read whole texts. Default: all. */
  readonly layers?: readonly [from: number, to: number];
  /** Count only what lies on a token beyond what a question without content lays on it. Default true. */
  readonly calibrate?: boolean;
}

/** What of a text bears on a question. */
export interface Sifted {
  /** The sentences that were kept, in their order. */
  readonly text: string;
  readonly sentences: readonly string[];
  /** Tokens of them. */
  readonly tokens: number;
  /** Tokens of the whole text, and the windows it was read in. */
  readonly read: number;
  readonly windows: number;
}

/** What sifting works with. */
export interface SiftParts {
  /** One of its own, without an id and without text. */
  readonly context: Context;
  readonly tokenizer: Tokenizer;
  readonly encode: TurnEncoder;
  readonly closing: readonly TemplatePiece[];
  readonly layers: number;
  readonly heads: number;
  readonly maxTokens: number;
}

type Sentence = readonly number[];

/** Tokens of a run without an end that count as a sentence. */
const LONGEST = 128;

/** Cut behind tokens that end a sentence or a line, and where there is none for long. */
const sentencesOf = (ids: readonly number[], marks: Uint8Array): Sentence[] => {
  const found: Sentence[] = [];
  let start = 0;
  ids.forEach((id, i) => {
    const ends = marks[id] === 1 && marks[ids[i + 1] ?? -1] !== 1;
    if (!ends && i + 1 - start < LONGEST && i + 1 < ids.length) return;
    found.push(ids.slice(start, i + 1));
    start = i + 1;
  });
  return found;
};

const total = (sentences: readonly Sentence[]): number =>
  sentences.reduce((sum, { length }) => sum + length, 0);

/**
 * Which sentences to keep, in their order: those whose best phrase is best, as many as have room. `worth`: of the tokens of all
 * sentences, one after the other.
 */
export const keepSentences = (
  sentences: readonly Sentence[],
  worth: ArrayLike<number>,
  phrase: number,
  room: number,
): Sentence[] => {
  let at = 0;
  const best = sentences.map(({ length }) => {
    let most = 0;
    for (let t = at; t < at + length; t++) {
      let sum = 0;
      for (let i = t; i < Math.min(t + phrase, at + length); i++) sum += worth[i]!;
      most = Math.max(most, sum);
    }
    at += length;
    return most;
  });
  const kept = new Set<number>();
  let left = room;
  for (const i of [...best.keys()].sort((a, b) => best[b]! - best[a]! || a - b)) {
    if (sentences[i]!.length > left || best[i] === 0) continue;
    kept.add(i);
    left -= sentences[i]!.length;
  }
  return sentences.filter((_, i) => kept.has(i));
};

/**
 * InfiniRetri (arXiv 2502.12962 §3): a text of any length is read window by window behind the sentences that were kept so far; what the
 * question's rows look at decides which sentences go on. Only token ids are carried, no pages. The paper looks at the last layer, and
 * keeps every sentence with one of the 300 best tokens; here all layers count, less what they look at when nothing is
 * asked (arXiv 2410.02642 §3.2), and sentences come in by their best phrase while there is room, so that what is kept is bounded.
 * Errors: `input/too-long` where no window has room beside the question.
 */
export const sift = async (
  { context, tokenizer, encode, closing, layers: count, heads, maxTokens }: SiftParts,
  text: string,
  question: string,
  settings: SiftSettings,
  { signal, onProgress }: AppendHooks,
): Promise<Sifted> => {
  onlyKnown('sift', settings, ['window', 'keep', 'phrase', 'layers', 'calibrate']);
  const layers = checkLayers(settings.layers, count);
  const room = wholeNumber('keep', settings.keep, Math.min(512, Math.floor(maxTokens / 4)), 1);
  const phrase = wholeNumber('phrase', settings.phrase, 8, 1);
  const calibrate = flag('calibrate', settings.calibrate) ?? true;
  const asked = (words: string): Promise<number[]> =>
    encode('user', undefined, [...questionPieces(words, 'user'), ...closing], signal);

  const opening = await encode('start', undefined, [], signal);
  const ids = await encode('user', opening.at(-1), text === '' ? [] : [{ text, control: false }], signal);
  const rows = await asked(question);
  const empty = await asked(EMPTY);
  const fits = maxTokens - opening.length - room - Math.max(rows.length, empty.length);
  const window = Math.min(wholeNumber('window', settings.window, 1024, 1), fits);
  if (window < LONGEST) {
    const requested = maxTokens + LONGEST - window;
    const found = `${Math.max(0, window)} tokens are left for the text beside the question and ${room} to keep`;
    const advice = `Sifting wants windows of ${LONGEST}. Keep less, or load the model with a greater maxTokens.`;
    throw new LonghandError('input/too-long', `${found}. ${advice}`, { requested, quota: maxTokens });
  }

  /** What a question looks at, by token of what lies between the opening and it. */
  const look = async (words: readonly number[], end: number): Promise<Float64Array> => {
    const sum = sumAttention(layers);
    const most = sum.mostRows(heads, end + words.length);
    context.watch = sum.watch;
    try {
      for (let from = 0; from < words.length; from += most)
        await context.append(words.slice(from, from + most), true, { signal });
      return sum.mean().subarray(opening.length);
    } finally {
      context.watch = undefined;
      context.rewind({ tokens: end });
    }
  };

  if (opening.length > 0) await context.append(opening, false, { signal });
  const waiting = sentencesOf(ids, tokenizer.marks);
  let kept: Sentence[] = [];
  let [next, done, windows] = [0, 0, 0];
  while (next < waiting.length) {
    const from = next;
    let taken = 0;
    while (next < waiting.length && taken + waiting[next]!.length <= window) taken += waiting[next++]!.length;
    const before = [...kept, ...waiting.slice(from, next)];
    await context.append(before.flat(), false, { signal });
    const end = opening.length + total(before);
    const seen = await look(rows, end);
    const idle = calibrate ? await look(empty, end) : undefined;
    const worth = seen.map((mass, t) => Math.max(0, mass - (idle?.[t] ?? 0)));
    kept = keepSentences(before, worth, phrase, room);
    context.rewind({ tokens: opening.length });
    done += taken;
    windows += 1;
    onProgress?.(done, ids.length);
  }
  const sentences = kept.map((sentence) => tokenizer.decode(sentence));
  return {
    text: tokenizer.decode(kept.flat()).trim(),
    sentences: sentences.map((sentence) => sentence.trim()),
    tokens: total(kept),
    read: ids.length,
    windows,
  };
};
