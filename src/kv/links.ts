import type { Store } from '../stores/store.js';
import { LINKS, linkedBy, linkPrefix, originOf, runOf, TAILS, tailPrefix } from './session-keys.js';
import type { WriteBehind } from './write-behind.js';

/**
 * Who names which private run. A link is written and deleted in the transaction of the manifest that names the run, so
 * a run without links is named by nobody: it is being written, or it may go.
 */
export interface Links {
  /** Holds off all pruning, here and in other tabs; the result lets go. A run that is linked then stays. */
  hold(signal?: AbortSignal): Promise<() => void>;
  /** All runs that a session links, found without its manifest. */
  of(id: string): Promise<string[]>;
  /** By run: how many sessions link it. */
  count(): Promise<ReadonlyMap<string, number>>;
  /**
   * Delete those of `runs` that nobody links. Whoever calls it knows that none of them is being written. Storage that
   * fails leaves them to whoever opens the store next.
   */
  prune(runs: Iterable<string>): Promise<void>;
}

const NO_BYTES = new Uint8Array(0);

/** The value of a link: its key says it all. */
export const linkEntry = (key: string): readonly [string, Uint8Array] => [key, NO_BYTES];

export const createLinks = (store: Store, writer: WriteBehind): Links => {
  const hold = async (signal?: AbortSignal): Promise<() => void> =>
    (await store.lock('links', { wait: true, signal }))!;

  const pruneOf = async (origin: string, runs: ReadonlySet<string>): Promise<void> => {
    const linked = new Set((await store.list(linkPrefix(origin))).map(runOf));
    const stale = (await store.list(tailPrefix(origin))).filter((key) => {
      const run = runOf(key);
      return runs.has(run) && !linked.has(run);
    });
    if (stale.length > 0) await writer.commit({ put: [], delete: stale });
  };

  return {
    hold,
    async of(id) {
      return (await store.list(LINKS)).filter((key) => linkedBy(key) === id).map(runOf);
    },
    async count() {
      const counts = new Map<string, number>();
      for (const key of await store.list(LINKS)) counts.set(runOf(key), (counts.get(runOf(key)) ?? 0) + 1);
      return counts;
    },
    async prune(runs) {
      const byOrigin = new Map<string, Set<string>>();
      for (const run of runs) {
        const origin = originOf(run);
        byOrigin.set(origin, (byOrigin.get(origin) ?? new Set()).add(run));
      }
      if (byOrigin.size === 0) return;
      // What is queued is written before others are kept waiting.
      await writer.drained();
      const release = await hold();
      try {
        for (const [origin, some] of byOrigin) await pruneOf(origin, some);
      } catch (error) {
        writer.failed(error);
      } finally {
        release();
      }
    },
  };
};

/** Runs with bytes in the store, of one session or of all. */
export const storedRuns = async (store: Store, origin?: string): Promise<Set<string>> =>
  new Set((await store.list(origin === undefined ? TAILS : tailPrefix(origin))).map(runOf));
