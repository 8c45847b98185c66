import { abortError, LonghandError } from '../errors.js';
import { generate } from '../generate/generate.js';
import { readAs } from '../generate/read-as.js';
import { oneOf, wholeNumber } from '../options.js';
import { checkAskOptions, checkGenerateOptions } from './check-generate.js';
import { checkIds } from './check-ids.js';
import type { Engine } from './engine.js';
import { type OpenContext, openContext, openSession } from './open-context.js';
import { type OpenModel, openModel } from './open-model.js';
import { probeText } from './probe-text.js';
import { checkCloneOptions, checkProbe, checkSessionOptions } from './session-options.js';
import { checkContextOptions } from './session-retention.js';
import { storedSessions } from './stored-sessions.js';

interface HeldContext extends OpenContext {
  readonly model: number;
  /** The call that runs on it. */
  running?: { readonly controller: AbortController; readonly ended: Promise<unknown> } | undefined;
  closing?: Promise<void>;
}

const closed = (what: string): LonghandError =>
  new LonghandError('engine/closed', `This ${what} was closed, or never opened. Open another one.`);

/** The engine in this thread. */
export const createLocalEngine = (): Engine => {
  const models = new Map<number, OpenModel>();
  const contexts = new Map<number, HeldContext>();
  const calls = new Map<number, AbortController>();
  let handles = 0;

  const modelOf = (handle: number): OpenModel => {
    const model = models.get(handle);
    if (!model) throw closed('model');
    return model;
  };
  const contextOf = (handle: number): HeldContext => {
    const context = contexts.get(handle);
    if (!context || context.closing) throw closed('context');
    return context;
  };

  const abortable = async <T>(
    call: number,
    run: (signal: AbortSignal, controller: AbortController) => Promise<T>,
  ): Promise<T> => {
    const controller = new AbortController();
    calls.set(call, controller);
    try {
      return await run(controller.signal, controller);
    } finally {
      calls.delete(call);
    }
  };

  /** One call at a time for each context: two would read each other's tokens. */
  const alone = <T>(
    handle: number,
    call: number,
    run: (held: HeldContext, signal: AbortSignal) => Promise<T>,
  ) =>
    abortable(call, async (signal, controller) => {
      const context = contextOf(handle);
      if (context.running) {
        throw new LonghandError(
          'input/busy',
          'Another call is still running on this context. Wait for it, abort it, or open a context of its own.',
        );
      }
      const work = Promise.resolve().then(() => run(context, signal));
      context.running = { controller, ended: work.catch(() => undefined) };
      try {
        return await work;
      } finally {
        context.running = undefined;
      }
    });

  /** What was opened while its model was being closed goes with it. */
  const hold = async (model: number, opened: OpenContext): Promise<number> => {
    if (!models.has(model)) {
      await opened.close();
      throw closed('model');
    }
    contexts.set(++handles, Object.assign(opened, { model }));
    return handles;
  };
  const ofSession = <T>(part: T | undefined): T => {
    if (part) return part;
    throw new LonghandError('input/type', 'This is a bare context. Open a session to talk.');
  };
  const conversationOf = ({ conversation }: HeldContext) => ofSession(conversation);
  const closeContext = async (handle: number): Promise<void> => {
    const context = contexts.get(handle);
    if (!context) return;
    const close = async (): Promise<void> => {
      // Its memory must not go while a forward call still writes to it.
      context.running?.controller.abort();
      await context.running?.ended;
      await context.close();
    };
    context.closing ??= close().finally(() => contexts.delete(handle));
    await context.closing;
  };

  const refuseOpen = (model: number, id: string): void => {
    for (const context of contexts.values()) {
      if (context.model === model && context.id === id) throw isOpen(id);
    }
  };

  const engine: Engine = {
    load: (source, options, call, onProgress) =>
      abortable(call, async (signal) => {
        const model = await openModel(source, options, signal, onProgress);
        if (signal.aborted) {
          await model.close();
          throw abortError();
        }
        models.set(++handles, model);
        return { model: handles, info: model.info };
      }),
    tokenize: (model, text, call, onProgress) =>
      abortable(call, (signal) => {
        if (typeof text !== 'string')
          throw new LonghandError('input/type', 'Only a string can be tokenized.');
        return modelOf(model).tokenizer.encode(text, { signal, onProgress });
      }),
    detokenize: async (model, ids) => modelOf(model).tokenizer.decode(ids),
    sessions: async (model) => storedSessions(modelOf(model)).list(),
    probeText: (model, what, options, call) =>
      abortable(call, async (signal) => {
        checkProbe(what, options);
        const opened = modelOf(model);
        if (typeof what !== 'string') checkIds(what, opened.reader.config.vocab);
        return probeText(opened, what, options, { signal });
      }),
    probeSession: async (model, id) => storedSessions(modelOf(model)).probe(id),
    renameSession: async (model, id, title) => storedSessions(modelOf(model)).rename(id, title),
    cloneSession: async (model, from, to, title) => storedSessions(modelOf(model)).clone(from, to, title),
    deleteSession: async (model, id) => {
      const stored = storedSessions(modelOf(model));
      refuseOpen(model, id);
      await stored.delete(id);
    },
    evictSession: async (model, id) => {
      const stored = storedSessions(modelOf(model));
      refuseOpen(model, id);
      return stored.evict(id);
    },
    exportSession: (model, id, options, call, onProgress) =>
      abortable(call, (signal) =>
        storedSessions(modelOf(model)).exportFile(id, options, { signal, onProgress }),
      ),
    importSession: (model, file, as, call, onProgress) =>
      abortable(call, (signal) =>
        storedSessions(modelOf(model)).importFile(file, as, { signal, onProgress }),
      ),
    unload: async (handle) => {
      const model = models.get(handle);
      models.delete(handle);
      for (const [id, context] of contexts) if (context.model === handle) await closeContext(id);
      await model?.close();
    },

    openContext: async (model, options = {}) => {
      checkContextOptions(options);
      return hold(model, await openContext(modelOf(model), options));
    },
    openSession: (model, options, call, onProgress) =>
      abortable(call, async (signal) => {
        checkSessionOptions(options);
        const opened = await openSession(modelOf(model), options, { signal, onProgress });
        return { context: await hold(model, opened), tokens: opened.context.tokens.length };
      }),
    appendIds: (handle, ids, as, call, onProgress) =>
      alone(handle, call, ({ context, model }, signal) => {
        checkIds(ids, modelOf(model).reader.config.vocab);
        const how = oneOf('as', as, 'text', ['text', 'question', 'answer']);
        return readAs(context, ids, how, { signal, onProgress });
      }),
    appendText: (handle, text, call, onProgress) =>
      alone(handle, call, (held, signal) => {
        if (typeof text !== 'string') throw new LonghandError('input/type', 'Only a string can be appended.');
        return conversationOf(held).append(text, { signal, onProgress });
      }),
    logits: (handle, call) =>
      alone(handle, call, async ({ context }, signal) => (await context.logits({ signal })).slice()),
    generate: (handle, options, call) =>
      alone(handle, call, async ({ context, model }, signal) => {
        const { reader, tokenizer } = modelOf(model);
        checkGenerateOptions(options, reader.config.vocab);
        return generate(context, reader.maxTokens, tokenizer, options, { signal });
      }),
    ask: (handle, question, options, call, onText, onProgress) =>
      alone(handle, call, (held, signal) => {
        checkAskOptions(options, modelOf(held.model).reader.config.vocab);
        return conversationOf(held).ask(question, options, { signal, onProgress }, onText);
      }),
    tell: (handle, question, answer, call, onProgress) =>
      alone(handle, call, (held, signal) => {
        return conversationOf(held).tell(question, answer, { signal, onProgress });
      }),
    messages: async (handle) => conversationOf(contextOf(handle)).messages(),
    rewind: (handle, messages, call) =>
      alone(handle, call, async (held) => {
        const conversation = conversationOf(held);
        wholeNumber('messages', messages, 0, 0, conversation.messages().length);
        return conversation.rewind(messages);
      }),
    measure: (handle, exchanges, call) =>
      alone(handle, call, (held, signal) => conversationOf(held).measure(exchanges, signal)),
    cloneContext: (handle, options, call, onProgress) =>
      alone(handle, call, async (held, signal) => {
        checkCloneOptions(options);
        conversationOf(held);
        const opened = await openSession(modelOf(held.model), options, { signal, onProgress }, held);
        return { context: await hold(held.model, opened), tokens: opened.context.tokens.length };
      }),
    rank: (handle, documents, query, options, call, onProgress) =>
      alone(handle, call, async (held, signal) =>
        (await ofSession(held.retrieval).get()).rank(documents, query, options, { signal, onProgress }),
      ),
    sift: (handle, text, question, options, call, onProgress) =>
      alone(handle, call, async (held, signal) =>
        (await ofSession(held.retrieval).get()).sift(text, question, options, { signal, onProgress }),
      ),
    stats: async (handle) => contextOf(handle).stats(),
    plan: async (handle, layer, head) => contextOf(handle).context.plan(layer, head),
    passage: async (handle, start, end) => {
      const { context, model } = contextOf(handle);
      wholeNumber('start', start, 0, 0);
      wholeNumber('end', end, 0, start);
      return modelOf(model).tokenizer.decode(context.tokens.slice(start, end));
    },
    closeContext,

    abort: async (call) => calls.get(call)?.abort(),
    close: async () => {
      for (const controller of calls.values()) controller.abort();
      for (const handle of [...models.keys()]) await engine.unload(handle);
    },
  };
  return engine;
};

const isOpen = (id: string): LonghandError =>
  new LonghandError('input/busy', `Session '${id}' is open. Close it before you delete it.`, { session: id });
