import { NUMERICS } from '../backends/wasm/numerics.js';
import type { Speed } from '../backends/webgpu/trial.js';
import { openPatiently } from '../stores/patience.js';
import type { Store } from '../stores/store.js';
import type { checkEngineOptions } from './options.js';

/** What a GPU and the CPU took in a trial. */
export interface Speeds {
  readonly gpu: Speed;
  readonly cpu: Speed;
}

/** Outcomes of trials, by what was tried. */
export interface KeptTrials {
  /** What is kept is told as it was put, but nobody knows what lies in a store. */
  get(what: readonly unknown[]): Promise<unknown>;
  put(what: readonly unknown[], outcome: object): Promise<void>;
}

/**
 * Where the outcomes of trials are kept between visits: beside what is read, a few bytes for every GPU and shape of model. A
 * store that refuses keeps nothing: it is tried again.
 */
export const keptTrials = (
  { store, database, durability }: ReturnType<typeof checkEngineOptions>,
  kind: 'speeds' | 'ways' | 'bears',
): KeptTrials => {
  const keyOf = (what: readonly unknown[]): string => `${kind}/${JSON.stringify([NUMERICS, what])}`;
  const use = async <T>(work: (store: Store) => Promise<T>) => {
    if (store === 'none' || store === 'memory') return undefined;
    try {
      const opened = await openPatiently(store, { database, durability });
      return await work(opened).finally(() => opened.close());
    } catch {
      return undefined;
    }
  };
  return {
    get: (what) =>
      use(async (opened): Promise<unknown> => {
        const bytes = await opened.get(keyOf(what));
        return bytes && JSON.parse(new TextDecoder().decode(bytes));
      }),
    put: async (what, outcome) => {
      const bytes = new TextEncoder().encode(JSON.stringify(outcome));
      await use((opened) => opened.commit({ put: [[keyOf(what), bytes]], delete: [] }));
    },
  };
};
