import type { Store } from '../stores/store.js';
import type { Manifest } from './manifest.js';
import { runKey, TAILS } from './session-keys.js';
import { HEADS, headKey, PAGES, pagesKey } from './stored-run.js';

/** What of a session's pages is there, and why not all. */
export interface ProbedPages {
  readonly restorableTokens: number;
  readonly reason?: string;
}

/**
 * Looks for the keys of everything a session rests on, as opening it would; reads no values, so damage is not seen. Rejects
 * as the store does.
 */
export const probeSession = async (
  { tokens, canonical, segmentTokens, tail, fingerprint }: Manifest,
  store: Store,
  ours: {
    readonly fingerprint: string;
    readonly groups: { readonly length: number };
    readonly segments: (tokens: ArrayLike<number>) => readonly string[];
  },
): Promise<ProbedPages> => {
  if (fingerprint !== ours.fingerprint) {
    return { restorableTokens: 0, reason: 'its pages were made with another model, method or build' };
  }
  const [heads, pages, own] = await Promise.all(
    [HEADS, PAGES, TAILS].map(async (prefix) => new Set(await store.list(prefix))),
  );
  const groups = Array.from({ length: ours.groups.length }, (_, group) => group);
  const hasRun = (name: string): boolean =>
    own!.has(runKey(name)) && groups.every((group) => own!.has(runKey(name, group)));
  const hasSegment = (key: string): boolean =>
    heads!.has(headKey(key)) && groups.every((group) => pages!.has(pagesKey(key, group)));

  const there = ours.segments(tokens.subarray(0, canonical)).filter(hasSegment).length * segmentTokens;
  const lostRun = tail.findIndex(({ name }) => !hasRun(name));
  // Private pages depend on all before them: they are attached where nothing before them is lost.
  const runs = there < canonical ? [] : lostRun < 0 ? tail : tail.slice(0, lostRun);
  const restorableTokens = runs.reduce((sum, run) => sum + run.tokens, there);
  if (restorableTokens === tokens.length) return { restorableTokens };
  if (there < canonical) {
    const lost = (canonical - there) / segmentTokens;
    return {
      restorableTokens,
      reason: `${lost} of its ${canonical / segmentTokens} shared segments are not stored any more`,
    };
  }
  return {
    restorableTokens,
    reason:
      lostRun < 0 ? 'the pages of its end were never stored' : 'the store has lost some of its own pages',
  };
};
