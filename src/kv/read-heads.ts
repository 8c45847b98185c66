import { PAGE } from '../backends/backend.js';
import type { Store } from '../stores/store.js';
import { decodeHead, isHeadOf, type RunHead } from './records.js';
import { headKey } from './stored-run.js';

/** Bytes of heads read at once: with sketches of all layers, one may have half a megabyte. */
const HEAD_BYTES = 1024 * 1024;
const MOST_HEADS = 64;

/** Heads from `from` on, up to the first that is not there; the next ones are under way while some are being used. */
export async function* readHeads(
  store: Store,
  keys: readonly string[],
  from: number,
): AsyncGenerator<Uint8Array | undefined, void, void> {
  const read = (at: number, count: number): Promise<(Uint8Array | undefined)[]> => {
    const started = store.getMany(keys.slice(at, at + count).map(headKey));
    // Whoever stops early never awaits it; its failure is then nobody's.
    started.catch(() => undefined);
    return started;
  };
  let next = from < keys.length ? read(from, 1) : undefined;
  for (let at = from; next; ) {
    const heads: (Uint8Array | undefined)[] = await next;
    at += heads.length;
    const bytes = Math.max(1, ...heads.map((head) => head?.length ?? 0));
    const count = Math.min(Math.max(Math.floor(HEAD_BYTES / bytes), 1), MOST_HEADS);
    next = heads.every((head) => head) && at < keys.length ? read(at, count) : undefined;
    yield* heads;
  }
}

export type CheckedHead =
  | { readonly head: RunHead }
  | { readonly reason: 'missing' | 'damaged' | 'tokens'; readonly fault?: string };

/** Whether what lies under the key of whole segment `index` of `ids` is its head. */
export const checkHead = (
  bytes: Uint8Array | undefined,
  index: number,
  ids: ArrayLike<number>,
  segmentTokens: number,
): CheckedHead => {
  if (!bytes) return { reason: 'missing' };
  const { found: head, fault } = decodeHead(bytes);
  if (!head) return { reason: 'damaged', fault };
  if (head.firstPage !== (index * segmentTokens) / PAGE || head.tokens.length !== segmentTokens) {
    return { reason: 'damaged', fault: 'it is the head of something else' };
  }
  return isHeadOf(head, ids) ? { head } : { reason: 'tokens' };
};
