/** Grammars as the tests read them: whole texts, and every token tried by itself. */
import { compileGrammar } from '../../../src/generate/grammar/compile.js';
import type { GrammarOptions } from '../../../src/generate/grammar/options.js';
import { createRecogniser, type Recogniser, type State } from '../../../src/generate/grammar/recogniser.js';

const encoder = new TextEncoder();

export const follow = ({ step }: Recogniser, from: State, bytes: Iterable<number>): State | undefined => {
  let state: State | undefined = from;
  for (const byte of bytes) state = state && step(state, byte);
  return state;
};

/** Whether texts are whole (`true`), might be gone on with (`'begun'`), or neither. */
export const reads = (options: GrammarOptions): ((text: string) => boolean | 'begun') => {
  const recogniser = createRecogniser(compileGrammar(options), 'grammar');
  return (text) => {
    const state = follow(recogniser, recogniser.start, encoder.encode(text));
    return state === undefined ? false : state.accepts || 'begun';
  };
};

/** The keyword and the place that a refusal names. */
export const refusal = (options: GrammarOptions): string => {
  try {
    compileGrammar(options);
  } catch (error) {
    const { code, details } = error as { code: string; details: Record<string, string> };
    return [code, details.keyword, details.at].filter((part) => part !== undefined).join(' ');
  }
  return 'none';
};
