import type { AskOptions, Message } from '../../index.js';
import type { Dialogue } from './dialogue.js';
import { asException } from './exceptions.js';
import type { OverflowHandler, PromptInput, PromptOptions, SamplingMode, SignalOptions } from './protocol.js';
import { readConstraint } from './read-constraint.js';
import { readPrompt } from './read-prompt.js';
import type { Sampling } from './sampling.js';

/** What a session is made of. */
export interface Parts {
  readonly dialogue: Dialogue;
  readonly sampling: Sampling;
  /** For every answer, unless a call says otherwise. */
  readonly options: AskOptions;
  /** Begins the same conversation anew with a system text. */
  readonly anew: (system: string) => Promise<Dialogue>;
  /** Aborted, it destroys the session. */
  readonly signal?: AbortSignal | undefined;
}

const destroyed = (): DOMException => new DOMException('The session was destroyed.', 'AbortError');

/** A session of the Prompt API. Its calls run one after another. */
export class LanguageModelSession extends EventTarget {
  oncontextoverflow: OverflowHandler = null;
  /** Of extensions, and of earlier drafts. */
  onquotaoverflow: OverflowHandler = null;
  readonly #sampling: Sampling;
  readonly #options: AskOptions;
  readonly #anew: Parts['anew'];
  readonly #end = new AbortController();
  #dialogue: Dialogue;
  #last: Promise<unknown> = Promise.resolve();

  /** @internal */
  constructor(parts: Parts) {
    if (!(parts && 'dialogue' in parts)) throw new TypeError('Illegal constructor. Use `create()`.');
    super();
    this.#dialogue = parts.dialogue;
    this.#sampling = parts.sampling;
    this.#options = parts.options;
    this.#anew = parts.anew;
    const { signal } = parts;
    signal?.addEventListener('abort', () => this.#destroy(signal.reason), { once: true });
  }

  /** Tokens of everything that was said, with what the model's template puts around it. */
  get contextUsage(): number {
    return this.#dialogue.usage;
  }
  /** Tokens that a session holds. */
  get contextWindow(): number {
    return this.#dialogue.window;
  }
  get samplingMode(): SamplingMode | null {
    return this.#sampling.samplingMode;
  }
  get topK(): number {
    return this.#sampling.topK;
  }
  get temperature(): number {
    return this.#sampling.temperature;
  }
  /** @deprecated `contextUsage` */
  get inputUsage(): number {
    return this.contextUsage;
  }
  /** @deprecated `contextWindow` */
  get inputQuota(): number {
    return this.contextWindow;
  }

  /** The answer, whole. */
  async prompt(input: PromptInput, options: PromptOptions = {}): Promise<string> {
    let text = '';
    await this.#answer(input, options, (piece) => (text += piece));
    return text;
  }

  /** The answer in pieces. Cancelling the stream stops it. */
  promptStreaming(input: PromptInput, options: PromptOptions = {}): ReadableStream<string> {
    this.#end.signal.throwIfAborted();
    options.signal?.throwIfAborted();
    const stop = new AbortController();
    const { signal } = options;
    signal?.addEventListener('abort', () => stop.abort(signal.reason), { once: true });
    return new ReadableStream<string>({
      start: (controller) => {
        this.#answer(input, { ...options, signal: stop.signal }, (piece) => controller.enqueue(piece))
          .then(() => stop.signal.aborted || controller.close())
          .catch((error) => controller.error(error));
      },
      cancel: (reason) => stop.abort(reason),
    });
  }

  /** Take messages in without answering. */
  append(input: PromptInput, options: SignalOptions = {}): Promise<undefined> {
    return this.#call(options.signal, async (signal) => {
      const { system, messages, prefix } = readPrompt(input, !this.#dialogue.isBlank);
      if (prefix !== '') throw new DOMException('A prefix begins an answer: prompt with it.', 'SyntaxError');
      await this.#open(system);
      await this.#makeRoom(messages, signal);
      await this.#dialogue.append(messages, { signal });
      return undefined;
    });
  }

  /** Tokens that a prompt would take here. Changes nothing. */
  measureContextUsage(input: PromptInput, options: PromptOptions = {}): Promise<number> {
    return this.#call(options.signal, async (signal) => {
      const { guidance } = readConstraint(options);
      const { system, messages } = readPrompt(input, false);
      const all = guidance === '' ? messages : [...messages, { role: 'user' as const, text: guidance }];
      if (system === undefined) return this.#dialogue.measure(all, { signal });
      const apart = await this.#anew(system);
      try {
        return apart.usage + (await apart.measure(all, { signal }));
      } finally {
        await apart.close();
      }
    });
  }
  /** @deprecated `measureContextUsage` */
  measureInputUsage(input: PromptInput, options: PromptOptions = {}): Promise<number> {
    return this.measureContextUsage(input, options);
  }

  /** Another session that stands where this one does. */
  clone(options: SignalOptions = {}): Promise<this> {
    return this.#call(options.signal, async (signal) => {
      const dialogue = await this.#dialogue.clone({ signal });
      const Own = this.constructor as new (parts: Parts) => this;
      return new Own({ dialogue, sampling: this.#sampling, options: this.#options, anew: this.#anew });
    });
  }

  destroy(): undefined {
    this.#destroy(destroyed());
  }

  /** What the Prompt API has not. */
  readonly longhand = {
    /** Keep the session under a name from now on: what is said is stored, call by call, until it is destroyed. */
    save: (name: string, options: SignalOptions = {}): Promise<void> =>
      this.#call(options.signal, (signal) => this.#dialogue.keep(name, { signal })),
  };

  #answer(input: PromptInput, options: PromptOptions, onPiece: (text: string) => void): Promise<void> {
    return this.#call(options.signal, async (signal) => {
      const { guidance, constraint } = readConstraint(options);
      const { system, messages, prefix } = readPrompt(input, !this.#dialogue.isBlank);
      const all = guidance === '' ? messages : [...messages, { role: 'user' as const, text: guidance }];
      await this.#open(system);
      await this.#makeRoom(all, signal);
      const effort = options.thinking?.effort;
      const asked = {
        ...this.#options,
        ...constraint,
        ...(effort !== undefined && { reasoning: effort !== 'none' }),
        ...(prefix !== '' && { begin: prefix, reasoning: false }),
        signal,
      };
      await this.#dialogue.ask(all, asked, (piece) => {
        if (!signal.aborted) onPiece(piece);
      });
    });
  }

  /** A system text that came with the first messages. */
  async #open(system: string | undefined): Promise<void> {
    if (system === undefined) return;
    const blank = this.#dialogue;
    this.#dialogue = await this.#anew(system);
    await blank.close();
  }

  async #makeRoom(messages: readonly Message[], signal: AbortSignal): Promise<void> {
    const isOver = await this.#dialogue.makeRoom(messages, { signal });
    if (!isOver) return;
    const handlers = { contextoverflow: this.oncontextoverflow, quotaoverflow: this.onquotaoverflow };
    for (const [type, handler] of Object.entries(handlers)) {
      const event = new Event(type);
      handler?.call(this, event);
      this.dispatchEvent(event);
    }
  }

  /** After the calls before it. Given up, it rejects at once; what comes next waits until it has really ended. */
  #call<T>(outer: AbortSignal | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const stop = new AbortController();
    const { signal } = stop;
    return new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      const sources = [this.#end.signal, ...(outer ? [outer] : [])];
      const aborted = sources.find((source) => source.aborted);
      if (aborted) return stop.abort(aborted.reason);
      const ends = sources.map((source) => [source, () => stop.abort(source.reason)] as const);
      for (const [source, end] of ends) source.addEventListener('abort', end, { once: true });
      const work = this.#last.then(async () => {
        try {
          signal.throwIfAborted();
          const done = await run(signal);
          resolve(done);
        } catch (error) {
          reject(asException(error));
        } finally {
          for (const [source, end] of ends) source.removeEventListener('abort', end);
        }
      });
      this.#last = work;
    });
  }

  #destroy(reason: unknown): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort(reason);
    this.#last = this.#last.then(() => this.#dialogue.close()).catch(() => undefined);
  }
}
