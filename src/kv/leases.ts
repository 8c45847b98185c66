import type { Store } from '../stores/store.js';
import { hex } from './digest.js';
import { decodeKeyList, encodeKeyList, NO_SCOPE } from './key-list.js';

/** Held while something is evicted, and while a lease is written: so neither misses the other. */
export const EVICTION = 'eviction';
export const LEASES = 'lease/';

/**
 * What the open contexts of one archive use, told to other tabs: a record that names the runs, under a lock that a dead
 * tab lets go of by itself.
 */
export interface Leases {
  /** Nobody may evict these runs until `owner` lets go; resolves when that is so. The last key implies those before. */
  hold(owner: object, keys: readonly string[], signal?: AbortSignal): Promise<void>;
  release(owner: object): Promise<void>;
  /** Keys that are in use anywhere; deletes what dead tabs left. For whoever holds the lock EVICTION. */
  inUse(): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

export const createLeases = (store: Store): Leases => {
  const held = new Map<object, readonly string[]>();
  /** What our record names. */
  let told = new Set<string>();
  const name = LEASES + hex(crypto.getRandomValues(new Uint32Array(4)));
  let unlock: (() => void) | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  /** One write after another: each names what is held when it is made. */
  const tell = async (): Promise<void> => {
    const keys = new Set([...held.values()].flat());
    const entries = [...keys].map((key) => ({ key, bytes: 0 }));
    const bytes = encodeKeyList({ order: 0, scope: NO_SCOPE, entries });
    await store.commit({ put: [[name, bytes]], delete: [] });
    told = keys;
  };
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const done = turn.then(step);
    turn = done.catch(() => undefined);
    return done;
  };

  return {
    async hold(owner, keys, signal) {
      held.set(owner, keys);
      const last = keys.at(-1);
      if (last === undefined || told.has(last)) return;
      await inTurn(async () => {
        unlock ??= await store.lock(name);
        const free = await store.lock(EVICTION, { wait: true, signal });
        await tell().finally(free);
      });
    },
    async release(owner) {
      if (!held.delete(owner) || !unlock) return;
      await inTurn(tell);
    },
    async inUse() {
      const used = new Set([...held.values()].flat());
      for (const key of await store.list(LEASES)) {
        if (key === name) continue;
        const dead = await store.lock(key);
        if (dead) await store.commit({ put: [], delete: [key] }).finally(dead);
        else for (const one of decodeKeyList(await store.get(key))?.entries ?? []) used.add(one.key);
      }
      return used;
    },
    async close() {
      held.clear();
      await turn;
      if (!unlock) return;
      await store.commit({ put: [], delete: [name] }).finally(unlock);
      unlock = undefined;
      told = new Set();
    },
  };
};
