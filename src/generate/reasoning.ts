import type { ReasoningMarks } from '../text/reasoning-marks.js';

/** A stretch of what a model says: thoughts, or the answer. */
export interface Said {
  readonly text: string;
  readonly reasoning: boolean;
}

/** Parts what a model says into thoughts and answer; text that may turn into a mark is held back. */
export interface ReasoningFilter {
  /** In order, nothing empty. */
  push(text: string): Said[];
  /** What was held back, at the end. */
  end(): Said[];
  /** `none`: nothing was thought aloud. `open`: the thoughts have not ended. `closed`: the answer has its turn. */
  readonly state: 'none' | 'open' | 'closed';
}

/** Longest end of `text` that begins `mark`, with the blank lines in front of it. */
export const heldBack = (text: string, mark: string): number => {
  for (let from = Math.max(0, text.length - mark.length); from < text.length; from++) {
    if (mark.startsWith(text.slice(from))) return text.length - text.slice(0, from).trimEnd().length;
  }
  return text.length - text.trimEnd().length;
};

/**
 * Thoughts stand at the very beginning, between `marks`; `inside` where the prompt has opened them already. Without marks
 * everything is the answer. The white space around the marks belongs to neither side.
 */
export const createReasoningFilter = (
  marks: ReasoningMarks | undefined,
  inside: boolean,
): ReasoningFilter => {
  let stage: 'start' | 'thoughts' | 'gap' | 'answer' = marks ? (inside ? 'thoughts' : 'start') : 'answer';
  let state: ReasoningFilter['state'] = marks && inside ? 'open' : 'none';
  let held = '';
  /** Nothing of the thoughts has been shown. */
  let fresh = true;

  const takeThoughts = (text: string): Said[] => {
    const shown = fresh ? text.trimStart() : text;
    if (shown === '') return [];
    fresh = false;
    return [{ text: shown, reasoning: true }];
  };
  const takeAnswer = (): Said[] => {
    const text = held;
    held = '';
    return text === '' ? [] : [{ text, reasoning: false }];
  };

  const push = (text: string): Said[] => {
    held += text;
    if (stage === 'start') {
      const { open } = marks!;
      const begun = held.trimStart();
      if (open.startsWith(begun) && begun.length < open.length) return [];
      stage = begun.startsWith(open) ? 'thoughts' : 'answer';
      if (stage === 'thoughts') {
        state = 'open';
        held = begun.slice(open.length);
      }
    }
    const said: Said[] = [];
    if (stage === 'thoughts') {
      const { close } = marks!;
      const end = held.indexOf(close);
      if (end < 0) {
        const shown = held.slice(0, held.length - heldBack(held, close));
        held = held.slice(shown.length);
        return takeThoughts(shown);
      }
      said.push(...takeThoughts(held.slice(0, end).trimEnd()));
      held = held.slice(end + close.length);
      stage = 'gap';
      state = 'closed';
    }
    if (stage === 'gap') {
      held = held.trimStart();
      if (held === '') return said;
      stage = 'answer';
    }
    return [...said, ...takeAnswer()];
  };

  return {
    push,
    end() {
      if (stage !== 'thoughts') return stage === 'gap' ? [] : takeAnswer();
      const rest = held.trimEnd();
      held = '';
      return takeThoughts(rest);
    },
    get state() {
      return state;
    },
  };
};
