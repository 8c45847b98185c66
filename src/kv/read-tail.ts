import type { Store } from '../stores/store.js';
import type { Manifest } from './manifest.js';
import { decodeHead, isHeadOf, type RunHead } from './records.js';
import { runKey, runKeys } from './session-keys.js';
import type { StoredRun } from './stored-run.js';

/** The private runs at the start of a session's tail whose heads are whole. */
export interface StoredTail {
  readonly runs: readonly { readonly run: StoredRun; readonly head: RunHead }[];
  /** Why it stopped. `end`: all are there. `fingerprint`: the tail was made with something else. */
  readonly reason: 'end' | 'missing' | 'damaged' | 'tokens' | 'fingerprint' | 'unavailable';
}

/** Heads read at once. */
const AT_ONCE = 16;

/** Reads the heads of a tail, and nothing else. Rejects as the store does. */
export const readTail = async (
  { tail, tokens, fingerprint }: Manifest,
  store: Store,
  made: { readonly fingerprint: string; readonly groups: number },
): Promise<StoredTail> => {
  const runs: { run: StoredRun; head: RunHead }[] = [];
  if (fingerprint !== made.fingerprint) return { runs, reason: 'fingerprint' };
  for (let at = 0; at < tail.length; at += AT_ONCE) {
    const some = tail.slice(at, at + AT_ONCE);
    const stored = await store.getMany(some.map(({ name }) => runKey(name)));
    for (const [n, { name, tokens: length }] of some.entries()) {
      const bytes = stored[n];
      if (!bytes) return { runs, reason: 'missing' };
      const { found: head } = decodeHead(bytes);
      if (!head || head.tokens.length !== length) return { runs, reason: 'damaged' };
      if (!isHeadOf(head, tokens)) return { runs, reason: 'tokens' };
      const keys = runKeys(name, made.groups);
      runs.push({ run: { firstPage: head.firstPage, tokens: length, keys }, head });
    }
  }
  return { runs, reason: 'end' };
};
