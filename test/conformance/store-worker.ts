import { expose, proxy } from 'comlink';
import { carryErrors } from '../../src/engine/wire.js';
import { digest, hex } from '../../src/kv/digest.js';
import { openStore, type Store, type StoreName, type StoreOptions } from '../../src/stores/index.js';

/** Stores in a worker, for those that need one. The page cannot tell them from its own. */
export interface StoreServer {
  open(name: StoreName, options: StoreOptions): Promise<Store>;
  /** Ends the wait for a lock. */
  abort(call: number): void;
  /** Names of the files of an `opfs` store. */
  files(database: string): Promise<string[]>;
  fileBytes(database: string): Promise<number>;
  /** A file that a writer left which is no more, or one that lives. */
  leaveFile(database: string, name: string): Promise<void>;
  removeFile(database: string, name: string): Promise<void>;
  /** What an `opfs` store lends, by place, as digests, to two calls at once, and in how many pieces of memory. */
  lent(
    database: string,
    keys: readonly string[],
  ): Promise<{ readonly digests: (string | undefined)[][]; readonly buffers: number }>;
  /** Whether this platform has handles that several may read through at once. */
  sharesHandles(): boolean;
  /** Lets the platform know no modes of handles, as in Firefox, for stores opened by this worker. */
  forgetModes(): void;
  /** From now on this worker's storage is a part of the origin's with a quota. False where there is no such thing. */
  confine(quota: number): Promise<boolean>;
}

/** A part of the origin's storage with a quota of its own; only Chromium has them. */
interface Buckets {
  open(
    name: string,
    options: { quota: number },
  ): Promise<{ readonly indexedDB: IDBFactory; getDirectory(): Promise<FileSystemDirectoryHandle> }>;
  delete(name: string): Promise<void>;
}

const folderOf = async (database: string) => {
  const all = await (await navigator.storage.getDirectory()).getDirectoryHandle('longhand-kv');
  return all.getDirectoryHandle(`=${encodeURIComponent(database)}`);
};

/** Waits for locks, which a signal in the page may end; its message comes by another port, and may come first. */
const calls = new Map<number, AbortController>();
const controllerOf = (call: number): AbortController => {
  const controller = calls.get(call) ?? new AbortController();
  calls.set(call, controller);
  return controller;
};

const server: StoreServer = {
  abort: (call) => controllerOf(call).abort(),
  async open(name, options) {
    const store = await openStore(name, options);
    const served = {
      ...store,
      lock: async (what: string, { wait, call = 0 }: { wait?: boolean; call?: number } = {}) => {
        const { signal } = controllerOf(call);
        const release = await store.lock(what, { wait: wait ?? false, signal });
        return release && proxy(release);
      },
    };
    return proxy(served as unknown as Store);
  },
  async files(database) {
    const names: string[] = [];
    const folder = (await folderOf(database)) as unknown as { keys(): AsyncIterable<string> };
    for await (const name of folder.keys()) names.push(name);
    return names;
  },
  async fileBytes(database) {
    const folder = await folderOf(database);
    let sum = 0;
    for (const name of await server.files(database)) {
      sum += (await (await folder.getFileHandle(name)).getFile()).size;
    }
    return sum;
  },
  async leaveFile(database, name) {
    await (await folderOf(database)).getFileHandle(name, { create: true });
  },
  removeFile: async (database, name) => (await folderOf(database)).removeEntry(name),
  async confine(quota) {
    const { storageBuckets } = navigator as unknown as { storageBuckets?: Buckets };
    if (!storageBuckets) return false;
    await storageBuckets.delete('confined').catch(() => undefined);
    const bucket = await storageBuckets.open('confined', { quota });
    Object.defineProperty(globalThis, 'indexedDB', { value: bucket.indexedDB });
    Object.defineProperty(navigator.storage, 'getDirectory', { value: () => bucket.getDirectory() });
    return true;
  },
  async lent(database, keys) {
    const store = await openStore('opfs', { database });
    const buffers = new Set<ArrayBufferLike>();
    const lend = async (): Promise<(string | undefined)[]> => {
      const digests: (string | undefined)[] = keys.map(() => undefined);
      await store.lend!(keys, (bytes, n) => {
        buffers.add(bytes.buffer);
        digests[n] = hex(digest(bytes));
      });
      return digests;
    };
    const digests = await Promise.all([lend(), lend()]);
    await store.close();
    return { digests, buffers: buffers.size };
  },
  sharesHandles() {
    const { FileSystemSyncAccessHandle: handle } = globalThis as unknown as Record<
      string,
      { prototype: object }
    >;
    return 'mode' in handle!.prototype;
  },
  forgetModes() {
    const { prototype } = FileSystemFileHandle as unknown as {
      prototype: { createSyncAccessHandle(options?: unknown): Promise<object> };
    };
    const create = prototype.createSyncAccessHandle;
    prototype.createSyncAccessHandle = async function (this: unknown) {
      const handle = await create.call(this);
      Object.defineProperty(handle, 'mode', { value: undefined });
      return handle;
    };
  },
};

carryErrors();
expose(server);
