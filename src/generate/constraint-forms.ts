import type { Tokenizer } from '../text/tokenizer.js';
import { CALL_MARKS } from '../text/tool-marks.js';
import { compileCalls, markByte } from './grammar/calls.js';
import { compileGrammar } from './grammar/compile.js';
import type { GrammarOptions } from './grammar/options.js';
import { createRecogniser, type Recogniser, type State } from './grammar/recogniser.js';
import { createTokenMask } from './grammar/token-mask.js';
import { createTokenTrie, type TokenTrie } from './grammar/token-trie.js';
import type { CallRules } from './tool-choice.js';

/** What an answer must be: of a form, or, with `calls`, calls of tools. */
export interface Constrained extends GrammarOptions {
  readonly ignoreStops?: boolean;
  /** Unless they are `forced`, the answer is free until it begins one. */
  readonly calls?: CallRules | undefined;
}

type Mask = (state: State, mask: Uint32Array) => void;
/** A form, ready to be asked of every token. */
export interface Compiled {
  readonly recogniser: Recogniser;
  readonly mask: Mask;
}

/** Grammars of a tokenizer that are kept: the same one is asked for again and again. */
const MOST_COMPILED = 8;
/** What is known of a tokenizer for masks. */
export interface Vocabulary {
  readonly trie: TokenTrie;
  /** Tokens that are white space alone. */
  readonly blanks: readonly number[];
  readonly compiled: Map<string, Compiled>;
  /** As the tokenizer's, and one byte for each mark of calls that is a token of its own. */
  bytesOf(id: number): Uint8Array | undefined;
  /** Marks of calls that are tokens of their own. */
  readonly marks: ReadonlyMap<string, number>;
}
const vocabularies = new WeakMap<Tokenizer, Vocabulary>();

export const vocabularyOf = (tokenizer: Tokenizer): Vocabulary => {
  let found = vocabularies.get(tokenizer);
  if (!found) {
    const marks = new Map(
      CALL_MARKS.flatMap((name): [string, number][] => {
        const id = tokenizer.namesToken(name) ? single(tokenizer)(name) : undefined;
        return id === undefined ? [] : [[name, id]];
      }),
    );
    const markBytes = new Map(
      Array.from(marks, ([name, id]) => [id, Uint8Array.of(markByte(CALL_MARKS, name))]),
    );
    const bytesOf = (id: number): Uint8Array | undefined => markBytes.get(id) ?? tokenizer.bytesOf(id);
    const trie = createTokenTrie(tokenizer.vocab, bytesOf);
    const isBlank = (id: number): boolean => /^\s+$/.test(tokenizer.textOf(id));
    found = { trie, blanks: Array.from(trie.tokens).filter(isBlank), compiled: new Map(), bytesOf, marks };
    vocabularies.set(tokenizer, found);
  }
  return found;
};

/** The recogniser and masks of what the options ask for. */
export const compiledFor = (
  { trie, compiled, marks }: Vocabulary,
  options: Constrained,
  option: keyof GrammarOptions | 'tools',
): Compiled => {
  const { pattern, calls } = options;
  const asked = option === 'tools' ? { ...calls, forced: true } : options[option];
  const key = `${option} ${typeof pattern === 'object' ? String(pattern) : JSON.stringify(asked)}`;
  const known = compiled.get(key);
  if (known) return known;
  const network = calls ? compileCalls(calls, CALL_MARKS, new Set(marks.keys())) : compileGrammar(options);
  const recogniser = createRecogniser(network, option);
  const made = { recogniser, mask: createTokenMask(recogniser, trie) };
  if (compiled.size >= MOST_COMPILED) compiled.delete(compiled.keys().next().value!);
  compiled.set(key, made);
  return made;
};

/** The id of a name that is a token by itself. */
export const single =
  (tokenizer: Tokenizer) =>
  (name: string): number | undefined => {
    const ids = tokenizer.encodeTemplate(name);
    return ids.length === 1 ? ids[0] : undefined;
  };
