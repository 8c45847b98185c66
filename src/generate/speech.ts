import type { ReasoningMarks } from '../text/reasoning-marks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ToolCall } from '../text/tool.js';
import type { CallHead, createCallFilter, Spoken } from './call-filter.js';
import { createReasoningFilter, type Said } from './reasoning.js';
import { createStopFilter } from './stop.js';
import type { CallRules } from './tool-choice.js';

/** Calls that an answer may make, and what parts them from its text: a part of constraint.js. */
export interface HeardCalls {
  readonly rules: CallRules;
  readonly createFilter: typeof createCallFilter;
}

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
  /** The answer so far, without thoughts, calls and stop strings. */
  readonly answer: string;
  /** Calls that are whole. */
  readonly calls: readonly ToolCall[];
  /** Undefined where nothing was thought aloud. */
  readonly reasoning: Reasoning | undefined;
}

/** Hears what is said: thoughts, text, or with `call` a piece of that call's arguments, the first of which is empty. */
export type OnText = (text: string, reasoning: boolean, call?: CallHead) => void;

/** What is shown for marks that are tokens: no text has two first halves of pairs in a row, so none is mistaken for them. */
const SHOWN = ['\ud800\ud800', '\ud801\ud801'];

const withoutMarks = (text: string): string => SHOWN.reduce((all, mark) => all.replaceAll(mark, ''), text);

/**
 * Tokens to text, thoughts apart from the answer; stop strings end the answer and mean nothing in the thoughts. `inside`:
 * the prompt has opened the thoughts. With `heard` calls are parted from the text too.
 */
export const createSpeech = (
  tokenizer: Tokenizer,
  marks: ReasoningMarks | undefined,
  inside: boolean,
  stops: readonly string[],
  onText: OnText,
  heard?: HeardCalls,
): Speech => {
  const shown = new Map<string, string>();
  for (const name of marks ? [marks.open, marks.close] : []) shown.set(name, name);
  const style = heard?.rules.style;
  // Text that a name cannot have: it needs no other sign.
  for (const name of style?.written === 'marked' ? ['[ARGS]', '[CALL_ID]'] : []) shown.set(name, name);
  const [open = '', close = ''] = (style ? [style.open, style.close] : []).map((name, i) => {
    if (!tokenizer.namesToken(name)) return name;
    shown.set(name, SHOWN[i]!);
    return SHOWN[i]!;
  });
  const filter = heard?.createFilter({ ...heard.rules.style, open, close, tools: heard.rules.tools });
  const stream = tokenizer.stream(shown);
  const thoughts = createReasoningFilter(marks, inside);
  const stop = createStopFilter(stops);
  let answer = '';
  let thought = 0;
  let all = 0;
  const show = (text: string, reasoning: boolean, call?: CallHead): void => {
    if (text === '' && !call) return;
    if (!reasoning && !call) answer += text;
    onText(text, reasoning, ...(call ? [call] : []));
  };
  const speak = (spoken: readonly Spoken[]): void => {
    for (const { text, call } of spoken) show(call ? text : stop.push(withoutMarks(text)), false, call);
  };
  const say = (said: readonly Said[]): void => {
    for (const { text, reasoning } of said) {
      if (reasoning) show(text, true);
      else speak(filter ? filter.push(text) : [{ text }]);
    }
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
      if (filter) speak(filter.end());
      show(stop.end(), false);
    },
    get calls() {
      return filter?.calls ?? [];
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
