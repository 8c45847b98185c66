import type { Store, StoreBatch } from '../stores/store.js';
import { digest, hex } from './digest.js';
import { decodeKeyList, encodeKeyList, type KeyEntry, NO_SCOPE } from './key-list.js';
import { SESSIONS } from './session-keys.js';
import { HEADS, segmentOf } from './stored-run.js';
import type { StoreEntry } from './write-behind.js';

/**
 * Which text was used after which: what eviction goes by. The order is a counter in the store, never the device's clock,
 * which may jump. A text's use names all its runs and lies under the key of the last, so that texts with a common
 * beginning have one each, and one that grows replaces its own. A session's use stands for its private pages.
 */
export const USES = 'use/';
export const TEXT_USES = 'use/text/';
export const SESSION_USES = 'use/session/';
export const COUNTER = 'use/counter';

/** `session/<id>` is the key of its manifest. */
export const sessionUse = (manifest: string): string => SESSION_USES + manifest.slice(SESSIONS.length);

/** Names what keys were made with, in as many digits as a key. */
export const scopeKey = (scope: string): string => hex(digest(new TextEncoder().encode(scope)));

/** The runs of one context's text, as far as they are stored or about to be. */
export interface UsedText {
  readonly scope: string;
  readonly entries: KeyEntry[];
  /** Key of the run under which its use is stored. */
  usedAt?: string | undefined;
}

export interface Uses {
  /** A run of `text` is about to be stored: its use goes with its head. */
  expect(text: UsedText, index: number): void;
  /** What else belongs into a transaction that stores heads or sessions. */
  beside(batch: StoreBatch): Promise<StoreBatch>;
  /** A transaction to say that a text, or the session of a manifest, is used now. */
  touch(what: UsedText | string): Promise<StoreBatch>;
}

export const createUses = (store: Store, made: readonly StoreEntry[]): Uses => {
  const expected = new Map<string, { readonly text: UsedText; readonly index: number }>();
  let last = 0;

  /** Counts across all tabs; two at the same moment may get the same number, which does no harm. */
  const next = async (): Promise<number> => {
    const counted = decodeKeyList(await store.get(COUNTER))?.order;
    if (counted === undefined && last === 0) {
      // Lost or damaged: go on behind the last use there is.
      const uses = await store.getMany(await store.list(USES));
      last = Math.max(0, ...uses.map((bytes) => decodeKeyList(bytes)?.order ?? 0));
    }
    last = Math.max(last, counted ?? 0) + 1;
    return last;
  };
  const counter = (order: number): StoreEntry => [
    COUNTER,
    encodeKeyList({ order, scope: NO_SCOPE, entries: [] }),
  ];

  /** The use of the first `count` runs of a text, and the one that it replaces. */
  const textUse = (text: UsedText, count: number, order: number): StoreBatch => {
    const { scope, usedAt } = text;
    const entries = text.entries.slice(0, count);
    const at = entries.at(-1)!.key;
    text.usedAt = at;
    return {
      put: [[TEXT_USES + at, encodeKeyList({ order, scope, entries })], ...made],
      delete: usedAt !== undefined && usedAt !== at ? [TEXT_USES + usedAt] : [],
    };
  };
  const ofSession = (manifest: string, order: number): StoreEntry => [
    sessionUse(manifest),
    encodeKeyList({ order, scope: NO_SCOPE, entries: [] }),
  ];

  return {
    expect: (text, index) => void expected.set(HEADS + text.entries[index]!.key, { text, index }),

    async beside(batch) {
      const counts = new Map<UsedText, number>();
      for (const [key] of batch.put) {
        const found = expected.get(key);
        if (!found) continue;
        expected.delete(key);
        counts.set(found.text, Math.max(counts.get(found.text) ?? 0, found.index + 1));
      }
      const sessions = batch.put.map(([key]) => key).filter((key) => key.startsWith(SESSIONS));
      const ended = batch.delete.filter((key) => key.startsWith(SESSIONS) && !sessions.includes(key));
      // Deletions alone stay that: a full device takes nothing else.
      const gone = [...batch.delete, ...ended.map(sessionUse)];
      if (counts.size === 0 && sessions.length === 0) return { put: batch.put, delete: gone };
      const order = await next();
      const texts = [...counts].map(([text, count]) => textUse(text, count, order));
      return {
        put: [
          ...batch.put,
          ...texts.flatMap(({ put }) => put),
          ...sessions.map((key) => ofSession(key, order)),
          counter(order),
        ],
        delete: [...gone, ...texts.flatMap((one) => one.delete)],
      };
    },

    async touch(what) {
      // Neither a text of which nothing is stored nor a session that is not there yet leaves a trace.
      const isThere =
        typeof what === 'string' ? (await store.list(what)).includes(what) : what.entries.length > 0;
      if (!isThere) return { put: [], delete: [] };
      const order = await next();
      if (typeof what === 'string') return { put: [ofSession(what, order), counter(order)], delete: [] };
      const use = textUse(what, what.entries.length, order);
      return { ...use, put: [...use.put, counter(order)] };
    },
  };
};

/** Everything that says when it was used, by key of the run or manifest it lies under. */
export const readUses = async (store: Store) => {
  const keys = await store.list(USES);
  const stored = await store.getMany(keys);
  const texts = new Map<string, { order: number; scope: string; entries: readonly KeyEntry[] }>();
  const sessions = new Map<string, number>();
  for (const [n, key] of keys.entries()) {
    const list = decodeKeyList(stored[n]);
    if (!list) continue;
    if (key.startsWith(SESSION_USES)) sessions.set(SESSIONS + key.slice(SESSION_USES.length), list.order);
    else if (key.startsWith(TEXT_USES)) texts.set(segmentOf(key.slice(USES.length)), list);
  }
  return { texts, sessions };
};
