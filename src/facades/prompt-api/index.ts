/**
 * The Prompt API (`LanguageModel`), answered by a model on this device.
 *
 * @packageDocumentation
 */
import type { AskOptions, LoadOptions, Message, Model } from '../../index.js';
import { countInitial } from './count-initial.js';
import { Dialogue } from './dialogue.js';
import { asException, notSupported } from './exceptions.js';
import { refusalOf } from './expected.js';
import { holdModel, type ModelOrSource } from './held-model.js';
import { LanguageModelSession, type Parts } from './language-model.js';
import { createProgress } from './monitor.js';
import type { Availability, CoreOptions, CreateOptions, Params } from './protocol.js';
import { type ReadPrompt, readPrompt } from './read-prompt.js';
import { type Callable, readTools } from './read-tools.js';
import { PARAMS, readSampling } from './sampling.js';

export type { ModelOrSource } from './held-model.js';
export type * from './protocol.js';
export type { LanguageModelSession };

export interface LanguageModelOptions {
  /** A model, where it is loaded from, or a function that loads it; loaded at the first `create()`. */
  readonly model: ModelOrSource;
  /** How it is loaded, where `model` is a place. */
  readonly load?: LoadOptions;
  /** Languages of the model, as BCP 47 tags. Default: not known, and any is taken. */
  readonly languages?: readonly string[];
  /** Most tokens of an answer. Default 1024; it also ends where the window is full. */
  readonly maxTokens?: number;
  /** Makes answers repeatable. Default: drawn at random, but for the mode `most-predictable`. */
  readonly seed?: number;
}

/** The class as a page has it: `await LanguageModel.create()`. */
export interface LanguageModelClass {
  readonly prototype: LanguageModelSession;
  new (parts: never): LanguageModelSession;
  /** Errors: `NotSupportedError`, `QuotaExceededError`, `TypeError`, `RangeError`, or the signal's reason. */
  create(options?: CreateOptions): Promise<LanguageModelSession>;
  availability(options?: CoreOptions): Promise<Availability>;
  params(): Promise<Params>;
  /** What the Prompt API has not. */
  readonly longhand: {
    /**
     * A session that was saved, as it was last stored. Give it the options that it was created with: its `initialPrompts`
     * are looked for in it, and never evicted. Errors: `NotFoundError`, `InvalidStateError` where it begins otherwise or
     * is open elsewhere.
     */
    restore(name: string, options?: CreateOptions): Promise<LanguageModelSession>;
    /** Names of what was saved, by any part of the page. */
    saved(): Promise<string[]>;
    forget(name: string): Promise<void>;
    /** Put this class in the place of the page's own, if there is one; the result puts that back. */
    install(): () => void;
    /** Free the model, if it was loaded here. */
    close(): Promise<void>;
  };
}

const task = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** A `LanguageModel` class over one model. Nothing is loaded, and nothing of the page's is replaced. */
export const createLanguageModel = (settings: LanguageModelOptions): LanguageModelClass => {
  const { model: source, load, languages, maxTokens = 1024, seed } = settings;
  const held = holdModel(source, load);

  /** What `create` and `restore` have in common: all but the conversation. */
  const open = async (
    options: CreateOptions,
    begin: (
      model: Model,
      prompt: ReadPrompt & { readonly callable: Callable | undefined },
      signal: AbortSignal,
    ) => Promise<Dialogue>,
  ): Promise<LanguageModelSession> => {
    const { signal: outer, initialPrompts = [], thinking } = options;
    outer?.throwIfAborted();
    const sampling = readSampling(options);
    const refused = refusalOf(options, languages);
    const prompt = readPrompt(initialPrompts, false);
    const initial = [...initialPrompts].length === 0 ? { ...prompt, messages: [] as Message[] } : prompt;
    if (initial.prefix !== '')
      throw new DOMException('Initial prompts cannot end in a prefix.', 'SyntaxError');
    if (refused !== undefined) throw notSupported(`A session cannot be made: ${refused}.`);
    const progress = createProgress(options.monitor);
    const stop = new AbortController();
    const end = (): void => stop.abort(outer?.reason);
    outer?.addEventListener('abort', end, { once: true });
    const { signal } = stop;
    try {
      const report = (share: number): void => {
        if (!signal.aborted) progress(share);
      };
      report(0);
      // So that whoever is told may still give up.
      await task();
      signal.throwIfAborted();
      const model = await held.take(signal, report);
      report(1);
      await task();
      signal.throwIfAborted();
      const callable = readTools(options.tools ?? []);
      const dialogue = await begin(model, { ...initial, callable }, signal);
      if (signal.aborted) await dialogue.close();
      signal.throwIfAborted();
      const answers: AskOptions = {
        ...sampling.options,
        maxTokens,
        ...(seed !== undefined && { seed }),
        ...(thinking && { reasoning: (thinking.effort ?? 'none') !== 'none' }),
      };
      const anew: Parts['anew'] = (system) => Dialogue.begin(model, { system, callable }, [], {});
      return new LanguageModel({ dialogue, sampling, options: answers, anew, signal: outer });
    } catch (error) {
      signal.throwIfAborted();
      throw asException(error);
    } finally {
      outer?.removeEventListener('abort', end);
    }
  };

  class LanguageModel extends LanguageModelSession {
    static create(options: CreateOptions = {}): Promise<LanguageModelSession> {
      return open(options, (model, { messages, ...opening }, signal) =>
        Dialogue.begin(model, opening, messages, { signal }),
      );
    }
    static async availability(options: CoreOptions = {}): Promise<Availability> {
      return refusalOf(options, languages) === undefined ? held.availability() : 'unavailable';
    }
    static async params(): Promise<Params> {
      return PARAMS;
    }
    static readonly longhand: LanguageModelClass['longhand'] = {
      restore: (name, options = {}) =>
        open(options, async (model, { system, messages, callable }, signal) => {
          await model.probeSession(name).catch(() => {
            throw new DOMException(`Nothing was saved as '${name}'.`, 'NotFoundError');
          });
          const session = await model.session({
            ...{ id: name, signal },
            ...(system !== undefined && { system }),
            ...(callable && { tools: callable.tools }),
          });
          try {
            const initial = countInitial(messages, await session.messages());
            return await Dialogue.resume(model, session, callable, initial);
          } catch (error) {
            await session.close();
            throw error;
          }
        }),
      saved: async () => {
        const model = await held.take(new AbortController().signal, () => undefined);
        return (await model.sessions()).map(({ id }) => id);
      },
      forget: async (name) => {
        const model = await held.take(new AbortController().signal, () => undefined);
        await model.deleteSession(name);
      },
      install: () => {
        const own = Object.getOwnPropertyDescriptor(globalThis, 'LanguageModel');
        Object.defineProperty(globalThis, 'LanguageModel', {
          value: LanguageModel,
          configurable: true,
          writable: true,
        });
        return () => {
          if (own) Object.defineProperty(globalThis, 'LanguageModel', own);
          else Reflect.deleteProperty(globalThis, 'LanguageModel');
        };
      },
      close: () => held.close(),
    };
  }
  return LanguageModel as unknown as LanguageModelClass;
};
