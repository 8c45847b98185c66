import { PAGE } from '../backends/backend.js';
import type { Store } from '../stores/store.js';
import { decodeHead, isHeadOf, type RunHead } from './records.js';
import { headKey } from './stored-run.js';

/** Bytes of heads in one read, and reads under way while the heads of one are used: a store answers few large ones best. */
const HEAD_BYTES = 3 * 1024 * 1024;
const READS_AHEAD = 2;
const MOST_HEADS = 64;
/** Of the first read, which shows how large they are: with sketches of all layers, half a megabyte or more. */
const FIRST_HEADS = 4;

export type Heads = AsyncGenerator<Uint8Array | undefined, void, void>;

/**
 * Heads from `from` on, up to the first that is not there; the first ones are asked for at once, and the next ones are under
 * way while some are being used.
 */
export const readHeads = (store: Store, keys: readonly string[], from: number): Heads => {
  const reads: Promise<(Uint8Array | undefined)[]>[] = [];
  let asked = from;
  const ask = (count: number): void => {
    const read = store.getMany(keys.slice(asked, asked + count).map(headKey));
    // Whoever stops early never awaits it; its failure is then nobody's.
    read.catch(() => undefined);
    reads.push(read);
    asked = Math.min(asked + count, keys.length);
  };
  async function* inOrder(): Heads {
    for (let read = reads.shift(); read; read = reads.shift()) {
      const heads = await read;
      const bytes = Math.max(1, ...heads.map((head) => head?.length ?? 0));
      const count = Math.min(Math.max(Math.floor(HEAD_BYTES / bytes), 1), MOST_HEADS);
      const allThere = heads.every((head) => head);
      while (allThere && asked < keys.length && reads.length < READS_AHEAD) ask(count);
      for (const head of heads) {
        yield head;
        if (!head) return;
      }
    }
  }
  if (asked < keys.length) ask(FIRST_HEADS);
  return inOrder();
};

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
