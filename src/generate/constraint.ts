import { LonghandError } from '../errors.js';
import type { ReasoningMarks } from '../text/reasoning-marks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { type Constrained, compiledFor, single, vocabularyOf } from './constraint-forms.js';
import { grammarOption } from './grammar/options.js';
import type { State } from './grammar/recogniser.js';

/** Says of every token whether it may come next. */
export interface Constraint {
  /**
   * Logits (vocab) with −∞ for what may not come next; valid until the next call.
   * Errors: `input/option` where nothing is left of them, because of a bias, or because the vocabulary has no token for it.
   */
  mask(logits: Float32Array): Float32Array;
  push(id: number): void;
  /** The answer was begun with `text`. Errors: `unsupported/constraint` where nothing that is asked for begins so. */
  skip(text: string): void;
  /** What was said is whole: it might end here. */
  readonly whole: boolean;
  /** Nothing can follow. */
  readonly ended: boolean;
}

/** Thoughts in front of the answer, which are free. */
export interface FreeThoughts {
  readonly marks: ReasoningMarks;
  /** The prompt has opened them. */
  readonly inside: boolean;
}

/** Tokens of white space between thoughts and answer. */
const LONGEST_GAP = 4;
const BLANK = 0x20;
const encoder = new TextEncoder();

/**
 * The constraint that the options ask for; undefined where they ask for none.
 * Errors: `unsupported/constraint` for what cannot be honoured.
 */
export const createConstraint = (
  tokenizer: Tokenizer,
  options: Constrained,
  thoughts?: FreeThoughts,
): Constraint | undefined => {
  const option = options.calls ? 'tools' : grammarOption(options);
  if (option === undefined) return undefined;
  const marks = thoughts && [thoughts.marks.open, thoughts.marks.close].map(single(tokenizer));
  const [open, close] = marks ?? [];
  if (thoughts && (open === undefined || close === undefined)) {
    throw new LonghandError(
      'unsupported/constraint',
      `The option ${option} cannot be honoured after thoughts: this model has no tokens of their own for the marks around ` +
        'them. Leave `reasoning` out.',
      { option, keyword: 'reasoning' },
    );
  }
  const vocabulary = vocabularyOf(tokenizer);
  const { recogniser, mask: maskOf } = compiledFor(vocabulary, options, option);
  const allowed = new Uint32Array((tokenizer.vocab + 31) >> 5);
  let masked = new Float32Array(0);
  const { calls } = options;
  const isFree = calls?.forced === false;
  let stage: 'start' | 'thoughts' | 'gap' | 'free' | 'answer' = thoughts?.inside
    ? 'thoughts'
    : isFree
      ? 'free'
      : thoughts
        ? 'start'
        : 'answer';
  /** What was said freely; its end where a call begins with a mark. */
  let said = '';
  let gap = 0;
  let state = recogniser.start;
  /** A SentencePiece vocabulary writes a space in front of a text, which its reader takes away again. */
  let fresh = tokenizer.spacePrefix;

  const allow = (id: number): void => {
    allowed[id >> 5]! |= 1 << (id & 31);
  };
  const bytesFor = (id: number): Uint8Array => {
    const bytes = vocabulary.bytesOf(id) ?? new Uint8Array(0);
    return fresh && bytes[0] === BLANK ? bytes.subarray(1) : bytes;
  };
  const after = (from: State, bytes: Uint8Array): State | undefined => {
    let to: State | undefined = from;
    for (let i = 0; i < bytes.length && to; i++) to = recogniser.step(to, bytes[i]!);
    return to;
  };
  /** At the beginning every token that the vocabulary writes with a space is looked at by itself. */
  const correctFresh = (): void => {
    const { tokens } = vocabulary.trie;
    for (const id of tokens) {
      const bytes = vocabulary.bytesOf(id)!;
      if (bytes[0] !== BLANK) continue;
      allowed[id >> 5]! &= ~(1 << (id & 31));
      if (bytes.length > 1 && after(state, bytes.subarray(1))) allow(id);
    }
  };
  /** Whether a call has begun with this token, and where the recogniser stands then. */
  const beginCall = (id: number): State | undefined => {
    const { open, written } = calls!.style;
    const mark = vocabulary.marks.get(open);
    if (mark !== undefined) return id === mark ? after(recogniser.start, bytesFor(id)) : undefined;
    said += tokenizer.textOf(id);
    if (open === '') {
      const begun = said.trimStart();
      const isCall = written === 'python' ? /^\[\s*[\w.-]+\(/.test(begun) : begun.startsWith('{');
      return isCall ? after(recogniser.start, encoder.encode(begun)) : undefined;
    }
    const at = said.indexOf(open);
    const state = at < 0 ? undefined : after(recogniser.start, encoder.encode(said.slice(at)));
    said = said.slice(state || at < 0 ? -open.length : at + 1);
    return state;
  };
  const nothingLeft = (why: string): LonghandError =>
    new LonghandError(
      'input/option',
      `No token may follow what was said so far under the option ${option}: ${why}. Change it, or what goes with it.`,
      { option },
    );

  return {
    mask(logits) {
      if (stage === 'thoughts' || stage === 'free') return logits;
      allowed.fill(0);
      maskOf(state, allowed);
      if (fresh) correctFresh();
      if (state.accepts && !options.ignoreStops) for (const id of tokenizer.stops) allow(id);
      if (stage === 'start' && open !== undefined) allow(open);
      // White space after the thoughts belongs to neither side, so the answer does not begin with it.
      if (stage === 'gap' && gap < LONGEST_GAP) for (const id of vocabulary.blanks) allow(id);
      if (masked.length !== logits.length) masked = new Float32Array(logits.length);
      masked.fill(Number.NEGATIVE_INFINITY);
      let any = false;
      let left = false;
      for (const [word, bits] of allowed.entries()) {
        for (let rest = bits; rest !== 0; rest &= rest - 1) {
          const id = word * 32 + 31 - Math.clz32(rest & -rest);
          if (id >= logits.length) break;
          masked[id] = logits[id]!;
          any = true;
          left ||= logits[id]! > Number.NEGATIVE_INFINITY;
        }
      }
      if (!any) throw nothingLeft('the vocabulary has no token for what must come');
      if (!left) throw nothingLeft('the model gives none of those that may');
      return masked;
    },
    push(id) {
      if (stage === 'thoughts') {
        if (id === close) stage = isFree ? 'free' : 'gap';
        return;
      }
      if ((stage === 'start' || stage === 'free') && open !== undefined && id === open) {
        stage = 'thoughts';
        return;
      }
      if (stage === 'gap' && gap < LONGEST_GAP && vocabulary.blanks.includes(id)) {
        gap += 1;
        fresh = false;
        return;
      }
      if (stage === 'free') {
        const begun = beginCall(id);
        if (begun) stage = 'answer';
        state = begun ?? state;
        fresh = false;
        return;
      }
      stage = 'answer';
      const next = after(state, bytesFor(id));
      fresh = false;
      if (!next) throw nothingLeft(`token ${id} was none of those that may`);
      state = next;
    },
    skip(text) {
      const next = after(state, new TextEncoder().encode(text));
      if (!next)
        throw new LonghandError(
          'unsupported/constraint',
          `Nothing that the option ${option} asks for begins with '${text.slice(0, 40)}'. Begin the answer in another way.`,
          { option, keyword: 'begin' },
        );
      state = next;
      fresh = false;
    },
    get whole() {
      return stage === 'free' || (stage !== 'thoughts' && state.accepts);
    },
    get ended() {
      return stage === 'answer' && state.accepts && state.places.length === 0;
    },
  };
};

// Whoever calls tools needs all of it.
export { createCallFilter } from './call-filter.js';
export { checkTools } from './check-tools.js';
export { callRules } from './tool-choice.js';
export { openResults, toldCalls, toolOpening, withoutCalls } from './tool-turns.js';
