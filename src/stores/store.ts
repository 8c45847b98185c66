/** One atomic change: all of it is there after a crash, or none. Deletions happen first, then the puts. */
export interface StoreBatch {
  /** The store copies the bytes; they must not change until the commit has settled. */
  readonly put: readonly (readonly [key: string, bytes: Uint8Array])[];
  readonly delete: readonly string[];
}

/** Opaque bytes under string keys, changed in atomic batches. Does not know what a page is. */
export interface Store {
  readonly name: 'memory' | 'idb' | 'opfs';
  /** Nobody can read what is stored here without a key. */
  readonly encrypted?: true;
  /** A copy, which belongs to the caller. `undefined` where nothing is stored, or nothing that can be read. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** As `get`, in the order asked. One transaction. */
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /**
   * As `getMany`, but what is there is handed over value by value, with its place in `keys`, in any order, perhaps twice, and
   * only for the length of that call: its memory is used again. Nothing is once this has settled. For those who copy it anyway.
   */
  lend?(keys: readonly string[], use: (bytes: Uint8Array, n: number) => void): Promise<void>;
  /**
   * All or nothing; resolves when the transaction is complete. Rejects with `storage/quota` when the device is full
   * and `storage/unavailable` when it refuses; what was stored before stays as it was.
   */
  commit(batch: StoreBatch): Promise<void>;
  /** Keys with this prefix, ascending by UTF-16 code unit. */
  list(prefix: string): Promise<string[]>;
  /** Bytes stored under keys with this prefix. Reads no values. */
  size(prefix: string): Promise<number>;
  /**
   * Take `name` for oneself among all who can reach what is stored here, other tabs included. Resolves to the function
   * that lets go of it, or, unless it is to wait, to `undefined` at once when somebody else has it. A dead tab lets go
   * by itself.
   */
  readonly lock: Lock;
  /** Every later call rejects with `engine/closed`. What is stored stays, except in memory. */
  close(): Promise<void>;
}

export type Lock = (name: string, how?: LockOptions) => Promise<(() => void) | undefined>;

export interface LockOptions {
  /** Wait until it is free, in the order of asking. Default false. */
  readonly wait?: boolean;
  /** Whoever holds it commits what others must not see come later. Default false. */
  readonly writes?: boolean;
  /** Ends the wait; the call then rejects with the signal's reason, an `AbortError` by default. */
  readonly signal?: AbortSignal | undefined;
}

/** How a store is opened. */
export interface StoreOptions {
  /** Name of the database, for a store that has one. Default `longhand`. */
  readonly database?: string;
  /**
   * `relaxed` (default): a commit is complete when the operating system has it; a power cut may lose the last ones,
   * whole. `strict`: complete when it is on the disk; slower.
   */
  readonly durability?: 'relaxed' | 'strict';
  /**
   * A key for HKDF that may derive others: everything is encrypted, in a database of its own beside the plain one. Default:
   * nothing is.
   */
  readonly encryption?: CryptoKey;
}
