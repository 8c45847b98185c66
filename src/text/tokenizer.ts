import { LonghandError, throwIfAborted } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import { byteLevel } from './byte-level.js';
import { createNameSplitter, type Fragment } from './named-tokens.js';
import { findPreTokenizer } from './pre-tokenizer.js';
import { endsSentence } from './sentence-marks.js';
import { sentencePiece } from './sentence-piece.js';
import { createHash } from './signature.js';
import { createTextStream, type TextStream, type TokenText } from './text-stream.js';
import { TOOL_MARKS } from './tool-marks.js';
import { readVocabulary, TOKEN_KIND, type Vocabulary } from './vocabulary.js';
import type { WordModel } from './word-model.js';

export interface EncodeOptions {
  /**
   * The id that the text comes after. A SentencePiece model puts a space in front of a text at the start of a context
   * (undefined, the default) and after a control token, and nowhere else; others do not care.
   */
  readonly after?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called between slices and at the end, in UTF-16 units of the text. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Text to ids and back. */
export interface Tokenizer {
  /** Number of ids. */
  readonly vocab: number;
  /** Goes in front of a context; undefined where the model wants none. */
  readonly bos: number | undefined;
  /** Ids that end an answer. */
  readonly stops: ReadonlySet<number>;
  /** (vocab) 1 where a token ends a sentence or a line. */
  readonly marks: Uint8Array;
  /** Equal for equal vocabularies, merges and rules: the same text gives the same ids. */
  readonly signature: string;
  /**
   * Plain text to ids. Never yields a control token, or a mark of tools, whatever the text says; other user-defined
   * tokens count. A lone
   * surrogate becomes U+FFFD; an empty text has no ids. Yields to the event loop every 50 000 units.
   * Errors: an aborted signal rejects as the platform does.
   */
  encode(text: string, options?: EncodeOptions): Promise<number[]>;
  /** Template text to ids: names of control tokens become those tokens, the rest is plain text. */
  encodeTemplate(text: string, after?: number): number[];
  /** Whether template text names a token anywhere; a text that does not is the same to `encode`. */
  namesToken(text: string): boolean;
  /**
   * Ids to text; control tokens are left out unless `control`. Bytes that are no UTF-8 become U+FFFD.
   * Errors: `input/type` for an id outside the vocabulary.
   */
  decode(ids: ArrayLike<number>, options?: { readonly control?: boolean }): string;
  /**
   * One token as it stands inside a text, the space in front of it too; a control token by its name. Part of a
   * character becomes U+FFFD.
   */
  textOf(id: number): string;
  /** UTF-8 that a token adds to a text, before `spacePrefix` is taken off; undefined where it adds none, or is control. */
  bytesOf(id: number): Uint8Array | undefined;
  /** Whether the first token of a text is written with a space in front that `stream` takes away. */
  readonly spacePrefix: boolean;
  /**
   * Ids to text one by one; joined, the pieces are what `decode` gives. Tokens with a name in `shown` are
   * shown as what stands there.
   */
  stream(shown?: ReadonlyMap<string, string>): TextStream;
}

const SLICE_LENGTH = 50_000;
const LONE_SURROGATE = /\p{Surrogate}/gu;

const MODELS: Readonly<Record<string, (vocabulary: Vocabulary, metadata: Metadata) => WordModel>> = {
  gpt2: byteLevel,
  llama: sentencePiece,
};

const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * The tokenizer of a model file.
 * Errors: `unsupported/tokenizer` for kinds other than byte-level BPE ("gpt2") and SentencePiece BPE ("llama"), and
 * for unknown pre-tokenizers; `model/corrupt` for incomplete metadata.
 */
export const loadTokenizer = (metadata: Metadata): Tokenizer => {
  const model = metadata.string('tokenizer.ggml.model');
  const create = Object.hasOwn(MODELS, model) ? MODELS[model] : undefined;
  if (!create) {
    throw new LonghandError(
      'unsupported/tokenizer',
      `The model's tokenizer is of the kind "${model}", which is not supported. Supported: ` +
        'gpt2 (byte-level BPE), llama (SentencePiece BPE).',
      { model },
    );
  }
  const vocabulary = readVocabulary(metadata);
  return createTokenizer(vocabulary, create(vocabulary, metadata), wantsBos(vocabulary, metadata));
};

const wantsBos = ({ model, pre }: Vocabulary, metadata: Metadata): boolean =>
  metadata.boolean('tokenizer.ggml.add_bos_token', model === 'llama' || findPreTokenizer(pre).addBos);

const createTokenizer = (vocabulary: Vocabulary, words: WordModel, addBos: boolean): Tokenizer => {
  const { texts, kinds } = vocabulary;
  const named = (wanted: readonly number[]): [string, number][] =>
    texts.flatMap((text, id) => (wanted.includes(kinds[id]!) ? [[text, id] as [string, number]] : []));
  // Files call the marks of tools mark-up; in a text they are none, so that no document makes or ends a call.
  const splitText = createNameSplitter(
    named([TOKEN_KIND.userDefined]).filter(([name]) => !TOOL_MARKS.includes(name)),
  );
  const splitTemplate = createNameSplitter(
    named([TOKEN_KIND.userDefined, TOKEN_KIND.control, TOKEN_KIND.unknown]),
  );
  const isControl = (id: number): boolean =>
    kinds[id] === TOKEN_KIND.control || kinds[id] === TOKEN_KIND.unknown;
  const tokens: TokenText = {
    bytes: words.bytes,
    isControl,
    name: (id) => (isControl(id) || kinds[id] === TOKEN_KIND.userDefined ? texts[id] : undefined),
    spacePrefix: words.spacePrefix,
  };

  /** Appends the ids of `text` word by word; yields how far each word goes. */
  function* encodeWords(
    text: string,
    split: (text: string) => Iterable<Fragment>,
    after: number | undefined,
    ids: number[],
  ): Generator<number> {
    let fresh = after === undefined || tokens.name(after) !== undefined;
    for (const fragment of split(text.replace(LONE_SURROGATE, '\ufffd'))) {
      if (typeof fragment === 'number') {
        ids.push(fragment);
        fresh = true;
        yield texts[fragment]!.length;
        continue;
      }
      const swallows = vocabulary.swallowing.has(ids.at(-1) ?? after ?? -1) && split === splitTemplate;
      const kept = swallows ? fragment.trimStart() : fragment;
      if (kept === '') continue;
      for (const word of words.words(fresh && words.spacePrefix ? ` ${kept}` : kept)) {
        for (const id of words.ids(word)) ids.push(id);
        yield word.length;
      }
      fresh = false;
    }
  }

  let marks: Uint8Array | undefined;
  const hash = createHash();
  for (const part of [vocabulary.signature, ...words.rules]) hash.add(part);

  const tokenizer: Tokenizer = {
    vocab: texts.length,
    bos: addBos ? vocabulary.bos : undefined,
    stops: vocabulary.stops,
    get marks() {
      const decoder = new TextDecoder();
      marks ??= Uint8Array.from(texts, (_, id) =>
        tokens.name(id) === undefined && endsSentence(decoder.decode(words.bytes(id))) ? 1 : 0,
      );
      return marks;
    },
    signature: hash.digest(),

    async encode(text, { after, signal, onProgress } = {}) {
      throwIfAborted(signal);
      const ids: number[] = [];
      let done = 0;
      let pause = SLICE_LENGTH;
      for (const length of encodeWords(text, splitText, after, ids)) {
        done += length;
        if (done < pause || done >= text.length) continue;
        pause = done + SLICE_LENGTH;
        onProgress?.(done, text.length);
        await breathe();
        throwIfAborted(signal);
      }
      onProgress?.(text.length, text.length);
      return ids;
    },
    encodeTemplate(text, after) {
      const ids: number[] = [];
      for (const _ of encodeWords(text, splitTemplate, after, ids));
      return ids;
    },
    namesToken: (text) => [...splitTemplate(text)].some((fragment) => typeof fragment === 'number'),
    decode(ids, { control = false } = {}) {
      const stream = createTextStream(tokens, control);
      let text = '';
      for (let i = 0; i < ids.length; i++) text += stream.push(requireId(ids[i], texts.length));
      return text + stream.end();
    },
    textOf: (id) => tokens.name(id) ?? new TextDecoder('utf-8', { ignoreBOM: true }).decode(words.bytes(id)),
    bytesOf(id) {
      const name = tokens.name(id);
      if (name === undefined) return words.bytes(id);
      // Behind a named token a text would begin anew, and lose a space.
      return isControl(id) || words.spacePrefix ? undefined : new TextEncoder().encode(name);
    },
    spacePrefix: words.spacePrefix,
    stream(shown) {
      const stream = createTextStream(tokens, shown);
      return { ...stream, push: (id) => stream.push(requireId(id, texts.length)) };
    },
  };
  return tokenizer;
};

const requireId = (id: number | undefined, vocab: number): number => {
  if (id !== undefined && Number.isInteger(id) && id >= 0 && id < vocab) return id;
  throw new LonghandError(
    'input/type',
    `A token id must be a whole number from 0 to ${vocab - 1}; found ${id}.`,
    {
      id: String(id),
      vocab,
    },
  );
};
