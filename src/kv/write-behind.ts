import type { ErrorCode } from '../errors.js';
import type { Store, StoreBatch } from '../stores/store.js';

/**
 * `full`: the device has no room; records are dropped until something is deleted. `unavailable`: the store refuses;
 * records are dropped until a commit succeeds. What was stored stays, and work goes on in memory.
 */
export type StorageState = 'ok' | 'full' | 'unavailable';

export type StoreEntry = readonly [key: string, bytes: Uint8Array];

/** Writes to a store in the background, in order, in batches, and remembers whether the store still takes them. */
export interface WriteBehind {
  readonly state: StorageState;
  readonly batchBytes: number;
  /** Bytes that may still be queued before `put` waits. */
  readonly room: number;
  /**
   * Queue records, all or none of which count: `stored` is called once all are. Resolves when the queue has room
   * again. While the state is not `ok` they are dropped.
   */
  put(entries: readonly StoreEntry[], stored: () => void): Promise<void>;
  /** One transaction after everything that is queued. Rejects as the store does. */
  commit(batch: StoreBatch): Promise<void>;
  /** Storage failed elsewhere, in a read. Rethrows what is not a failure of storage. */
  failed(error: unknown): void;
  /** Room was made: a full device is worth another try. */
  freed(): void;
  /** Whether a record is queued or under way. */
  holds(key: string): boolean;
  /** Resolves when nothing is queued or under way. */
  drained(): Promise<void>;
}

export interface WriteBehindOptions {
  /** Bytes after which a transaction is closed. Default 4 MB. */
  readonly batchBytes?: number;
  /** Bytes that may wait before `put` does. Default 32 MB. */
  readonly queueBytes?: number;
  /** Called when the state changes, with what caused it. */
  readonly onState?: (state: StorageState, cause?: unknown) => void;
}

const MB = 1024 * 1024;

const stateAfter = (error: unknown): StorageState | undefined => {
  const code = (error as { code?: ErrorCode } | null)?.code;
  return code === 'storage/quota' ? 'full' : code === 'storage/unavailable' ? 'unavailable' : undefined;
};

/** A store that has no room or refuses: nothing that ends the work. */
export const isStorageError = (error: unknown): boolean => stateAfter(error) !== undefined;

const byteSum = (entries: readonly StoreEntry[]): number =>
  entries.reduce((sum, [, bytes]) => sum + bytes.length, 0);

/** Entries in order, cut so that every batch but the last just reaches `batchBytes`. At least one batch. */
export const batchesOf = (entries: readonly StoreEntry[], batchBytes: number): StoreEntry[][] => {
  const batches: StoreEntry[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    if (bytes >= batchBytes) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)!.push(entry);
    bytes += entry[1].length;
  }
  return batches;
};

export const createWriteBehind = (store: Store, options: WriteBehindOptions = {}): WriteBehind => {
  const { batchBytes = 4 * MB, queueBytes = 32 * MB, onState } = options;
  let state: StorageState = 'ok';
  let queue: StoreEntry[] = [];
  /** What to call once an entry is stored. */
  const after = new WeakMap<StoreEntry, () => void>();
  /** Bytes queued or under way, and keys. */
  let pending = 0;
  const held = new Set<string>();
  let running: Promise<void> | undefined;
  const progress: (() => void)[] = [];

  const become = (next: StorageState, cause?: unknown): void => {
    if (next === state) return;
    state = next;
    onState?.(state, cause);
  };

  const letGo = (entries: readonly StoreEntry[]): void => {
    pending -= byteSum(entries);
    for (const [key] of entries) held.delete(key);
  };

  const run = async (): Promise<void> => {
    while (queue.length > 0) {
      const [batch = []] = batchesOf(queue, batchBytes);
      queue = queue.slice(batch.length);
      try {
        await store.commit({ put: batch, delete: [] });
        for (const entry of batch) after.get(entry)?.();
      } catch (error) {
        // Nobody awaits this write: an unknown failure also ends writing, and `onState` shows it.
        letGo(queue);
        queue = [];
        become(stateAfter(error) ?? 'unavailable', error);
      }
      letGo(batch);
      for (const resolve of progress.splice(0)) resolve();
    }
    running = undefined;
  };

  const drained = async (): Promise<void> => {
    while (running) await running;
  };

  const failed = (error: unknown): void => {
    const next = stateAfter(error);
    if (!next) throw error;
    become(next, error);
  };

  return {
    get state() {
      return state;
    },
    batchBytes,
    get room() {
      return queueBytes - pending;
    },
    failed,
    holds: (key) => held.has(key),
    freed() {
      if (state === 'full') become('ok');
    },
    drained,
    async put(entries, stored) {
      if (state !== 'ok' || entries.length === 0) return;
      pending += byteSum(entries);
      queue.push(...entries);
      for (const [key] of entries) held.add(key);
      after.set(entries.at(-1)!, stored);
      running ??= run();
      while (pending > queueBytes) await new Promise<void>((resolve) => progress.push(resolve));
    },
    async commit(batch) {
      await drained();
      await store.commit(batch).catch((error) => {
        failed(error);
        throw error;
      });
      // A small batch may fit on a full device and prove nothing: only freed room ends that state.
      if (state === 'unavailable') become('ok');
    },
  };
};
