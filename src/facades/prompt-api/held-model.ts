import {
  type CallOptions,
  type LoadOptions,
  load,
  type Model,
  type ModelSource,
  models,
} from '../../index.js';
import type { Availability } from './protocol.js';

/** A model that is there, where one is to be loaded from, or how. */
export type ModelOrSource = Model | ModelSource | ((options: CallOptions) => Promise<Model>);

/** The one model of all sessions: loaded when it is first needed, by whoever comes first. */
export interface HeldModel {
  availability(): Promise<Availability>;
  /** Whoever waits may give up; when nobody waits any more, loading ends. */
  take(signal: AbortSignal, onProgress: (share: number) => void): Promise<Model>;
  close(): Promise<void>;
}

const isModel = (value: unknown): value is Model =>
  typeof (value as Partial<Model>)?.session === 'function' && 'info' in (value as object);

const isKept = async (source: ModelOrSource): Promise<boolean> => {
  if (typeof source !== 'string' && !(source instanceof URL)) return false;
  const address = new URL(source, globalThis.location?.href).href;
  return (await models()).some(({ url, complete }) => complete && url === address);
};

export const holdModel = (source: ModelOrSource, options: LoadOptions | undefined): HeldModel => {
  let model = isModel(source) ? source : undefined;
  const isOurs = model === undefined;
  let loading: { readonly done: Promise<Model>; readonly stop: AbortController } | undefined;
  const waiting = new Set<(share: number) => void>();

  const begin = (): NonNullable<typeof loading> => {
    const stop = new AbortController();
    const how: CallOptions = {
      signal: stop.signal,
      onProgress: ({ loaded, total }) => {
        for (const report of waiting) report(total > 0 ? loaded / total : 0);
      },
    };
    const done = (
      typeof source === 'function' ? source(how) : load(source as ModelSource, { ...options, ...how })
    ).then((loaded) => {
      model = loaded;
      return loaded;
    });
    const begun = { done, stop };
    done
      .catch(() => undefined)
      .finally(() => {
        if (loading === begun) loading = undefined;
      });
    return begun;
  };

  return {
    async availability() {
      if (model) return 'available';
      if (loading) return 'downloading';
      return (await isKept(source).catch(() => false)) ? 'available' : 'downloadable';
    },
    async take(signal, onProgress) {
      if (model) return model;
      loading ??= begin();
      const { done, stop } = loading;
      const report = (share: number): void => {
        if (!signal.aborted) onProgress(share);
      };
      waiting.add(report);
      let give: (() => void) | undefined;
      const given = new Promise<never>((_, reject) => {
        give = () => reject(signal.reason);
        signal.addEventListener('abort', give, { once: true });
      });
      try {
        return await Promise.race([done, given]);
      } finally {
        signal.removeEventListener('abort', give!);
        waiting.delete(report);
        if (waiting.size === 0 && signal.aborted && !model) {
          if (loading?.stop === stop) loading = undefined;
          stop.abort();
        }
      }
    },
    async close() {
      loading?.stop.abort();
      if (isOurs) await model?.close();
      if (isOurs) model = undefined;
    },
  };
};
