import { type Answer, streamAnswer } from './answer.js';
import type { Range } from './backends/backend.js';
import { abortable, type CallOptions, type StopOptions, withoutCall } from './call.js';
import type { ContextStats, Engine, ModelInfo, ModelSource, StoredSession } from './engine/engine.js';
import type { EngineOptions, SessionOptions } from './engine/options.js';
import type { AskSettings } from './generate/conversation.js';
import type { Generated, GenerateSettings } from './generate/generate.js';

export interface LoadOptions extends EngineOptions, CallOptions {}
export interface GenerateOptions extends GenerateSettings, StopOptions {}
export interface AskOptions extends AskSettings, CallOptions {}
export interface OpenOptions extends SessionOptions, CallOptions {}

/** One token list and the pages that cache it: the plain surface for tools and tests. */
export class Context {
  protected readonly engine: Engine;
  protected readonly handle: number;

  /** @internal */
  constructor(engine: Engine, handle: number) {
    this.engine = engine;
    this.handle = handle;
  }

  /**
   * Append token ids and read them. What was read before on this device is attached instead. An abort leaves the
   * context as it was. Rejects with `input/too-long` when they do not fit, `input/busy` while another call runs.
   */
  append(ids: ArrayLike<number>, options: CallOptions = {}): Promise<void> {
    return abortable(this.engine, options, (call, onProgress) =>
      this.engine.appendIds(this.handle, Array.from(ids), call, onProgress),
    );
  }

  /** Logits after the last token, (vocab). */
  logits(options: StopOptions = {}): Promise<Float32Array> {
    return abortable(this.engine, options, (call) => this.engine.logits(this.handle, call));
  }

  /**
   * Generate token ids; they become part of the context, those before an abort too. Fewer than `maxTokens` (default
   * 256) where the model ends its answer or the context is full.
   */
  generate(options?: GenerateOptions & { readonly logprobs?: undefined }): Promise<number[]>;
  /** With `logprobs`: the ids, why they ended, and the log-probabilities of each. */
  generate(options: GenerateOptions & { readonly logprobs: number }): Promise<Generated>;
  async generate(options: GenerateOptions = {}): Promise<number[] | Generated> {
    const generated = await abortable(this.engine, options, (call) =>
      this.engine.generate(this.handle, withoutCall(options), call),
    );
    return options.logprobs === undefined ? generated.ids : generated;
  }

  /** What the context holds, and what it has cost. */
  stats(): Promise<ContextStats> {
    return this.engine.stats(this.handle);
  }

  /** The ranges of tokens that the last row read in a layer, for one KV head. */
  plan(where: { layer: number; head: number }): Promise<Range[]> {
    return this.engine.plan(this.handle, where.layer, where.head);
  }

  /** End what runs on it and free its memory. Closing twice is no error. */
  close(): Promise<void> {
    return this.engine.closeContext(this.handle);
  }
}

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
   */
  ask(question: string, options: AskOptions = {}): Answer {
    return streamAnswer(options.signal, (signal, onText) =>
      abortable(this.#engine, { ...options, signal }, (call, onProgress) =>
        this.#engine.ask(this.#context, question, withoutCall(options), call, onText, onProgress),
      ),
    );
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

/** A model that is ready. */
export class Model {
  readonly info: ModelInfo;
  readonly #engine: Engine;
  readonly #model: number;

  /** @internal */
  constructor(engine: Engine, model: number, info: ModelInfo) {
    this.#engine = engine;
    this.#model = model;
    this.info = info;
  }

  /**
   * Open a conversation: a new one, or the one kept under `id`, whose pages are then fetched from the store. Rejects
   * with `input/busy` while another tab or caller has it open, `input/option` where it was begun with another system
   * text or tokenizer, `input/too-long` where `maxTokens` is now too small for it, `storage/corrupt` and
   * `storage/version` where what is stored cannot be read.
   */
  async session(options: OpenOptions = {}): Promise<Session> {
    const engine = this.#engine;
    let opened: { readonly context: number; readonly tokens: number } | undefined;
    try {
      opened = await abortable(engine, options, async (call, onProgress) => {
        opened = await engine.openSession(this.#model, withoutCall(options), call, onProgress);
        return opened;
      });
    } catch (error) {
      // Opened, but `onProgress` threw: nobody else could close it.
      if (opened) await engine.closeContext(opened.context);
      throw error;
    }
    return new Session(engine, opened.context, opened.tokens);
  }

  /** Open an empty context. */
  async context(): Promise<Context> {
    return new Context(this.#engine, await this.#engine.openContext(this.#model));
  }

  /** Ids of plain text; never a control token, whatever the text says. */
  tokenize(text: string, options: CallOptions = {}): Promise<number[]> {
    return abortable(this.#engine, options, (call, onProgress) =>
      this.#engine.tokenize(this.#model, text, call, onProgress),
    );
  }

  /** Text of ids; control tokens are left out. */
  detokenize(ids: ArrayLike<number>): Promise<string> {
    return this.#engine.detokenize(this.#model, Array.from(ids));
  }

  /** Sessions kept on this device that this model can go on with. */
  sessions(): Promise<StoredSession[]> {
    return this.#engine.sessions(this.#model);
  }

  /** Delete a kept session; texts shared with others stay. Rejects with `input/busy` while it is open anywhere. */
  deleteSession(id: string): Promise<void> {
    return this.#engine.deleteSession(this.#model, id);
  }

  /** End what runs, keep what was read, free everything: contexts, weights, the worker. Closing twice is no error. */
  close(): Promise<void> {
    return this.#engine.close();
  }
}

/** Load a model on an engine. */
export const loadOn = async (
  engine: Engine,
  source: ModelSource,
  options: LoadOptions = {},
): Promise<Model> => {
  try {
    const { model, info } = await abortable(engine, options, (call, onProgress) =>
      engine.load(source, withoutCall(options), call, onProgress),
    );
    return new Model(engine, model, info);
  } catch (error) {
    await engine.close();
    throw error;
  }
};
