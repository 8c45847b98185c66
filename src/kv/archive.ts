import { PAGE } from '../backends/backend.js';
import { type Chain, createChain } from './chain.js';
import { withBudget } from './disk.js';
import { createEvictor } from './evictor.js';
import { createFetchRecords, type LostRecord } from './fetch-records.js';
import type { Rooms } from './landing.js';
import { createLeases } from './leases.js';
import { loadSessionFiles } from './load-session-files.js';
import { madeEntry } from './made.js';
import { deleteOldRecords } from './old-records.js';
import type { ProbeHow, TextProbe } from './probe-text.js';
import type { RecordWanted, RunStore } from './read-records.js';
import { groupsOf, type KvRecord, pagesOf, RECORD_VERSION, type RecordGroup, recordSize } from './records.js';
import { type Provenance, segmentKeys } from './segments.js';
import { sessionKey } from './session-keys.js';
import { createSessions, type Sessions } from './sessions.js';
import { segmentOf } from './stored-run.js';
import { createTouch } from './touch.js';
import { createUses, scopeKey } from './uses.js';
import { whenQuiet } from './when-quiet.js';
import {
  createWriteBehind,
  isStorageError,
  type StorageState,
  type WriteBehindOptions,
} from './write-behind.js';

/**
 * What a store keeps for one model under one set of options: runs of text found by content, and sessions. Knows no
 * backend. Storage that fails never fails the work: the archive says so in `state`, and goes on without storing.
 */
export interface Archive {
  readonly state: StorageState;
  /** Of all that shapes pages and their records. */
  readonly fingerprint: string;
  /** What each record of a run holds, in the order of a run's keys. */
  readonly groups: readonly RecordGroup[];
  /** The text of one context. */
  chain(): Chain;
  /**
   * Records of pages of stored runs, in one read, in the order asked. `undefined` for one that is missing, damaged or
   * something else: `lost` says so, and its segment is stored again when it is next saved. The bytes are the caller's, until
   * the caller lets go of them.
   */
  fetch(wants: readonly RecordWanted[]): Promise<(KvRecord | undefined)[]>;
  /** What was fetched is a layer's by now, or of no use. */
  release(record: KvRecord): void;
  /**
   * How much of a text would be attached, and why not more, once what waits has been written. Looking is not using.
   * Rejects as the store does, and with `unsupported/transfer`.
   */
  probe(ids: ArrayLike<number>, how?: ProbeHow): Promise<TextProbe>;
  /** What `fetch` did not find as it should be, the last ones. */
  readonly lost: readonly LostRecord[];
  /** Resolves when nothing waits to be written. */
  drained(): Promise<void>;
  /** Write what waits, and let others evict what was in use here. */
  close(): Promise<void>;
  readonly sessions: Sessions;
  /**
   * Delete the pages that a session alone rests on; its tokens stay. Resolves to their bytes, `undefined` where there is no
   * such session. Throws `input/busy`, `storage/corrupt`, `storage/version` and `unsupported/transfer`, and what the store does.
   */
  evictSession(id: string): Promise<number | undefined>;
}

export interface ArchiveOptions extends WriteBehindOptions {
  /** Of all that shapes K and V beside the tokens: see `fingerprintOf`. */
  readonly fingerprint: string;
  /** Tokens in a segment; a multiple of PAGE. */
  readonly segmentTokens: number;
  /** Bytes of a page, for every layer. */
  readonly pageBytes: readonly number[];
  /** By layer: whether its page is a state. Default: none is. */
  readonly states?: readonly boolean[] | undefined;
  /** Bytes of K and V aimed at in a record; decides `groups`. Default 24 KB. */
  readonly recordBytes?: number;
  /** Bytes that may be stored, of everything in the store; beyond, what was used longest ago is evicted. Default: no limit. */
  readonly diskBytes?: number | undefined;
  /** Where pages that are fetched may stand already when they are handed over. Default: nowhere. */
  readonly rooms?: Rooms | undefined;
  /**
   * What rows of questions and answers are computed under, where `fingerprint` does not say it: private pages are attached only
   * under the same. Default: `fingerprint` says it.
   */
  readonly answers?: string;
  /** What `fingerprint` is made of, kept for whoever asks why a text cannot be attached. */
  readonly made?: Provenance;
}

const MOST_LOST = 100;

/** Opens what is stored for `fingerprint`, and deletes what crashes left of sessions that were never committed. */
export const openArchive = async (store: RunStore, options: ArchiveOptions): Promise<Archive> => {
  const { fingerprint, segmentTokens, pageBytes, recordBytes } = options;
  const pages = segmentTokens / PAGE;
  const groups = groupsOf(pageBytes, options.states ?? [], pages, recordBytes);
  // The layout is part of every key: another version's records are other keys, neither read nor overwritten.
  const layout = groups.map((group) => {
    const { from, to } = pagesOf(group, pages);
    return [to - from, ...pageBytes.slice(group.from, group.to)];
  });
  const scope = JSON.stringify([fingerprint, RECORD_VERSION, layout]);

  const intact = new Set<string>();
  const leases = createLeases(store);
  const uses = createUses(store, options.made ? [madeEntry(scope, options.made)] : []);
  const evictor = createEvictor(store, leases, (segment) => intact.delete(segment));
  const disk = withBudget(store, options.diskBytes, uses, evictor);
  const writer = createWriteBehind(disk, options);
  // Private runs have no key of content, so all that they depend on is part of the fingerprint that their manifest has.
  const { answers } = options;
  const laidOut = scopeKey(answers === undefined ? scope : JSON.stringify([scope, answers]));
  const segments = (tokens: ArrayLike<number>) => segmentKeys(scope, tokens, segmentTokens);
  const sessions = createSessions(disk, writer, {
    fingerprint: laidOut,
    segmentTokens,
    groups,
    pageBytes,
    segments,
    batchBytes: writer.batchBytes,
  });

  const { touch, touched } = createTouch({ store, writer, leases, uses });

  const recordBytesOf = layout.map(([count, ...layers]) => recordSize(layers, count!));
  const lost: LostRecord[] = [];
  const { fetch, release } = createFetchRecords({
    store,
    groups,
    pageBytes,
    rooms: options.rooms,
    bytes: recordBytesOf,
    room: () => writer.room,
    failed: writer.failed,
    lost(record) {
      if (lost.length === MOST_LOST) lost.shift();
      lost.push(record);
      if (record.reason !== 'unavailable') intact.delete(segmentOf(record.run.keys[record.group]!));
    },
  });

  await sessions.sweep().catch(writer.failed);
  const unlessClosed = (error: { readonly code?: string }): void => {
    if (error.code !== 'engine/closed') writer.failed(error);
  };
  // Behind what the caller is waiting for; `drained` shows how it ended.
  const dropping = deleteOldRecords(store, writer).catch(unlessClosed);
  dropping.catch(() => undefined);
  const tidying = whenQuiet(() => dropping.then(evictor.tidy).then(disk.fit).catch(unlessClosed));

  const drained = async (): Promise<void> => {
    await tidying.now();
    await writer.drained();
    await touched();
  };

  return {
    get state() {
      return writer.state;
    },
    fingerprint: laidOut,
    groups,
    chain() {
      const chain = createChain({
        store,
        writer,
        leases,
        uses,
        touch,
        scope,
        segmentTokens,
        groups: groups.length,
        pagesBytes: recordBytesOf.reduce((sum, bytes) => sum + bytes, 0),
        intact,
      });
      return {
        ...chain,
        attach(ids, how) {
          tidying.notYet();
          return chain.attach(ids, how);
        },
        close() {
          chain.close();
          writer.freed();
        },
      };
    },
    fetch(wants) {
      tidying.notYet();
      return fetch(wants);
    },
    release,
    async probe(ids, how) {
      const { probeText } = await loadSessionFiles();
      await writer.drained();
      return probeText(ids, store, { scope, made: options.made, segmentTokens, groups: groups.length }, how);
    },
    lost,
    drained,
    sessions: {
      ...sessions,
      async acquire(id, how) {
        const release = await sessions.acquire(id, how);
        await touch(sessionKey(id));
        return () => release().finally(writer.freed);
      },
    },
    async evictSession(id) {
      const { evictSession } = await loadSessionFiles();
      const release = await sessions.acquire(id);
      try {
        await writer.drained();
        const manifest = await sessions.get(id);
        if (!manifest) return undefined;
        const listed = (await sessions.list()).filter((one) => one.id !== id && !one.problem);
        const others = await Promise.all(listed.map((one) => sessions.get(one.id).catch(() => undefined)));
        const settings = { fingerprint: laidOut, segments };
        const known = others.filter((one) => one !== undefined);
        return await evictSession(manifest, known, store, evictor, settings);
      } finally {
        await release();
        writer.freed();
      }
    },
    async close() {
      await drained();
      await leases.close().catch((error) => {
        if (!isStorageError(error)) throw error;
      });
    },
  };
};
