import { PAGE } from '../backends/backend.js';
import type { Store } from '../stores/store.js';
import { type Chain, createChain } from './chain.js';
import { digest, hex } from './digest.js';
import { deleteOldRecords } from './old-records.js';
import { decodeRecord, type KvRecord, type LayerGroup, layerGroups, RECORD_VERSION } from './records.js';
import { segmentKeys } from './segments.js';
import { createSessions, type Sessions } from './sessions.js';
import { type StoredRun, segmentOf } from './stored-run.js';
import { createWriteBehind, type StorageState, type WriteBehindOptions } from './write-behind.js';

/**
 * What a store keeps for one model under one set of options: runs of text found by content, and sessions. Knows no
 * backend. Storage that fails never fails the work: the archive says so in `state`, and goes on without storing.
 */
export interface Archive {
  readonly state: StorageState;
  /** Of all that shapes pages and their records. */
  readonly fingerprint: string;
  /** How layers are grouped into records, in the order of a run's keys. */
  readonly groups: readonly LayerGroup[];
  /** The text of one context. */
  chain(): Chain;
  /**
   * Records of pages of stored runs, in one read, in the order asked. `undefined` for one that is missing, damaged or
   * something else: `lost` says so, and its segment is stored again when it is next saved. The bytes are the caller's.
   */
  fetch(wants: readonly RecordWanted[]): Promise<(KvRecord | undefined)[]>;
  /** What `fetch` did not find as it should be, the last ones. */
  readonly lost: readonly LostRecord[];
  /** Resolves when nothing waits to be written. */
  drained(): Promise<void>;
  readonly sessions: Sessions;
}

export interface RecordWanted {
  readonly run: StoredRun;
  /** Index in `archive.groups`. */
  readonly group: number;
}

export interface LostRecord extends RecordWanted {
  readonly reason: 'missing' | 'damaged' | 'unavailable';
  /** What is wrong with a damaged record, in words. */
  readonly fault?: string;
}

export interface ArchiveOptions extends WriteBehindOptions {
  /** Of all that shapes K and V beside the tokens: see `fingerprintOf`. */
  readonly fingerprint: string;
  /** Tokens in a segment; a multiple of PAGE. */
  readonly segmentTokens: number;
  /** Bytes of a page, for every layer. */
  readonly pageBytes: readonly number[];
  /** Bytes of K and V aimed at in a record; decides `groups`. Default 128 KB. */
  readonly recordBytes?: number;
}

const MOST_LOST = 100;

/** Opens what is stored for `fingerprint`, and deletes what crashes left of sessions that were never committed. */
export const openArchive = async (store: Store, options: ArchiveOptions): Promise<Archive> => {
  const { fingerprint, segmentTokens, pageBytes, recordBytes } = options;
  const pages = segmentTokens / PAGE;
  const perLayer = (pages * pageBytes.reduce((sum, bytes) => sum + bytes, 0)) / pageBytes.length;
  const groups = layerGroups(pageBytes.length, perLayer, recordBytes);
  // The layout is part of every key: another version's records are other keys, neither read nor overwritten.
  const layout = groups.map(({ from, to }) => pageBytes.slice(from, to));
  const scope = JSON.stringify([fingerprint, RECORD_VERSION, layout]);

  const writer = createWriteBehind(store, options);
  // Private runs have no key of content, so their layout is part of the fingerprint that their manifest has.
  const laidOut = hex(digest(new TextEncoder().encode(scope)));
  const sessions = createSessions(store, writer, {
    fingerprint: laidOut,
    segmentTokens,
    groups,
    pageBytes,
    segments: (tokens) => segmentKeys(scope, tokens, segmentTokens),
    batchBytes: writer.batchBytes,
  });
  const intact = new Set<string>();
  const lost: LostRecord[] = [];

  const isOf = ({ run, group }: RecordWanted, record: KvRecord): boolean =>
    record.layers.from === groups[group]!.from &&
    record.layers.to === groups[group]!.to &&
    record.firstPage === run.firstPage &&
    record.pages.every(
      (layer, n) => layer.length === Math.ceil(run.tokens / PAGE) && layer[0]!.length === layout[group]![n],
    );

  const lose = (wanted: RecordWanted, why: Omit<LostRecord, keyof RecordWanted>): undefined => {
    if (lost.length === MOST_LOST) lost.shift();
    lost.push({ ...wanted, ...why });
    if (why.reason !== 'unavailable') intact.delete(segmentOf(wanted.run.keys[wanted.group]!));
  };

  const check = (wanted: RecordWanted, bytes: Uint8Array | undefined): KvRecord | undefined => {
    if (!bytes) return lose(wanted, { reason: 'missing' });
    const { found, fault } = decodeRecord(bytes);
    if (!found) return lose(wanted, { reason: 'damaged', fault });
    if (!isOf(wanted, found))
      return lose(wanted, { reason: 'damaged', fault: 'it is a record of something else' });
    return found;
  };

  const tidying = sessions
    .sweep()
    .then(() => deleteOldRecords(store, writer))
    .catch(writer.failed);
  await tidying;

  return {
    get state() {
      return writer.state;
    },
    fingerprint: laidOut,
    groups,
    chain: () => createChain({ store, writer, scope, segmentTokens, groups: groups.length, intact }),
    async fetch(wants) {
      try {
        const stored = await store.getMany(wants.map(({ run, group }) => run.keys[group]!));
        return wants.map((wanted, n) => check(wanted, stored[n]));
      } catch (error) {
        writer.failed(error);
        return wants.map((wanted) => lose(wanted, { reason: 'unavailable' }));
      }
    },
    lost,
    drained: writer.drained,
    sessions,
  };
};
