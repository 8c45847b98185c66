import { NUMERICS } from '../backends/wasm/numerics.js';
import type { Speed } from '../backends/webgpu/trial.js';
import { openStore } from '../stores/index.js';
import type { checkEngineOptions } from './options.js';

/** What a GPU and the CPU took in a trial. */
export interface Speeds {
  readonly gpu: Speed;
  readonly cpu: Speed;
}

/** Beside what is read: a few bytes for every GPU and shape of model. */
const SPEEDS = 'speeds/';

/** Where the outcome of a trial of `what` is kept between visits. A store that refuses keeps nothing: it is tried again. */
export const keptSpeeds = async (
  { store, database, durability }: ReturnType<typeof checkEngineOptions>,
  what: unknown,
): Promise<{ get(): Promise<Speeds | undefined>; put(speeds: Speeds): Promise<void> }> => {
  const key = SPEEDS + JSON.stringify([NUMERICS, what]);
  const use = async <T>(work: (store: Awaited<ReturnType<typeof openStore>>) => Promise<T>) => {
    if (store === 'none' || store === 'memory') return undefined;
    try {
      const opened = await openStore(store, { database, durability });
      return await work(opened).finally(() => opened.close());
    } catch {
      return undefined;
    }
  };
  return {
    get: () =>
      use(async (opened) => {
        const bytes = await opened.get(key);
        return bytes && (JSON.parse(new TextDecoder().decode(bytes)) as Speeds);
      }),
    put: async (speeds) => {
      const bytes = new TextEncoder().encode(JSON.stringify(speeds));
      await use((opened) => opened.commit({ put: [[key, bytes]], delete: [] }));
    },
  };
};
