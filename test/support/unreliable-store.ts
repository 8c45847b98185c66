import { LonghandError } from '../../src/errors.js';
import type { Store, StoreBatch } from '../../src/stores/store.js';
import { random } from './random.js';

/** What goes wrong by chance, each a share of calls or values from 0 to 1; the same for the same seed. */
export interface Chances {
  readonly seed: number;
  /** Calls that take a while, so that others overtake them where they may. */
  readonly slow?: number;
  /** Reads that the store refuses. */
  readonly refuse?: number;
  /** Commits that the device has no room for. */
  readonly full?: number;
  /** Values that are read as if they had never been stored. */
  readonly lose?: number;
  /** Values of which one byte is read as another one. */
  readonly damage?: number;
  /** Keys whose values may be lost or damaged. Default: all. */
  readonly keys?: RegExp;
}

export interface UnreliableStore extends Store {
  /** How often something went wrong. */
  readonly faults: number;
}

/** A store over another one, on a device that fails by chance. What is under it stays as it was stored. */
export const unreliableStore = (inner: Store, chances: Chances): UnreliableStore => {
  const { seed, slow = 0, refuse = 0, full = 0, lose = 0, damage = 0, keys = /^/ } = chances;
  const { next, below } = random(seed);
  let faults = 0;
  const happens = (chance: number): boolean => {
    // Drawn always, so that one chance does not shift the others.
    const isDrawn = next() < chance;
    if (isDrawn) faults++;
    return isDrawn;
  };
  const pause = async (): Promise<void> => {
    if (next() < slow) await new Promise((resolve) => setTimeout(resolve, below(4)));
  };
  const changed = (key: string, bytes: Uint8Array | undefined): Uint8Array | undefined => {
    if (!bytes || !keys.test(key)) return bytes;
    if (happens(lose)) return undefined;
    if (bytes.length > 0 && happens(damage)) bytes[below(bytes.length)]! ^= 1 + below(255);
    return bytes;
  };
  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    await pause();
    if (happens(refuse)) throw new LonghandError('storage/unavailable', 'Refused, by chance.');
    return read();
  };
  const getMany = (wanted: readonly string[]): Promise<(Uint8Array | undefined)[]> =>
    reading(async () => (await inner.getMany(wanted)).map((bytes, n) => changed(wanted[n]!, bytes)));

  return {
    ...inner,
    get faults() {
      return faults;
    },
    get: async (key) => (await getMany([key]))[0],
    getMany,
    list: (prefix) => reading(() => inner.list(prefix)),
    size: (prefix) => reading(() => inner.size(prefix)),
    async commit(batch: StoreBatch) {
      await pause();
      if (batch.put.length > 0 && happens(full))
        throw new LonghandError('storage/quota', 'No room, by chance.', { asked: 0 });
      await inner.commit(batch);
    },
  };
};
