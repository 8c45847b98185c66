import { PAGE } from '../backends/backend.js';
import { throwIfAborted } from '../errors.js';
import type { Store } from '../stores/store.js';
import { readAhead } from './read-ahead.js';
import {
  decodeRecord,
  encodeRecord,
  isRecordOf,
  type KvRecord,
  type LayerGroup,
  layerGroups,
  RECORD_VERSION,
} from './records.js';
import { segmentKeys } from './segments.js';
import { createSessions, type Sessions } from './sessions.js';
import {
  createWriteBehind,
  type StorageState,
  type StoreEntry,
  type WriteBehindOptions,
} from './write-behind.js';

/**
 * What a store keeps for one model under one set of options: segments found by content, and sessions. Knows no
 * backend. Storage that fails never fails the work: the archive says so in `state`, and goes on without storing.
 */
export interface Archive {
  readonly state: StorageState;
  /** How layers are grouped into records: `save` takes one record for each, in this order. */
  readonly groups: readonly LayerGroup[];
  /**
   * Hands over the leading whole segments of `ids` that are stored and intact, one by one, in order, and stops at the
   * first that is not. Rejects with `AbortError`, or with what `onSegment` throws.
   */
  restore(ids: ArrayLike<number>, how: RestoreOptions): Promise<Restored>;
  /**
   * Store whole segment `index` of `ids`, unless this archive knows it is stored intact. Resolves when the write queue
   * has room again; `drained` when it is empty. The records are copied before this returns.
   */
  save(index: number, ids: ArrayLike<number>, records: readonly KvRecord[]): Promise<void>;
  drained(): Promise<void>;
  readonly sessions: Sessions;
}

export interface ArchiveOptions extends WriteBehindOptions {
  /** Of all that shapes K and V beside the tokens: see `fingerprintOf`. */
  readonly fingerprint: string;
  /** Tokens in a segment; a multiple of PAGE. */
  readonly segmentTokens: number;
  /** Bytes of a page, for every layer. */
  readonly pageBytes: readonly number[];
  /** Bytes of K and V aimed at in a record; decides `groups`. Default 512 KB. */
  readonly recordBytes?: number;
}

export interface RestoreOptions {
  /** The first segment to restore. Default 0; later ones only where all before it are known to be right. */
  readonly from?: number;
  readonly signal?: AbortSignal | undefined;
  /** May refuse a segment that makes no sense to it, with `false`: it then counts as damaged. */
  onSegment(segment: RestoredSegment): unknown;
}

export interface RestoredSegment {
  readonly index: number;
  readonly tokens: Uint32Array;
  /** One for each group, views of bytes that belong to the caller. */
  readonly records: readonly KvRecord[];
}

export interface Restored {
  /** Segments handed over. */
  readonly segments: number;
  /**
   * Why it stopped. `end`: no whole segment is left. `missing`: a record is not there. `damaged`: its bytes are not
   * what was written; they stay until the segment is saved again. `tokens`: it holds other tokens. `unavailable`: the
   * store cannot be read.
   */
  readonly reason: 'end' | 'missing' | 'damaged' | 'tokens' | 'unavailable';
  /** What is wrong with a damaged record, in words. */
  readonly fault?: string;
}

const SEGMENTS = 'segment/';
const recordKey = (segment: string, group: number): string =>
  `${SEGMENTS}${segment}/${String(group).padStart(3, '0')}`;

/** Opens what is stored for `fingerprint`, and deletes what crashes left of sessions that were never committed. */
export const openArchive = async (store: Store, options: ArchiveOptions): Promise<Archive> => {
  const { fingerprint, segmentTokens, pageBytes, recordBytes } = options;
  const pages = segmentTokens / PAGE;
  const perLayer = (pages * pageBytes.reduce((sum, bytes) => sum + bytes, 0)) / pageBytes.length;
  const groups = layerGroups(pageBytes.length, perLayer, recordBytes);
  // The layout is part of every key: another version's records are other keys, neither read nor overwritten.
  const layout = groups.map(({ from, to }) => pageBytes.slice(from, to));
  const scope = JSON.stringify([fingerprint, RECORD_VERSION, layout]);
  const keysOf = (ids: ArrayLike<number>, count?: number): string[] =>
    segmentKeys(scope, ids, segmentTokens, count);

  const writer = createWriteBehind(store, options);
  const sessions = createSessions(store, writer, {
    fingerprint,
    segmentTokens,
    segments: keysOf,
    batchBytes: writer.batchBytes,
  });
  /** Segments known to be stored as they should be. */
  const intact = new Set<string>();

  const isLaidOut = ({ layers, firstPage, tokens, pages: found }: KvRecord, group: number, index: number) =>
    layers.from === groups[group]!.from &&
    layers.to === groups[group]!.to &&
    firstPage === index * pages &&
    tokens.length === (group === 0 ? segmentTokens : 0) &&
    found.every((layer, n) => layer.length === pages && layer[0]!.length === layout[group]![n]);

  type Checked = { readonly records: readonly KvRecord[] } | Omit<Restored, 'segments'>;
  const check = (
    stored: readonly (Uint8Array | undefined)[],
    index: number,
    ids: ArrayLike<number>,
  ): Checked => {
    const records: KvRecord[] = [];
    for (const [group, bytes] of stored.entries()) {
      if (!bytes) return { reason: 'missing' };
      const { record, fault } = decodeRecord(bytes);
      if (!record) return { reason: 'damaged', fault };
      if (!isLaidOut(record, group, index))
        return { reason: 'damaged', fault: 'it is a record of something else' };
      if (!isRecordOf(record, ids)) return { reason: 'tokens' };
      records.push(record);
    }
    return { records };
  };

  const restore = async (ids: ArrayLike<number>, how: RestoreOptions): Promise<Restored> => {
    const { from = 0, signal, onSegment } = how;
    throwIfAborted(signal);
    const keys = keysOf(ids);
    let index = from;
    const read = (n: number) => store.getMany(groups.map((_, group) => recordKey(keys[n]!, group)));
    const reading = readAhead(from, keys.length, read);
    for (;;) {
      const next = await reading.next().catch((error) => {
        writer.failed(error);
        return undefined;
      });
      throwIfAborted(signal);
      if (!next) return { segments: index - from, reason: 'unavailable' };
      if (next.done) return { segments: index - from, reason: 'end' };
      const checked = check(next.value, index, ids);
      if (!('records' in checked)) {
        intact.delete(keys[index]!);
        return { segments: index - from, ...checked };
      }
      const taken = await onSegment({ index, tokens: checked.records[0]!.tokens, records: checked.records });
      if (taken === false) {
        intact.delete(keys[index]!);
        return { segments: index - from, reason: 'damaged', fault: 'its chunks make no sense' };
      }
      intact.add(keys[index]!);
      index++;
    }
  };

  const save = (index: number, ids: ArrayLike<number>, records: readonly KvRecord[]): Promise<void> => {
    const key = keysOf(ids, index + 1)[index]!;
    if (intact.has(key) || writer.state !== 'ok') return Promise.resolve();
    const entries = records.map((record, group): StoreEntry => [recordKey(key, group), encodeRecord(record)]);
    return writer.put(entries, () => intact.add(key));
  };

  await sessions.sweep().catch(writer.failed);

  return {
    get state() {
      return writer.state;
    },
    groups,
    restore,
    save,
    drained: writer.drained,
    sessions,
  };
};
