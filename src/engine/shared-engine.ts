import { LonghandError } from '../errors.js';
import type { Engine, ModelSource } from './engine.js';
import type { EngineOptions } from './options.js';
import type { SessionOptions } from './session-options.js';
import type { Seat, Tabs } from './tabs.js';

type Method = (...args: unknown[]) => Promise<unknown>;

/** A model or a context: what it is called by the engine that serves, in the term in which it was opened there. */
interface Place {
  term: string;
  real: Promise<number>;
}
interface SharedModel extends Place {
  readonly source: ModelSource;
  readonly options: EngineOptions;
}
interface SharedContext extends Place {
  readonly model: number;
  /** How it is opened again. Absent where nothing of it is kept. */
  readonly session?: SessionOptions;
}

/** Methods whose first argument is a model; all others are of contexts. */
const OF_MODELS: readonly PropertyKey[] = [
  ...['tokenize', 'detokenize', 'sessions', 'probeText', 'probeSession', 'renameSession', 'cloneSession'],
  ...['deleteSession', 'evictSession', 'exportSession', 'importSession'],
];

const gone = (what: string): LonghandError =>
  new LonghandError('engine/closed', `This ${what} was closed, or never opened. Open another one.`);
const lost = (): LonghandError =>
  new LonghandError(
    'engine/lost',
    'The tab that held this went away with it, since it had no id to be kept under. Open another one, with an id.',
  );

/**
 * The engine of whichever tab serves, under handles that outlast it: in a new term models are loaded again, and sessions
 * with an id are opened as they were last stored, by the first call that needs them. What was under way rejects with `engine/lost`.
 */
export const sharedEngine = (tabs: Tabs): Engine => {
  const models = new Map<number, SharedModel>();
  const contexts = new Map<number, SharedContext>();
  let handles = 0;
  let closed = false;

  const seated = async (): Promise<Seat> => {
    if (closed) throw new LonghandError('engine/closed', 'The model was closed. Load it again.');
    return tabs.seat();
  };
  /** Opens a place again where it is of an earlier term; one that could not be opened is tried again. */
  const replace = (place: Place, term: string, open: () => Promise<number>): Promise<number> => {
    if (place.term === term) return place.real;
    const before = place.term;
    place.term = term;
    place.real = open();
    place.real.catch(() => {
      if (place.term === term) place.term = before;
    });
    return place.real;
  };
  const modelAt = ({ term, engine }: Seat, handle: number): Promise<number> => {
    const model = models.get(handle);
    if (!model) throw gone('model');
    return replace(model, term, async () => {
      const opened = await engine.load(model.source, model.options, 0, () => undefined);
      return opened.model;
    });
  };
  const contextAt = (seat: Seat, handle: number): Promise<number> => {
    const held = contexts.get(handle);
    if (!held) throw gone('context');
    return replace(held, seat.term, async () => {
      const { session } = held;
      if (session?.id === undefined) throw lost();
      // The worker that died may hold its locks a little longer.
      const options = { ...session, wait: true };
      const model = await modelAt(seat, held.model);
      return (await seat.engine.openSession(model, options, 0, () => undefined)).context;
    });
  };
  const hold = (model: number, term: string, real: number, session?: SessionOptions): number => {
    contexts.set(++handles, { model, term, real: Promise.resolve(real), ...(session && { session }) });
    return handles;
  };

  const own: Partial<Engine> = {
    async load(source, options, call, onProgress) {
      const { term, engine } = await seated();
      const { model, info } = await engine.load(source, options, call, onProgress);
      models.set(++handles, { source, options, term, real: Promise.resolve(model) });
      return { model: handles, info };
    },
    async openContext(model, options) {
      const seat = await seated();
      return hold(model, seat.term, await seat.engine.openContext(await modelAt(seat, model), options));
    },
    async openSession(model, options, call, onProgress) {
      const seat = await seated();
      const real = await modelAt(seat, model);
      const { context, tokens } = await seat.engine.openSession(real, options, call, onProgress);
      return { context: hold(model, seat.term, context, options), tokens };
    },
    async cloneContext(from, options, call, onProgress) {
      const seat = await seated();
      const real = await contextAt(seat, from);
      const { context, tokens } = await seat.engine.cloneContext(real, options, call, onProgress);
      const { model } = contexts.get(from)!;
      const session = options.id === undefined ? undefined : { id: options.id };
      return { context: hold(model, seat.term, context, session), tokens };
    },
    async closeContext(handle) {
      const held = contexts.get(handle);
      contexts.delete(handle);
      if (!held || closed) return;
      const { term, engine } = await tabs.seat();
      if (held.term === term) await engine.closeContext(await held.real);
    },
    async unload(handle) {
      const model = models.get(handle);
      models.delete(handle);
      for (const [context, held] of contexts) if (held.model === handle) contexts.delete(context);
      if (!model || closed) return;
      const { term, engine } = await tabs.seat();
      if (model.term === term) await engine.unload(await model.real);
    },
    async abort(call) {
      if (!closed) await (await tabs.seat()).engine.abort(call);
    },
    async close() {
      if (closed) return;
      closed = true;
      await tabs.leave();
    },
  };
  return new Proxy(own as Engine, {
    get: (_, name) => {
      if (name === 'then' || Object.hasOwn(own, name)) return Reflect.get(own, name);
      const at = OF_MODELS.includes(name) ? modelAt : contextAt;
      return async (handle: number, ...rest: unknown[]) => {
        const seat = await seated();
        const real = await at(seat, handle);
        return (Reflect.get(seat.engine, name) as Method)(real, ...rest);
      };
    },
  });
};
