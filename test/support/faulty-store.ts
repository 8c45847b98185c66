import { LonghandError } from '../../src/errors.js';
import type { Store } from '../../src/stores/store.js';

export interface Fault {
  /** The commit that fails, counted from 1; `Infinity`: none does. */
  readonly commit: number;
  /**
   * `full` and `refused`: that commit and all later ones. `dead`: every call from then on, as when a tab is killed.
   * `late`: dead as well, but the commit itself still arrived. `stuck`: that commit and all later ones never settle.
   */
  readonly how: 'full' | 'refused' | 'dead' | 'late' | 'stuck';
  /** Whether only that one commit fails, and what comes after it does not. Default false. */
  readonly once?: boolean;
  /** The read (of values, keys or sizes) that is refused, or that never settles where commits do not, counted from 1. Default: none. */
  readonly read?: number;
}

export interface FaultyStore extends Store {
  /** Commits asked for so far. */
  readonly commits: number;
  /** Reads asked for so far. */
  readonly reads: number;
  /** Largest number of bytes in one commit. */
  readonly largest: number;
  /** Let go of all locks, as the platform does for a tab that is gone. */
  abandon(): void;
}

const failure = (how: Fault['how']): LonghandError =>
  how === 'full'
    ? new LonghandError('storage/quota', 'No room.', { asked: 0 })
    : new LonghandError('storage/unavailable', 'Refused.');

/** A store over another one that fails where it is told to. What is under it outlives it. */
export const faultyStore = (inner: Store, fault: Fault): FaultyStore => {
  let commits = 0;
  let reads = 0;
  let largest = 0;
  let dead = false;
  const locks = new Set<() => void>();

  const alive = async <T>(call: () => Promise<T>): Promise<T> => {
    if (dead) throw failure('dead');
    return call();
  };

  const reading = <T>(call: () => Promise<T>): Promise<T> =>
    alive(async () => {
      if (++reads === fault.read) {
        if (fault.how === 'stuck') return new Promise(() => undefined);
        throw failure('refused');
      }
      return call();
    });

  return {
    ...inner,
    get commits() {
      return commits;
    },
    get reads() {
      return reads;
    },
    get largest() {
      return largest;
    },
    get: (key) => reading(() => inner.get(key)),
    getMany: (keys) => reading(() => inner.getMany(keys)),
    list: (prefix) => reading(() => inner.list(prefix)),
    size: (prefix) => reading(() => inner.size(prefix)),
    async lock(name, how) {
      const unlock = await inner.lock(name, how);
      if (unlock) locks.add(unlock);
      return unlock;
    },
    abandon() {
      for (const unlock of locks) unlock();
    },
    commit: (batch) =>
      alive(async () => {
        commits++;
        largest = Math.max(
          largest,
          batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0),
        );
        if (commits < fault.commit || (fault.once && commits > fault.commit)) return inner.commit(batch);
        if (fault.how === 'stuck') return new Promise(() => undefined);
        dead = fault.how === 'dead' || fault.how === 'late';
        if (fault.how === 'late') await inner.commit(batch);
        // A full device still takes deletions.
        if (fault.how === 'full' && batch.put.length === 0) return inner.commit(batch);
        throw failure(fault.how);
      }),
  };
};
