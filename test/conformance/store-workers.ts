import { type Remote, wrap } from 'comlink';
import { carryErrors } from '../../src/engine/wire.js';
import { throwIfAborted } from '../../src/errors.js';
import type { Store, StoreOptions } from '../../src/stores/index.js';
import type { StoreServer } from './store-worker.js';

export interface StoreWorker {
  readonly server: Remote<StoreServer>;
  open(database: string, options?: StoreOptions): Promise<Store>;
  terminate(): void;
}

type RemoteLock = (name: string, how: { wait: boolean; call: number }) => ReturnType<Store['lock']>;
let calls = 0;

/** A worker that opens `opfs` stores for a page. */
export const startStoreWorker = (): StoreWorker => {
  carryErrors();
  const worker = new Worker(new URL('./store-worker.ts', import.meta.url), { type: 'module' });
  const server = wrap<StoreServer>(worker);
  return {
    server,
    terminate: () => worker.terminate(),
    open: async (database, options = {}) => {
      const remote = (await server.open('opfs', { ...options, database })) as unknown as Remote<Store>;
      return {
        name: 'opfs',
        get: (key) => remote.get(key),
        getMany: (keys) => remote.getMany(keys),
        commit: (batch) => remote.commit(batch),
        list: (prefix) => remote.list(prefix),
        size: (prefix) => remote.size(prefix),
        async lock(name, { wait = false, signal } = {}) {
          throwIfAborted(signal);
          const call = ++calls;
          signal?.addEventListener('abort', () => void server.abort(call));
          return (remote.lock as unknown as RemoteLock)(name, { wait, call });
        },
        close: () => remote.close(),
      };
    },
  };
};
