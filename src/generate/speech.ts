import type { ReasoningMarks } from '../text/reasoning-marks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { createReasoningFilter, type Said } from './reasoning.js';
import { createStopFilter } from './stop.js';

/** What a model thought aloud before it answered. */
export interface Reasoning {
  /** Of the answer's tokens those that were thought, the marks around them included. */
  readonly tokens: number;
  /** False where the tokens or the window ran out before the thoughts ended: there is no answer then. */
  readonly finished: boolean;
}

/** Generated tokens on their way to text. */
export interface Speech {
  /** The answer was begun with a text that ends in this token: the next one is not the first of a text. */
  follow(id: number): void;
  /** `false` once a stop string was met. */
  push(id: number): boolean;
  end(): void;
  /** The answer so far, without thoughts and stop strings. */
  readonly answer: string;
  /** Undefined where nothing was thought aloud. */
  readonly reasoning: Reasoning | undefined;
}

/**
 * Tokens to text, thoughts apart from the answer; stop strings end the answer and mean nothing in the thoughts. `inside`:
 * the prompt has opened the thoughts.
 */
export const createSpeech = (
  tokenizer: Tokenizer,
  marks: ReasoningMarks | undefined,
  inside: boolean,
  stops: readonly string[],
  onText: (text: string, reasoning: boolean) => void,
): Speech => {
  const stream = tokenizer.stream(marks && new Set([marks.open, marks.close]));
  const thoughts = createReasoningFilter(marks, inside);
  const stop = createStopFilter(stops);
  let answer = '';
  let thought = 0;
  let all = 0;
  const show = (text: string, reasoning: boolean): void => {
    if (text === '') return;
    if (!reasoning) answer += text;
    onText(text, reasoning);
  };
  const say = (said: readonly Said[]): void => {
    for (const { text, reasoning } of said) show(reasoning ? text : stop.push(text), reasoning);
  };
  return {
    follow: (id) => void stream.push(id),
    push(id) {
      const before = thoughts.state;
      say(thoughts.push(stream.push(id)));
      all += 1;
      // What came before the opening mark was held back with it.
      if (before !== 'closed' && thoughts.state !== 'none') thought = all;
      return stop.met === undefined;
    },
    end() {
      say(thoughts.push(stream.end()));
      say(thoughts.end());
      show(stop.end(), false);
    },
    get answer() {
      return answer;
    },
    get reasoning() {
      const { state } = thoughts;
      return state === 'none' ? undefined : { tokens: thought, finished: state === 'closed' };
    },
  };
};
