import type { Engine, ModelInfo, ModelPart, ModelSource, Progress } from './engine.js';
import type { EngineOptions } from './options.js';

interface Opened {
  readonly model: number;
  readonly info: ModelInfo;
}

/** A model that is loaded once for all tabs that ask for it. */
interface SharedModel {
  readonly opened: Promise<Opened>;
  readonly tabs: Set<string>;
  readonly watching: Set<Progress>;
}

/** An engine that serves several tabs. */
export interface Host {
  /** As one tab sees it: closing it closes what this tab has opened. */
  engineFor(tab: string): Engine;
  /** The tab is gone: what it has opened is closed, so that others can open it. */
  leave(tab: string): Promise<void>;
}

const placeOf = (part: ModelPart): unknown => {
  if (typeof part === 'string' || part instanceof URL) return String(part);
  const { name, size, lastModified } = part as File;
  return name === undefined ? undefined : [name, size, lastModified];
};

/** The same for the same model in the same way; undefined for what cannot be compared: bytes, and keys of encryption. */
const keyOf = (source: ModelSource, options: EngineOptions): string | undefined => {
  const parts = (Array.isArray(source) ? source : [source]).map((part: ModelPart) => placeOf(part));
  const comparable = parts.every((part) => part !== undefined) && options.kv?.encryption === undefined;
  return comparable ? JSON.stringify([parts, options]) : undefined;
};

export const hostEngine = (engine: Engine): Host => {
  /** By key; those without one have a key of their own. */
  const models = new Map<string, SharedModel>();
  const contexts = new Map<string, Set<number>>();
  let unnamed = 0;

  const drop = async (tab: string, key: string, shared: SharedModel): Promise<void> => {
    if (!shared.tabs.delete(tab) || shared.tabs.size > 0) return;
    if (models.get(key) === shared) models.delete(key);
    const opened = await shared.opened.catch(() => undefined);
    if (opened) await engine.unload(opened.model);
  };
  const leave = async (tab: string): Promise<void> => {
    const mine = contexts.get(tab) ?? [];
    contexts.delete(tab);
    await Promise.all([...mine].map((context) => engine.closeContext(context)));
    await Promise.all([...models].map(([key, shared]) => drop(tab, key, shared)));
  };

  const begin = (source: ModelSource, options: EngineOptions, call: number): SharedModel => {
    const watching = new Set<Progress>();
    const opened = engine.load(source, options, call, (loaded, total) => {
      for (const tell of watching) tell(loaded, total);
    });
    return { opened, tabs: new Set(), watching };
  };
  const load = async (
    tab: string,
    source: ModelSource,
    options: EngineOptions,
    call: number,
    onProgress: Progress,
  ): Promise<Opened> => {
    const key = keyOf(source, options) ?? `unnamed ${++unnamed}`;
    for (;;) {
      const there = models.get(key);
      const shared = there ?? begin(source, options, call);
      models.set(key, shared);
      shared.tabs.add(tab);
      shared.watching.add(onProgress);
      try {
        return await shared.opened;
      } catch (error) {
        if (models.get(key) === shared) models.delete(key);
        // Whoever began it may have given it up: that is no reason for another tab.
        if (!there || (error as Error).name !== 'AbortError') throw error;
      } finally {
        shared.watching.delete(onProgress);
      }
    }
  };

  /** What a tab opens is its own. */
  const held = <T extends { readonly context: number } | number>(tab: string, opened: T): T => {
    const mine = contexts.get(tab) ?? new Set();
    contexts.set(tab, mine.add(typeof opened === 'number' ? opened : opened.context));
    return opened;
  };

  const engineFor = (tab: string): Engine => {
    const own: Partial<Engine> = {
      load: (...args) => load(tab, ...args),
      openContext: async (...args) => held(tab, await engine.openContext(...args)),
      openSession: async (...args) => held(tab, await engine.openSession(...args)),
      cloneContext: async (...args) => held(tab, await engine.cloneContext(...args)),
      closeContext: async (context) => {
        contexts.get(tab)?.delete(context);
        await engine.closeContext(context);
      },
      unload: async (model) => {
        for (const [key, shared] of models) {
          const opened = await shared.opened.catch(() => undefined);
          if (opened?.model === model) await drop(tab, key, shared);
        }
      },
      close: () => leave(tab),
    };
    return new Proxy(engine, { get: (_, name) => Reflect.get(own, name) ?? Reflect.get(engine, name) });
  };
  return { engineFor, leave };
};
