import { PAGE } from '../backends/backend.js';
import { throwIfAborted } from '../errors.js';
import type { Store } from '../stores/store.js';
import { decodeHead, encodeHead, encodeRecord, isHeadOf, type KvRecord, type RunHead } from './records.js';
import { createSegmentKeys } from './segments.js';
import { headKey, pagesKey, type StoredRun } from './stored-run.js';
import type { StoreEntry, WriteBehind } from './write-behind.js';

/**
 * The leading whole segments of text of one context, as they rest in the store under their content. Keys are made once
 * for each segment, so whoever changes the tokens says so with `forget`.
 */
export interface Chain {
  /**
   * Hands over the leading runs of `ids` that are stored, one by one, in order, and stops at the first that is not.
   * Reads their heads and nothing else. Rejects with `AbortError`, or with what `onRun` throws.
   */
  attach(ids: ArrayLike<number>, how: AttachOptions): Promise<Attached>;
  /**
   * Store whole segment `index` of `ids`, unless it is known to be stored; one record for each of `archive.groups`.
   * Resolves when the write queue has room again, and copies before it returns. `onStored` follows the commit, if there
   * is one: while the storage fails, what is saved is dropped.
   */
  save(
    index: number,
    ids: ArrayLike<number>,
    head: RunHead,
    records: readonly KvRecord[],
    onStored?: (run: StoredRun) => void,
  ): Promise<void>;
  /** Beyond `tokens` the list will be another. */
  forget(tokens: number): void;
}

export interface AttachOptions {
  /** The first segment to attach. Default 0; later ones only where all before it are known to be right. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  /** `head` holds views that belong to the receiver. May refuse a run that makes no sense, with `false`. */
  onRun(run: StoredRun, head: RunHead): unknown;
}

export interface Attached {
  /** Segments handed over. */
  readonly segments: number;
  /**
   * Why it stopped. `end`: no whole segment is left. `missing`: the next is not stored. `damaged`: its bytes are not
   * what was written, or it was refused; they stay until the segment is saved again. `tokens`: it holds other tokens.
   * `unavailable`: the store cannot be read.
   */
  readonly reason: 'end' | 'missing' | 'damaged' | 'tokens' | 'unavailable';
  /** What is wrong with a damaged head, in words. */
  readonly fault?: string;
}

/** What the chains of an archive share. */
export interface ChainOptions {
  readonly store: Store;
  readonly writer: WriteBehind;
  /** Everything that keys depend on beside the tokens. */
  readonly scope: string;
  readonly segmentTokens: number;
  readonly groups: number;
  /** Segments known to be stored as they should be. */
  readonly intact: Set<string>;
}

/** Bytes of heads read at once: with sketches of all layers, one may have half a megabyte. */
const HEAD_BYTES = 1024 * 1024;
const MOST_HEADS = 64;

/** Heads from `from` on, up to the first that is not there; the next ones are under way while some are being used. */
async function* readHeads(
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

export const createChain = (options: ChainOptions): Chain => {
  const { store, writer, scope, segmentTokens, groups, intact } = options;
  const pages = segmentTokens / PAGE;
  const keys = createSegmentKeys(scope, segmentTokens);

  const runOf = (index: number, key: string): StoredRun => ({
    firstPage: index * pages,
    tokens: segmentTokens,
    keys: Array.from({ length: groups }, (_, group) => pagesKey(key, group)),
  });

  type Checked = { readonly head: RunHead } | Omit<Attached, 'segments'>;
  const check = (bytes: Uint8Array | undefined, index: number, ids: ArrayLike<number>): Checked => {
    if (!bytes) return { reason: 'missing' };
    const { found: head, fault } = decodeHead(bytes);
    if (!head) return { reason: 'damaged', fault };
    if (head.firstPage !== index * pages || head.tokens.length !== segmentTokens) {
      return { reason: 'damaged', fault: 'it is the head of something else' };
    }
    return isHeadOf(head, ids) ? { head } : { reason: 'tokens' };
  };

  return {
    async attach(ids, { from = 0, signal, onRun }) {
      throwIfAborted(signal);
      const wanted = keys.upTo(ids, Math.floor(ids.length / segmentTokens));
      const heads = readHeads(store, wanted, from);
      for (let index = from; ; index++) {
        const segments = index - from;
        const next = await heads.next().catch((error) => {
          writer.failed(error);
          return undefined;
        });
        throwIfAborted(signal);
        if (!next) return { segments, reason: 'unavailable' };
        if (next.done) return { segments, reason: 'end' };
        const key = wanted[index]!;
        const checked = check(next.value, index, ids);
        if (!('head' in checked)) {
          intact.delete(key);
          return { segments, ...checked };
        }
        intact.add(key);
        if ((await onRun(runOf(index, key), checked.head)) !== false) continue;
        intact.delete(key);
        return { segments, reason: 'damaged', fault: 'what it holds makes no sense' };
      }
    },

    async save(index, ids, head, records, onStored) {
      const key = keys.upTo(ids, index + 1)[index]!;
      const run = runOf(index, key);
      if (intact.has(key)) return onStored?.(run);
      if (writer.state !== 'ok') return;
      const entries = records.map((record, group): StoreEntry => [run.keys[group]!, encodeRecord(record)]);
      // The head comes last: where it is, its records are.
      entries.push([headKey(key), encodeHead(head)]);
      await writer.put(entries, () => {
        intact.add(key);
        onStored?.(run);
      });
    },

    forget: (tokens) => keys.cut(Math.floor(tokens / segmentTokens)),
  };
};
