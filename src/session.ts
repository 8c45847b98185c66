import { type Answer, streamAnswer } from './answer.js';
import type { Range } from './backends/backend.js';
import { abortable, type CallOptions, type StopOptions, withoutCall } from './call.js';
import type { ContextStats, Engine } from './engine/engine.js';
import type { CloneSettings } from './engine/session-options.js';
import type { AskSettings } from './generate/ask-settings.js';
import type { Ranked } from './generate/rank.js';
import type { RankSettings } from './generate/rank-settings.js';
import type { Exchange, Message } from './generate/said.js';
import type { Sifted, SiftSettings } from './generate/sift.js';
import type { ToldCalls, ToolResult } from './text/tool.js';

export interface AskOptions extends AskSettings, CallOptions {}
export interface RankOptions extends RankSettings, CallOptions {}
export interface SiftOptions extends SiftSettings, CallOptions {}
export interface CloneOptions extends CloneSettings, CallOptions {}

/** A text and a conversation about it. */
export class Session {
  /** Tokens that were there when the session was opened; 0 for a new one. */
  readonly resumedTokens: number;
  readonly #engine: Engine;
  readonly #context: number;

  /** @internal */
  constructor(engine: Engine, context: number, resumedTokens: number) {
    this.#engine = engine;
    this.#context = context;
    this.resumedTokens = resumedTokens;
  }

  /**
   * Append text to the user's turn and read it. What was read before on this device is attached instead. On a resumed
   * session the same texts may be appended again in the same order: they are recognised, not added twice. An abort
   * leaves the session as it was; the whole segments read so far are kept, so that going on later costs little.
   */
  append(text: string, options: CallOptions = {}): Promise<void> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.appendText(this.#context, text, call, onProgress),
    );
  }

  /**
   * Ask about the text. The answer streams; leaving the loop stops it. Every question starts at the end of the text
   * unless `continue` is set, which keeps question and answer in the session. With `reasoning` a model that can
   * think aloud first; its thoughts stream apart, in `reasoning` of the answer. `onProgress` tells of the question, and of
   * text that must be read again.
   *
   * Where the session has `tools`, an answer may call them: `finish.calls`, and piece by piece in `parts`. Of an answer that was
   * asked for with `continue`, ask on with the results, one for each call in their order, in place of a question.
   */
  ask(question: string | readonly ToolResult[], options: AskOptions = {}): Answer {
    return streamAnswer(options.signal, (signal, onText) =>
      abortable(this.#engine, { ...options, signal }, (call, onProgress) =>
        this.#engine.ask(this.#context, question, withoutCall(options), call, onText, onProgress),
      ),
    );
  }

  /**
   * Read a question and an answer that was given elsewhere, as an earlier turn of the conversation; or results of the calls
   * of the turn before; or an answer that made calls. Rejects with `model/template` where the model's template knows one turn
   * only, or one call at a time.
   */
  tell(
    question: string | readonly ToolResult[],
    answer: string | ToldCalls,
    options: CallOptions = {},
  ): Promise<void> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.tell(this.#context, question, answer, call, onProgress),
    );
  }

  /**
   * What was said: appended texts and questions of the user, and answers, in order. Questions without `continue` are no
   * part of it.
   */
  messages(): Promise<Message[]> {
    return this.#engine.messages(this.#context);
  }

  /**
   * Forget all but the first `messages`. What was read of those stays. Rejects with `input/option` where that would part
   * an answer from a question that was read in one go with it.
   */
  rewind(messages: number, options: StopOptions = {}): Promise<void> {
    return abortable(this.#engine, options, (call) => this.#engine.rewind(this.#context, messages, call));
  }

  /**
   * Tokens that these turns would add to the session, with what the model's template puts around them; a last question
   * without an answer is one that is to be answered. Reads nothing.
   */
  measure(exchanges: readonly Exchange[], options: StopOptions = {}): Promise<number> {
    return abortable(this.#engine, options, (call) => this.#engine.measure(this.#context, exchanges, call));
  }

  /**
   * Which documents bear on a question, the one that bears most on it first (BlockRank, arXiv 2510.05396): none of them sees
   * another, and each gets its share of the attention of the question's rows. They are no part of the session, but stay read
   * until it is closed: another question about them reads itself alone. All of them together must fit in a context, each from
   * a multiple of 64 tokens on: `input/too-long` else.
   */
  rank(documents: readonly string[], query: string, options: RankOptions = {}): Promise<Ranked[]> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.rank(this.#context, documents, query, withoutCall(options), call, onProgress),
    );
  }

  /**
   * The sentences of a text of any length that bear on a question, read window by window (InfiniRetri, arXiv 2502.12962): append
   * them to a session and ask. The text is no part of this session. For one that never ends, give what was kept and what
   * came since as the next text.
   */
  sift(text: string, question: string, options: SiftOptions = {}): Promise<Sifted> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.sift(this.#context, text, question, withoutCall(options), call, onProgress),
    );
  }

  /**
   * A second session that stands where this one does, kept if it is given an `id`. Whole segments of text come from the
   * store; the rest is read again, as `onProgress` tells. Rejects with `input/exists` where there is one called so. For
   * sessions that are kept already, `model.cloneSession` reads nothing.
   */
  async clone(options: CloneOptions = {}): Promise<Session> {
    const { context, tokens } = await abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.cloneContext(this.#context, withoutCall(options), call, onProgress),
    );
    return new Session(this.#engine, context, tokens);
  }

  /** What the session holds, and what it has cost since it was opened. */
  stats(): Promise<ContextStats> {
    return this.#engine.stats(this.#context);
  }

  /** The ranges of tokens that the last row read in a layer, for one KV head. */
  plan(where: { layer: number; head: number }): Promise<Range[]> {
    return this.#engine.plan(this.#context, where.layer, where.head);
  }

  /**
   * Text of the tokens [start, end), those of `sources` for instance; control tokens are left out, and so is what lies
   * behind the session's end.
   */
  passage({ start, end }: { readonly start: number; readonly end: number }): Promise<string> {
    return this.#engine.passage(this.#context, start, end);
  }

  /** End what runs on it, free its memory, and let others open it. Closing twice is no error. */
  close(): Promise<void> {
    return this.#engine.closeContext(this.#context);
  }
}
