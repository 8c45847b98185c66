/** One atomic change: all of it is there after a crash, or none. */
export interface StoreBatch {
  readonly put: readonly (readonly [key: string, bytes: Uint8Array])[];
  readonly delete: readonly string[];
}

/** Opaque bytes under string keys, changed in atomic batches. Does not know what a page is. */
export interface Store {
  readonly name: 'memory' | 'idb';
  get(key: string): Promise<Uint8Array | undefined>;
  /** In the order asked; `undefined` where nothing is stored. One transaction. */
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /**
   * All or nothing. Rejects with `storage/quota` when the device is full and `storage/unavailable` when it refuses;
   * what was stored before stays as it was.
   */
  commit(batch: StoreBatch): Promise<void>;
  /** Keys with this prefix, ascending. */
  list(prefix: string): Promise<string[]>;
  /** Bytes stored under keys with this prefix. */
  size(prefix: string): Promise<number>;
  close(): Promise<void>;
}
