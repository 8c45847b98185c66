import { PAGE } from '../backends/backend.js';
import { throwIfAborted } from '../errors.js';
import type { BesideSegments } from '../predictors/predictor.js';
import type { Store } from '../stores/store.js';
import type { Leases } from './leases.js';
import { checkHead, type Heads, readHeads } from './read-heads.js';
import { encodeHead, encodeRecord, type KvRecord, type RunHead } from './records.js';
import { magic, seal, unseal } from './seal.js';
import { createSegmentKeys } from './segments.js';
import { besideKey, headKey, pagesKey, type StoredRun } from './stored-run.js';
import { scopeKey, type UsedText, type Uses } from './uses.js';
import { isStorageError, type StoreEntry, type WriteBehind } from './write-behind.js';

/**
 * The leading whole segments of text of one context, as they rest in the store under their content. Keys are made once
 * for each segment, so whoever changes the tokens says so with `forget`.
 */
export interface Chain extends BesideSegments {
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
  /** The context is gone: what it used may be evicted. */
  close(): void;
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
  readonly leases: Leases;
  readonly uses: Uses;
  /** Says that a text is used now, some time later; for the last time where the one who held it is given. */
  touch(text: UsedText, owner?: object): unknown;
  /** Everything that keys depend on beside the tokens. */
  readonly scope: string;
  readonly segmentTokens: number;
  readonly groups: number;
  /** Bytes of a run's records of pages. */
  readonly pagesBytes: number;
  /** Segments known to be stored as they should be. */
  readonly intact: Set<string>;
}

/** What rests beside the records of a segment (docs/FORMAT.md). */
const BESIDE = magic('LHN1');
const BESIDE_VERSION = 1;
/** In one read: some may be half a megabyte each. */
const BESIDE_AT_ONCE = 8;

export const createChain = (options: ChainOptions): Chain => {
  const { store, writer, leases, uses, touch, scope, segmentTokens, groups, pagesBytes, intact } = options;
  const pages = segmentTokens / PAGE;
  const keys = createSegmentKeys(scope, segmentTokens);
  /** Who holds the lease. */
  const owner = {};
  /** Replaced when the tokens change: what waits to be written is of the text that was. */
  let text: UsedText = { scope: scopeKey(scope), entries: [] };

  /**
   * What lies behind a segment that was not stored, asked for while that one is computed: whoever reads a new text asks
   * behind every segment, and would wait until the one before is written.
   */
  let ahead: { readonly key: string; readonly heads: Heads } | undefined;

  /** Heads from `from` on, once what was read here a moment ago and still waits to be written is there. */
  const headsFrom = async (wanted: readonly string[], from: number): Promise<Heads> => {
    const asked = ahead;
    ahead = undefined;
    if (wanted.slice(from).some((key) => writer.holds(headKey(key)))) await writer.drained();
    else if (asked && asked.key === wanted[from] && !intact.has(asked.key)) return asked.heads;
    return readHeads(store, wanted, from);
  };

  /** Storage that takes no lease takes no run either, and what others evict is computed again. */
  const hold = (wanted: readonly string[], signal?: AbortSignal): Promise<void> =>
    leases.hold(owner, wanted, signal).catch((error) => {
      if (signal?.aborted || !isStorageError(error)) throw error;
    });
  const enter = (wanted: readonly string[], index: number, headBytes: number): void => {
    text.entries.length = Math.max(text.entries.length, index + 1);
    for (let n = 0; n <= index; n++) text.entries[n] ??= { key: wanted[n]!, bytes: pagesBytes };
    text.entries[index] = { key: wanted[index]!, bytes: headBytes + pagesBytes };
  };

  const runOf = (index: number, key: string): StoredRun => ({
    firstPage: index * pages,
    tokens: segmentTokens,
    keys: Array.from({ length: groups }, (_, group) => pagesKey(key, group)),
  });

  return {
    async attach(ids, { from = 0, signal, onRun }) {
      throwIfAborted(signal);
      const wanted = keys.upTo(ids, Math.floor(ids.length / segmentTokens));
      if (from < wanted.length) await hold(wanted, signal);
      const heads = await headsFrom(wanted, from);
      const attached = (result: Attached): Attached => {
        if (result.segments > 0) touch(text);
        return result;
      };
      for (let index = from; ; index++) {
        const segments = index - from;
        const next = await heads.next().catch((error) => {
          writer.failed(error);
          return undefined;
        });
        throwIfAborted(signal);
        if (!next) return attached({ segments, reason: 'unavailable' });
        if (next.done) return attached({ segments, reason: 'end' });
        const key = wanted[index]!;
        const checked = checkHead(next.value, index, ids, segmentTokens);
        if (!('head' in checked)) {
          intact.delete(key);
          const next = wanted[index + 1];
          if (next !== undefined) ahead = { key: next, heads: readHeads(store, wanted, index + 1) };
          return attached({ segments, ...checked });
        }
        if ((await onRun(runOf(index, key), checked.head)) === false) {
          intact.delete(key);
          return attached({ segments, reason: 'damaged', fault: 'what it holds makes no sense' });
        }
        intact.add(key);
        enter(wanted, index, next.value!.length);
      }
    },

    async save(index, ids, head, records, onStored) {
      const wanted = keys.upTo(ids, index + 1);
      const key = wanted[index]!;
      const run = runOf(index, key);
      if (intact.has(key)) return onStored?.(run);
      if (writer.state !== 'ok') return;
      const entries = records.map((record, group): StoreEntry => [run.keys[group]!, encodeRecord(record)]);
      // The head comes last: where it is, its records are.
      const headBytes = encodeHead(head);
      entries.push([headKey(key), headBytes]);
      enter(wanted, index, headBytes.length);
      uses.expect(text, index);
      await hold(wanted);
      await writer.put(entries, () => {
        intact.add(key);
        onStored?.(run);
      });
    },

    async readBeside(ids, wants) {
      if (wants.length === 0) return [];
      const own = keys.upTo(ids, Math.max(...wants.map(({ segment }) => segment)) + 1);
      const names = wants.map(({ segment, name }) => besideKey(own[segment]!, name));
      const found: (Uint8Array | undefined)[] = [];
      for (let at = 0; at < names.length; at += BESIDE_AT_ONCE) {
        const some = await store.getMany(names.slice(at, at + BESIDE_AT_ONCE)).catch((error): undefined => {
          writer.failed(error);
        });
        if (!some) break;
        found.push(...some);
      }
      return found.map((bytes) => {
        const opened = bytes && unseal(BESIDE, bytes);
        return opened?.fault === undefined && opened?.version === BESIDE_VERSION ? opened.body : undefined;
      });
    },

    async saveBeside(ids, segment, name, bytes) {
      if (writer.state !== 'ok') return;
      const key = keys.upTo(ids, segment + 1)[segment]!;
      // What is queued comes in order: the segment will be there.
      if (!intact.has(key) && !writer.holds(headKey(key))) return;
      const sealed = seal(BESIDE, BESIDE_VERSION, bytes.length, (body) => body.set(bytes));
      await writer.put([[besideKey(key, name), sealed]], () => undefined);
    },

    forget(tokens) {
      ahead = undefined;
      const whole = Math.floor(tokens / segmentTokens);
      keys.cut(whole);
      if (text.entries.length <= whole) return;
      text = { scope: text.scope, entries: text.entries.slice(0, whole) };
    },

    close() {
      touch(text, owner);
    },
  };
};
