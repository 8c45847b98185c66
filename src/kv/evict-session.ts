import type { Store } from '../stores/store.js';
import type { Evictor } from './evictor.js';
import type { Manifest } from './manifest.js';
import { LINKS, linkedBy, runOf, TAILS } from './session-keys.js';

/** What tells which runs of text a session rests on. */
export interface EvictSettings {
  readonly fingerprint: string;
  readonly segments: (tokens: ArrayLike<number>) => readonly string[];
}

/**
 * Deletes the pages that one session alone rests on, and keeps its tokens; resolves to their bytes. What `others` or open
 * contexts use stays. Of what another model or method made only private runs are known. For whoever holds the session's
 * lock; rejects as the store does.
 */
export const evictSession = async (
  manifest: Manifest,
  others: readonly Manifest[],
  store: Store,
  evictor: Evictor,
  { fingerprint, segments }: EvictSettings,
): Promise<number> => {
  const textOf = ({ tokens, canonical, fingerprint: made }: Manifest): readonly string[] =>
    made === fingerprint ? segments(tokens.subarray(0, canonical)) : [];

  const links = await store.list(LINKS);
  let freed = 0;
  for (const { name } of manifest.tail) {
    if (links.some((key) => runOf(key) === name && linkedBy(key) !== manifest.id)) continue;
    const prefix = `${TAILS}${name}/`;
    freed += await store.size(prefix);
    const keys = await store.list(prefix);
    if (keys.length > 0) await store.commit({ put: [], delete: keys });
  }
  const shared = new Set(others.flatMap(textOf));
  return freed + (await evictor.forget(textOf(manifest).filter((key) => !shared.has(key))));
};
