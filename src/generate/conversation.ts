import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { AppendHooks, Context } from './context.js';
import { type FinishReason, type GenerateOptions, generate } from './generate.js';
import { createStopFilter } from './stop.js';

export interface AskOptions extends GenerateOptions {
  /** Strings that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  /** Keep question and answer, so that the next question follows on. Default false: every question starts at the end of the text. */
  readonly continue?: boolean;
}

/** How an answer ended, and what it cost. */
export interface Finish {
  readonly reason: FinishReason;
  /** Tokens of the question, template included: all that had to be read. */
  readonly questionTokens: number;
  readonly answerTokens: number;
  /** Seconds until the first token, and from there to the end. */
  readonly questionSeconds: number;
  readonly answerSeconds: number;
}

/** An appended text: tokens [start, end) of the context. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/** Where a conversation stands, as it is stored beside its tokens. */
export interface Turns {
  readonly system: string | undefined;
  /** `start`: nothing yet. `user`: inside a user turn. `answered`: after an answer. */
  readonly turn: 'start' | 'user' | 'answered';
  readonly pieces: readonly Piece[];
}

/** The chat around a context: appended text opens or extends a user turn, a question closes it. */
export interface Conversation {
  append(text: string, hooks: AppendHooks): Promise<void>;
  ask(
    question: string,
    options: AskOptions,
    hooks: AppendHooks,
    onText: (text: string) => void,
  ): Promise<Finish>;
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
  let turn: Turns['turn'] = begun.stored?.turn ?? 'start';
  let pieces: Piece[] = [...(begun.stored?.pieces ?? [])];
  /** Stored pieces that have been appended again on this visit. */
  let replayed = 0;

  const encodePieces = async (parts: readonly TemplatePiece[]): Promise<number[]> => {
    const ids: number[] = [];
    for (const part of parts) {
      ids.push(...(part.control ? tokenizer.encodeTemplate(part.text) : await tokenizer.encode(part.text)));
    }
    return ids;
  };

  /** What must stand before the next piece of a user turn. */
  const lead = async (): Promise<number[]> => {
    if (turn === 'user') return [];
    const parts = turn === 'start' ? template.opening(system) : template.following();
    const bos = turn === 'start' && tokenizer.bos !== undefined ? [tokenizer.bos] : [];
    return [...bos, ...(await encodePieces(parts))];
  };

  const isThere = (ids: readonly number[], piece: Piece | undefined): boolean =>
    piece !== undefined &&
    piece.end - piece.start === ids.length &&
    ids.every((id, i) => context.tokens[piece.start + i] === id);

  return {
    async append(text, hooks) {
      const ids = await tokenizer.encode(text, hooks.signal ? { signal: hooks.signal } : {});
      if (ids.length === 0) return;
      if (isThere(ids, pieces[replayed])) {
        await context.catchUp(hooks);
        replayed += 1;
        return;
      }
      const front = await lead();
      const start = context.tokens.length + front.length;
      await context.append([...front, ...ids], false, hooks);
      turn = 'user';
      pieces = [...pieces, { start, end: start + ids.length }];
      replayed = pieces.length;
      await changed();
    },

    async ask(question, options, hooks, onText) {
      const bookmark = context.bookmark();
      const front = await lead();
      const words = await tokenizer.encode(turn === 'user' ? `\n${question}` : question);
      if (words.length === 0)
        throw new LonghandError('input/option', 'The question is empty. Ask something.');
      const ids = [...front, ...words, ...(await encodePieces(template.closing()))];
      const stream = tokenizer.stream();
      const filter = createStopFilter(options.stop ?? []);
      const show = (text: string): void => {
        if (text !== '') onText(text);
      };
      const started = performance.now();
      let first: number | undefined;
      let kept = false;
      try {
        await context.append(ids, true, hooks);
        const answer = await generate(context, maxTokens, tokenizer.stops, options, {
          ...hooks,
          onToken: (id) => {
            first ??= performance.now();
            show(filter.push(stream.push(id)));
            return filter.met === undefined;
          },
        });
        show(filter.push(stream.end()));
        show(filter.end());
        const ended = performance.now();
        if (options.continue) {
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
        };
      } finally {
        if (!kept) context.rewind(bookmark);
      }
    },

    get turns() {
      return { system, turn, pieces };
    },
  };
};
