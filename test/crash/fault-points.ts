/**
 * Named moments at which a visit can be made to stop, so that it is killed exactly there. In the bundle of the crash
 * tests this file's `openStore` stands in for that of src/stores/index.ts; nothing of it is in what users get.
 */
import { digest, hex } from '../../src/kv/digest.js';
import { EVICTED } from '../../src/kv/evictor.js';
import { EVICTION, LEASES } from '../../src/kv/leases.js';
import { openStore as open, type Store, type StoreBatch } from '../../src/stores/index.js';

export * from '../../src/stores/index.js';

export interface Commit {
  readonly put: readonly (readonly [key: string, digest: string])[];
  readonly delete: readonly string[];
}

/** Who is told what happens. */
export interface Watcher {
  /** Whether to stop here for ever. */
  reaches(point: string): boolean;
  /** Resolves when whoever kills has heard of it, if that matters. */
  asks(commit: Commit, call: number): Promise<void>;
  committed(call: number): void;
}

let watcher: Watcher = { reaches: () => false, asks: async () => undefined, committed: () => undefined };
export const watch = (by: Watcher): void => {
  watcher = by;
};

const pass = (point: string): Promise<void> =>
  watcher.reaches(point) ? new Promise(() => undefined) : Promise.resolve();
/** For calls that cannot wait. */
const passNow = (point: string): void => {
  if (watcher.reaches(point)) for (;;);
};

/** What a commit is about, by its keys. */
const aboutOf = ({ put, delete: deleted }: StoreBatch, evicting: boolean): string => {
  const has = (prefix: string): boolean => put.some(([key]) => key.startsWith(prefix));
  if (has('session/')) return 'a manifest';
  if (has('head/')) return 'heads';
  if (has('pages/')) return 'pages without their head';
  if (has('tail/')) return 'a part of a tail';
  if (has(LEASES)) return 'a lease';
  if (has(EVICTED)) return 'the books of an eviction';
  if (put.length > 0) return 'marks of use';
  if (deleted.some((key) => key.startsWith('head/'))) return 'the eviction of a text';
  if (evicting && deleted.some((key) => key.startsWith('tail/'))) return 'the eviction of private runs';
  return deleted.some((key) => key.startsWith('session/'))
    ? 'a deletion of a session'
    : 'the pruning of runs';
};

let calls = 0;

export const openStore: typeof open = async (name, options) => {
  const store = await open(name, options);
  let evicting = 0;
  const watched: Store = {
    ...store,
    async lock(key, how) {
      const release = await store.lock(key, how);
      if (!release || key !== EVICTION) return release;
      evicting++;
      return () => {
        evicting--;
        release();
      };
    },
    async getMany(keys) {
      await pass(`before reading ${keys[0]?.split('/')[0] ?? 'nothing'}`);
      return store.getMany(keys);
    },
    async commit(batch) {
      const call = ++calls;
      const about = aboutOf(batch, evicting > 0);
      const put = batch.put.map(([key, bytes]) => [key, hex(digest(bytes))] as const);
      await watcher.asks({ put, delete: batch.delete }, call);
      await pass(`before ${about}`);
      await store.commit(batch);
      watcher.committed(call);
      await pass(`after ${about}`);
    },
  };
  return watched;
};

type AnyMethod = (...args: unknown[]) => unknown;

/** Puts a moment before or after a method of the platform. */
const around = (
  owner: { readonly prototype: object } | undefined,
  method: string,
  change: (call: AnyMethod) => AnyMethod,
): void => {
  if (!owner) return;
  const methods = owner.prototype as Record<string, AnyMethod>;
  const original = methods[method]!;
  methods[method] = function (this: unknown, ...args: unknown[]) {
    return change((...passed) => original.apply(this, passed))(...args);
  };
};

/** Moments inside the stores themselves, in the platform's calls. */
export const watchPlatform = (): void => {
  const { FileSystemSyncAccessHandle, FileSystemFileHandle, FileSystemDirectoryHandle } =
    globalThis as unknown as Record<string, { prototype: object } | undefined>;
  around(FileSystemFileHandle, 'createSyncAccessHandle', (create) => async (...args) => {
    const handle = await create(...args);
    if ((args[0] as { mode?: string } | undefined)?.mode === undefined) await pass('file: created');
    return handle;
  });
  around(FileSystemSyncAccessHandle, 'write', (write) => (...args) => {
    const written = write(...args);
    passNow('file: a value written');
    return written;
  });
  around(FileSystemSyncAccessHandle, 'flush', (flush) => (...args) => {
    passNow('file: before flushing');
    flush(...args);
    passNow('file: flushed');
  });
  around(FileSystemDirectoryHandle, 'removeEntry', (remove) => async (...args) => {
    await pass('file: before its removal');
    await remove(...args);
    await pass('file: removed');
  });
  around(IDBDatabase, 'transaction', (begin) => (...args) => {
    if (args[1] === 'readwrite') passNow('transaction: before');
    return begin(...args);
  });
  around(IDBObjectStore, 'put', (put) => (...args) => {
    const request = put(...args);
    passNow('transaction: half asked for');
    return request;
  });
};
