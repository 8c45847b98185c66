import { LonghandError } from '../errors.js';
import type { ChatTemplate, TemplatePiece } from '../text/chat-template.js';
import { leavesOpen } from '../text/reasoning-marks.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { ToldCalls, Tool } from '../text/tool.js';
import type { AskSettings, Finish } from './ask-settings.js';
import type { Context } from './context.js';
import { generate } from './generate.js';
import { grammarOption } from './grammar/options.js';
import { loadConstraint } from './load-constraint.js';
import { loadRetrieval } from './load-retrieval.js';
import { openingOf } from './opening.js';
import { type OpenQuestion, openQuestion, type Question, questionPieces, toldLater } from './question.js';
import type { AppendHooks } from './reader.js';
import {
  type Exchange,
  exchanged,
  type Message,
  messageOf,
  type Piece,
  placeBefore,
  type Said,
  saidByPiece,
  type Turns,
} from './said.js';
import { createSpeech, type OnText } from './speech.js';
import { createTurnEncoder, type Turn } from './turn-encoder.js';

export type { AskSettings, Finish } from './ask-settings.js';
export type { Piece, Turns } from './said.js';

const plain = (text: string): TemplatePiece[] => (text === '' ? [] : [{ text, control: false }]);

/** The chat around a context: appended text opens or extends a user turn, a question closes it. */
export interface Conversation {
  append(text: string, hooks: AppendHooks): Promise<void>;
  ask(question: Question, options: AskSettings, hooks: AppendHooks, onText: OnText): Promise<Finish>;
  /** Read a question and its answer as an earlier turn, without saying anything. */
  tell(question: Question, answer: string | ToldCalls, hooks: AppendHooks): Promise<void>;
  /** What was said so far. Of what was read before messages were kept (older sessions) nothing is told. */
  messages(): Message[];
  /** Forget all but the first `messages`. */
  rewind(messages: number): Promise<void>;
  /** Tokens that these turns would add, template included; a question without an answer is one that is to be answered. */
  measure(exchanges: readonly Exchange[], signal?: AbortSignal): Promise<number>;
  readonly turns: Turns;
}

/**
 * `stored` puts a resumed conversation back where it stood. Its texts may then be appended again, in the same order:
 * a text that is already there is recognised token by token and not added twice, so the code of a first visit also
 * serves the second. Errors: `unsupported/constraint` where there are tools and nobody to write them.
 */
export const createConversation = async (
  context: Context,
  tokenizer: Tokenizer,
  template: ChatTemplate,
  maxTokens: number,
  begun: { system?: string | undefined; tools?: readonly Tool[] | undefined; stored?: Turns },
  changed: () => Promise<void>,
): Promise<Conversation> => {
  const system = begun.stored?.system ?? begun.system;
  const tools = (begun.stored ? begun.stored.tools : begun.tools) ?? [];
  const opening = begun.stored?.opening ?? (await openingOf(template, system, tools));
  let turn: Turn = begun.stored?.turn ?? 'start';
  let pieces: Piece[] = [...(begun.stored?.pieces ?? [])];
  let said: readonly Said[] = begun.stored?.said ?? [];
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

  const place = () => ({ tokens: context.tokens.length, turn, pieces: pieces.length });
  const past = (): TemplatePiece[] => toldLater(template);
  const asking = (question: string, from = turn) => questionPieces(question, from);
  const questionOf = async (question: Question, reasoning: boolean): Promise<OpenQuestion> => {
    if (typeof question === 'string') return openQuestion(template, turn, question, reasoning);
    const openCalls = said.at(-1)?.calls?.length ?? 0;
    return (await loadConstraint()).openResults(template, openCalls, question, reasoning);
  };
  /** An answer as an earlier turn tells it. */
  const toldPieces = async (answer: string | ToldCalls): Promise<readonly TemplatePiece[]> =>
    typeof answer === 'string' ? plain(answer) : (await loadConstraint()).toldCalls(template, answer);
  const mayCall = ({ toolChoice = 'none', parallelCalls }: AskSettings): boolean =>
    tools.length > 0 || toolChoice !== 'none' || parallelCalls !== undefined;

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
      const before = place();
      const start = before.tokens;
      const ids = await encodeFrom(turn, start, [content], hooks.signal);
      await context.append(ids, false, hooks);
      said = [...said, saidByPiece(text, ids, before, tokenizer)];
      pieces = [...pieces, { start, end: start + ids.length, turn }];
      turn = 'user';
      replayed = pieces.length;
      await changed();
    },

    async ask(question, options, hooks, onText) {
      const bookmark = context.bookmark();
      const before = place();
      if (question === '' && turn !== 'user')
        throw new LonghandError(
          'input/option',
          'The question is empty, and no text was appended that it could be. Ask something.',
        );
      const { signal } = hooks;
      const { begin = '', reasoning = false } = options;
      const { from, asked, closing, past: shown } = await questionOf(question, reasoning);
      const ids = await encodeFrom(from, before.tokens, [...asked, ...closing, ...plain(begin)], signal);
      const { marks } = template;
      const inside = marks !== undefined && closing.some(({ text }) => leavesOpen(marks, text));
      const thoughts = reasoning && marks ? { marks, inside } : undefined;
      const forms = mayCall(options) || grammarOption(options) ? await loadConstraint() : undefined;
      const calls = forms?.callRules(tools, template, options);
      const isBanned = forms && !calls && tools.length > 0;
      const settings = isBanned ? forms.withoutCalls(options, template, tokenizer) : options;
      const watching = options.sources ? await loadRetrieval() : undefined;
      const constraint = forms?.createConstraint(tokenizer, { ...options, calls }, thoughts);
      const heard = forms && calls && { rules: calls, createFilter: forms.createCallFilter };
      if (begin !== '') constraint?.skip(begin);
      await settle(hooks);
      const speech = createSpeech(tokenizer, marks, inside, options.stop ?? [], onText, heard);
      if (begin !== '') speech.follow(ids.at(-1)!);
      const started = performance.now();
      let first: number | undefined;
      let kept = false;
      let isCut = false;
      const cut = (): boolean => {
        isCut = true;
        return false;
      };
      const sources = watching?.createSources(bookmark.tokens);
      try {
        // Of the question only the last row says anything of the answer.
        if (sources) await context.append(ids.slice(0, -1), true, hooks);
        context.watch = sources?.watch;
        await context.append(sources ? ids.slice(-1) : ids, true, hooks);
        const answer = await generate(context, maxTokens, tokenizer, settings, {
          signal,
          constraint,
          onToken: (id) => {
            first ??= performance.now();
            return speech.push(id) || cut();
          },
        });
        speech.end();
        context.watch = undefined;
        const { reasoning: thought, calls: made } = speech;
        const ended = performance.now();
        if (options.continue) {
          const answered = { text: begin + speech.answer, calls: made };
          if (thought && template.past()) {
            // Thoughts are not fed back: the turn is told again as the template shows an earlier one.
            context.rewind(bookmark);
            const told = [...shown(), ...(await toldPieces(made.length > 0 ? answered : answered.text))];
            await context.append(await encodeFrom(from, bookmark.tokens, told, signal), true, { signal });
          }
          kept = true;
          said = [...said, ...exchanged(question, answered, before)];
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
          ...(thought && { reasoning: thought }),
          ...(made.length > 0 && { calls: made }),
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
      const before = place();
      const { from, past: shown } = await questionOf(question, false);
      const told = [...shown(), ...(await toldPieces(answer))];
      const given = typeof answer === 'string' ? { text: answer, calls: [] } : answer;
      const ids = await encodeFrom(from, before.tokens, told, hooks.signal);
      await settle(hooks);
      await context.append(ids, true, hooks);
      said = [...said, ...exchanged(question, given, before)];
      turn = 'answered';
      replayed = pieces.length;
      await changed();
    },

    messages: () => said.map((one) => messageOf(one, pieces, context.tokens, tokenizer)),

    async rewind(messages) {
      if (messages === said.length) return;
      const { tokens, turn: then, pieces: texts } = placeBefore(said, messages);
      context.rewind({ tokens });
      said = said.slice(0, messages);
      pieces = pieces.slice(0, texts);
      turn = then;
      replayed = pieces.length;
      await changed();
    },

    async measure(exchanges, signal) {
      let tokens = 0;
      let from = turn;
      let after = context.tokens.at(-1);
      for (const { question, answer } of exchanges) {
        const told = answer === undefined ? template.closing() : [...past(), ...plain(answer)];
        const ids = await encode(from, after, [...asking(question, from), ...told], signal);
        tokens += ids.length;
        after = ids.at(-1);
        from = 'answered';
      }
      return tokens;
    },

    get turns() {
      return { system, turn, pieces, opening, said, ...(tools.length > 0 && { tools }) };
    },
  };
};
