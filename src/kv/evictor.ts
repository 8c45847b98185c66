import type { Store } from '../stores/store.js';
import { decodeKeyList, encodeKeyList, type KeyEntry, NO_SCOPE } from './key-list.js';
import { EVICTION, type Leases } from './leases.js';
import { LINKS, linkedBy, runOf, sessionKey, TAILS } from './session-keys.js';
import { HEADS, headKey, PAGES, segmentOf } from './stored-run.js';
import { readUses, TEXT_USES } from './uses.js';

/** Makes room: what was used longest ago goes first, and nothing that is in use anywhere. */
export interface Evictor {
  /**
   * Evict at least so many bytes, if there are so many to evict; resolves to those that were. Whole runs: a text loses its
   * last ones first, so that what is left of it is a beginning.
   */
  evict(bytes: number): Promise<number>;
  /** Evict these runs of one text, the last ones first, up to one that is in use somewhere; resolves to their bytes. */
  forget(segments: readonly string[]): Promise<number>;
  /** Delete records without a head, which crashes left. */
  tidy(): Promise<void>;
}

/** Segment keys from which on texts were evicted, the last ones, for whoever asks why something is not there. */
export const EVICTED = 'evicted';
const MOST_EVICTED = 512;
/** Keys deleted in one transaction. */
const AT_ONCE = 256;

/** What was last used at one place in the order: runs of a text, or a private run and the sessions that name it. */
interface Victim {
  readonly order: number;
  readonly runs?: readonly KeyEntry[];
  readonly scope?: string;
  readonly run?: string;
  readonly sessions?: readonly string[];
}

export const createEvictor = (
  store: Store,
  leases: Leases,
  onEvicted: (segment: string) => void,
): Evictor => {
  const victims = async (): Promise<{ list: Victim[]; later: Map<string, number>; stored: Set<string> }> => {
    const { texts, sessions } = await readUses(store);
    const stored = new Set((await store.list(HEADS)).map(segmentOf));
    /** When each run was last used, by whatever text it is part of. */
    const later = new Map<string, number>();
    for (const { order, entries } of texts.values()) {
      for (const { key } of entries) later.set(key, Math.max(later.get(key) ?? 0, order));
    }
    const list: Victim[] = [...texts.values()].map(({ order, scope, entries }) => ({
      order,
      scope,
      runs: entries,
    }));
    for (const key of stored) {
      if (later.has(key)) continue;
      later.set(key, 0);
      list.push({ order: 0, runs: [{ key, bytes: await store.size(`${PAGES}${key}/`) }] });
    }
    const namedBy = new Map<string, string[]>();
    for (const key of await store.list(LINKS)) {
      namedBy.set(runOf(key), [...(namedBy.get(runOf(key)) ?? []), linkedBy(key)]);
    }
    // Later runs go first; a clone's use is one of its original's runs too.
    for (const [run, names] of [...namedBy].reverse()) {
      const order = Math.max(0, ...names.map((id) => sessions.get(sessionKey(id)) ?? 0));
      list.push({ order, run, sessions: names });
    }
    // Private pages go before the text that they follow.
    const rank = ({ runs }: Victim): number => (runs ? 1 : 0);
    list.sort((a, b) => a.order - b.order || rank(a) - rank(b));
    return { list, later, stored };
  };

  /** Under the locks of all sessions that name a run: whoever has one of them open keeps its pages. */
  const evictRun = async (run: string, sessions: readonly string[]): Promise<number> => {
    const locks: (() => void)[] = [];
    try {
      for (const id of sessions) {
        const unlock = await store.lock(sessionKey(id), { writes: true });
        if (!unlock) return 0;
        locks.push(unlock);
      }
      const prefix = `${TAILS}${run}/`;
      const bytes = await store.size(prefix);
      const keys = await store.list(prefix);
      if (keys.length > 0) await store.commit({ put: [], delete: keys });
      return bytes;
    } finally {
      for (const unlock of locks) unlock();
    }
  };

  /** What is left of a text keeps its place in the order. No room for that costs the order, not the eviction. */
  const keepBooks = async (
    { order, runs = [], scope }: Victim,
    left: number,
    isLast: boolean,
  ): Promise<void> => {
    const known = decodeKeyList(await store.get(EVICTED))?.entries ?? [];
    const first = runs[left]!.key;
    const evicted = [...known.filter(({ key }) => key !== first), { key: first, bytes: 0 }];
    const put: [string, Uint8Array][] = [
      [EVICTED, encodeKeyList({ order: 0, scope: NO_SCOPE, entries: evicted.slice(-MOST_EVICTED) })],
    ];
    if (left > 0 && isLast && scope) {
      put.push([
        TEXT_USES + runs[left - 1]!.key,
        encodeKeyList({ order, scope, entries: runs.slice(0, left) }),
      ]);
    }
    const old = scope ? [TEXT_USES + runs.at(-1)!.key] : [];
    await store.commit({ put, delete: old }).catch((error) => {
      if (error.code !== 'storage/quota') throw error;
    });
  };

  const evict = async (bytes: number): Promise<number> => {
    const used = await leases.inUse();
    const { list, later, stored } = await victims();
    let freed = 0;
    for (const victim of list) {
      if (freed >= bytes) break;
      const { order, runs, run, sessions = [] } = victim;
      if (run !== undefined) freed += await evictRun(run, sessions);
      if (!runs) continue;
      let left = runs.length;
      const mayGo = (): boolean =>
        left > 0 &&
        freed < bytes &&
        !used.has(runs[left - 1]!.key) &&
        later.get(runs[left - 1]!.key) === order;
      while (mayGo()) {
        const gone: string[] = [];
        while (mayGo() && gone.length < AT_ONCE) {
          left--;
          const { key, bytes: size } = runs[left]!;
          if (!stored.delete(key)) continue;
          gone.push(headKey(key), ...(await store.list(`${PAGES}${key}/`)));
          freed += size;
        }
        // Deletions alone: a full device takes nothing else. A head goes in the transaction of its records.
        await store.commit({ put: [], delete: gone });
        for (const { key } of runs.slice(left)) onEvicted(key);
      }
      if (left < runs.length) await keepBooks(victim, left, later.get(runs[left - 1]?.key ?? '') === order);
    }
    return freed;
  };

  const forget = async (segments: readonly string[]): Promise<number> => {
    const [last] = segments.slice(-1);
    if (last === undefined) return 0;
    const [used, { texts }, heads] = [await leases.inUse(), await readUses(store), await store.list(HEADS)];
    const stored = new Set(heads.map(segmentOf));
    const use = texts.get(last);
    const bytes = new Map(use?.entries.map((entry) => [entry.key, entry.bytes]));
    const from = segments.map((key) => used.has(key)).lastIndexOf(true) + 1;
    const gone = segments.slice(from).filter((key) => stored.has(key));
    let freed = 0;
    for (let end = gone.length; end > 0; end -= AT_ONCE) {
      const keys: string[] = [];
      for (const key of gone.slice(Math.max(0, end - AT_ONCE), end)) {
        freed += bytes.get(key) ?? (await store.size(`${PAGES}${key}/`));
        keys.push(headKey(key), ...(await store.list(`${PAGES}${key}/`)));
      }
      await store.commit({ put: [], delete: keys });
    }
    for (const key of gone) onEvicted(key);
    const left = use?.entries.findIndex(({ key }) => gone.includes(key)) ?? -1;
    // What is left of it is used by others, or in use: they say so themselves.
    if (use && left >= 0) await keepBooks({ ...use, runs: use.entries }, left, false);
    return freed;
  };

  const tidy = async (): Promise<void> => {
    const used = await leases.inUse();
    const whole = new Set((await store.list(HEADS)).map(segmentOf));
    const lost = (await store.list(PAGES)).filter(
      (key) => !whole.has(segmentOf(key)) && !used.has(segmentOf(key)),
    );
    for (let at = 0; at < lost.length; at += AT_ONCE) {
      await store.commit({ put: [], delete: lost.slice(at, at + AT_ONCE) });
    }
  };

  const alone = async <T>(work: () => Promise<T>): Promise<T> => {
    const unlock = await store.lock(EVICTION, { wait: true });
    return work().finally(unlock);
  };

  return {
    evict: (bytes) => alone(() => evict(bytes)),
    forget: (segments) => alone(() => forget(segments)),
    tidy: () => alone(tidy),
  };
};
