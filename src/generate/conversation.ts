import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import { leavesOpen } from '../text/reasoning-marks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Context } from './context.js';
import { type FinishReason, type GenerateSettings, generate } from './generate.js';
import { grammarOption } from './grammar/options.js';
import { loadConstraint } from './load-constraint.js';
import type { TokenLogprobs } from './log-probabilities.js';
import type { AppendHooks } from './reader.js';
import { createSources, type Source } from './sources.js';
import { createSpeech, type Reasoning } from './speech.js';
import { createTurnEncoder, type Turn } from './turn-encoder.js';

export interface AskSettings extends GenerateSettings {
  /** Strings that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** Keep question and answer, so that the next question follows on. Default false: every question starts at the end of the text. */
  readonly continue?: boolean;
  /**
   * Let a model that can think aloud do so before it answers. Default false: by the template's own switch, or by closing
   * the thoughts that it opens. The thoughts are a stream of their own, and are never part of the next question.
   */
  readonly reasoning?: boolean;
  /** Tell where the answer came from, in `finish.sources`. Default false: then it costs nothing. */
  readonly sources?: boolean;
}

/** How an answer ended, and what it cost. */
export interface Finish {
  readonly reason: FinishReason;
  /** Tokens of the question, template included: all that had to be read. */
  readonly questionTokens: number;
  /** Tokens generated, those of the reasoning included. */
  readonly answerTokens: number;
  /** Where the model thought aloud, also where it was asked not to. */
  readonly reasoning?: Reasoning;
  /** Seconds until the first token, and from there to the end. */
  readonly questionSeconds: number;
  readonly answerSeconds: number;
  /**
   * Where `schema`, `pattern` or `grammar` was asked for: whether the answer is whole. False where `maxTokens`, the window
   * or a stop string ended it before; what was said is then the beginning of something whole.
   */
  readonly complete?: boolean;
  /** One for each token of the answer, where `logprobs` was asked for. */
  readonly logprobs?: readonly TokenLogprobs[];
  /**
   * Where `sources` was asked for: what the rows read that the answer's tokens (those of the reasoning too) were chosen
   * from, as shares of exact attention mass, on average over rows, query heads and the layers that read the whole text. A
   * soft cap on logits (Gemma 2) is left out of account.
   */
  readonly sources?: readonly Source[];
}

/** An appended text: tokens [start, end) of the context, what led up to it in the template included. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  /** Where the conversation stood before it. */
  readonly turn: Turn;
}

/** Where a conversation stands, as it is stored beside its tokens. */
export interface Turns {
  readonly system: string | undefined;
  readonly turn: Turn;
  readonly pieces: readonly Piece[];
  /** What stands in front of the first content. A template may write today's date there; it stays that of the first day. */
  readonly opening?: readonly TemplatePiece[];
}

/** The chat around a context: appended text opens or extends a user turn, a question closes it. */
export interface Conversation {
  append(text: string, hooks: AppendHooks): Promise<void>;
  ask(
    question: string,
    options: AskSettings,
    hooks: AppendHooks,
    onText: (text: string, reasoning: boolean) => void,
  ): Promise<Finish>;
  /** Read a question and its answer as an earlier turn, without saying anything. */
  tell(question: string, answer: string, hooks: AppendHooks): Promise<void>;
  readonly turns: Turns;
}

/**
 * `stored` puts a resumed conversation back where it stood. Its texts may then be appended again, in the same order:
 * a text that is already there is recognised token by token and not added twice, so the code of a first visit also
 * serves the second.
 */
export const createConversation = (
  context: Context,
  tokenizer: Tokenizer,
  template: ChatTemplate,
  maxTokens: number,
  begun: { system?: string | undefined; stored?: Turns },
  changed: () => Promise<void>,
): Conversation => {
  const system = begun.stored?.system ?? begun.system;
  const opening = begun.stored?.opening ?? template.opening(system);
  let turn: Turn = begun.stored?.turn ?? 'start';
  let pieces: Piece[] = [...(begun.stored?.pieces ?? [])];
  /** Stored pieces that have been appended again on this visit. */
  let replayed = 0;

  const encode = createTurnEncoder(tokenizer, template, opening);
  /** Ids of contents that are added where the conversation stood at `from`, after the first `length` tokens. */
  const encodeFrom = (
    from: Turn,
    length: number,
    parts: readonly TemplatePiece[],
    signal?: AbortSignal,
  ): Promise<number[]> => encode(from, context.tokens[length - 1], parts, signal);

  const isThere = (ids: readonly number[], { start, end }: Piece): boolean =>
    end - start === ids.length && ids.every((id, i) => context.tokens[start + i] === id);

  /** Read what the pages lack. What the store had lost is then read again: let it be kept again. */
  const settle = async (hooks: AppendHooks): Promise<void> => {
    const before = context.meter.recomputedTokens;
    await context.catchUp(hooks);
    if (context.meter.recomputedTokens > before) await changed();
  };

  return {
    async append(text, hooks) {
      if (text === '') return;
      const content: TemplatePiece = { text, control: false };
      const known = pieces[replayed];
      if (known && isThere(await encodeFrom(known.turn, known.start, [content], hooks.signal), known)) {
        await settle(hooks);
        replayed += 1;
        return;
      }
      const start = context.tokens.length;
      const ids = await encodeFrom(turn, start, [content], hooks.signal);
      await context.append(ids, false, hooks);
      pieces = [...pieces, { start, end: start + ids.length, turn }];
      turn = 'user';
      replayed = pieces.length;
      await changed();
    },

    async ask(question, options, hooks, onText) {
      const bookmark = context.bookmark();
      if (question === '') throw new LonghandError('input/option', 'The question is empty. Ask something.');
      const asked: TemplatePiece = { text: turn === 'user' ? `\n${question}` : question, control: false };
      const { signal } = hooks;
      const closing = template.closing(options.reasoning ?? false);
      const ids = await encodeFrom(turn, context.tokens.length, [asked, ...closing], signal);
      const { marks } = template;
      const inside = marks !== undefined && closing.some(({ text }) => leavesOpen(marks, text));
      const thoughts = options.reasoning && marks ? { marks, inside } : undefined;
      const constraint =
        grammarOption(options) && (await loadConstraint()).createConstraint(tokenizer, options, thoughts);
      await settle(hooks);
      const speech = createSpeech(tokenizer, marks, inside, options.stop ?? [], onText);
      const started = performance.now();
      let first: number | undefined;
      let kept = false;
      let isCut = false;
      const cut = (): boolean => {
        isCut = true;
        return false;
      };
      const sources = options.sources ? createSources(bookmark.tokens) : undefined;
      try {
        // Of the question only the last row says anything of the answer.
        if (sources) await context.append(ids.slice(0, -1), true, hooks);
        context.watch = sources?.watch;
        await context.append(sources ? ids.slice(-1) : ids, true, hooks);
        const answer = await generate(context, maxTokens, tokenizer, options, {
          signal,
          constraint,
          onToken: (id) => {
            first ??= performance.now();
            return speech.push(id) || cut();
          },
        });
        speech.end();
        context.watch = undefined;
        const { reasoning } = speech;
        const ended = performance.now();
        if (options.continue) {
          const past = reasoning && template.past();
          if (past) {
            // Thoughts are not fed back: the turn is told again as the template shows an earlier one.
            context.rewind(bookmark);
            const told = [asked, ...past, { text: speech.answer, control: false }];
            await context.append(await encodeFrom(turn, bookmark.tokens, told, signal), true, { signal });
          }
          kept = true;
          turn = 'answered';
          replayed = pieces.length;
          await changed();
        }
        return {
          reason: answer.reason,
          questionTokens: ids.length,
          answerTokens: answer.ids.length,
          questionSeconds: ((first ?? ended) - started) / 1000,
          answerSeconds: (ended - (first ?? ended)) / 1000,
          ...(reasoning && { reasoning }),
          ...(answer.complete !== undefined && { complete: answer.complete && !isCut }),
          ...(options.logprobs !== undefined && { logprobs: answer.logprobs }),
          ...(sources && { sources: sources.end() }),
        };
      } finally {
        context.watch = undefined;
        sources?.release();
        if (!kept) context.rewind(bookmark);
      }
    },

    async tell(question, answer, hooks) {
      const past = template.past();
      if (!past) {
        throw new LonghandError(
          'model/template',
          "The model's chat template knows one turn only, so no earlier ones can be told. Ask in one turn.",
          { reason: 'shape' },
        );
      }
      const asked = turn === 'user' ? `\n${question}` : question;
      const told = [{ text: asked, control: false }, ...past, { text: answer, control: false }];
      const ids = await encodeFrom(turn, context.tokens.length, told, hooks.signal);
      await settle(hooks);
      await context.append(ids, true, hooks);
      turn = 'answered';
      replayed = pieces.length;
      await changed();
    },

    get turns() {
      return { system, turn, pieces, opening };
    },
  };
};
