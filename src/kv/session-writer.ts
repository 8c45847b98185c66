import type { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import { type Links, linkEntry, storedRuns } from './links.js';
import { encodeListing, listingOf } from './listing.js';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type SessionState,
  type TailRun,
} from './manifest.js';
import { encodeHead, encodeRecord, type NewRun } from './records.js';
import {
  generationOf,
  linkKey,
  linkPrefix,
  listingKey,
  runKey,
  runName,
  runOf,
  sessionKey,
} from './session-keys.js';
import { batchesOf, type StoreEntry, type WriteBehind } from './write-behind.js';

/** The tail of a session as it is to be stored: the first `keep` runs stored last time, then `runs`. */
export interface NewTail {
  readonly keep?: number;
  readonly runs?: readonly NewRun[];
}

/**
 * What `put` could store. `tokens`: the token list and the kept runs; the rest must be computed again. `nothing`: what
 * was stored before stands.
 */
export type Stored = 'all' | 'tokens' | 'nothing';

/** Writes one session, one write after another. Its owner holds the session's lock. */
export interface SessionWriter {
  put(state: SessionState, tail: NewTail): Promise<Stored>;
  /** From now on it is called so. Rejects as the store does; resolves to whether it is stored. */
  rename(title: string): Promise<boolean>;
  /** Delete manifest and tail. Rejects as the store does. */
  erase(): Promise<void>;
  /** Do something else between two writes. */
  inTurn<T>(step: () => Promise<T>): Promise<T>;
}

export interface WriterOptions {
  /** Of all that shapes pages and their records: runs made with another are not kept. */
  readonly fingerprint: string;
  readonly segmentTokens: number;
  readonly batchBytes: number;
}

/** What a manifest takes with it into its transaction. */
export const manifestEntries = (manifest: Manifest): StoreEntry[] => [
  ...manifest.tail.map(({ name }) => linkEntry(linkKey(name, manifest.id))),
  [listingKey(manifest.id), encodeListing(listingOf(manifest))],
  [sessionKey(manifest.id), encodeManifest(manifest)],
];

/** The records of a run in the order in which they are stored: the head comes last, so it tells of the others. */
export const runEntries = (name: string, { head, records }: NewRun): StoreEntry[] => [
  ...records.map((record, group): StoreEntry => [runKey(name, group), encodeRecord(record)]),
  [runKey(name), encodeHead(head)],
];

const namesOf = (tail: readonly TailRun[]): Set<string> => new Set(tail.map(({ name }) => name));
const byteSum = (entries: readonly StoreEntry[]): number =>
  entries.reduce((sum, [, bytes]) => sum + bytes.length, 0);

/** Deletes a session and the runs that nobody else names. For whoever holds its lock. */
export const eraseSession = async (
  id: string,
  store: Store,
  writer: WriteBehind,
  links: Links,
): Promise<void> => {
  const linked = await links.of(id);
  const keys = linked.map((name) => linkKey(name, id));
  await writer.commit({ put: [], delete: [sessionKey(id), listingKey(id), ...keys] });
  await links.prune([...linked, ...(await storedRuns(store, id))]);
  writer.freed();
};

/** Opens a session for writing and deletes what a crash left of it. Throws `storage/version`. */
export const openSessionWriter = async (
  id: string,
  store: Store,
  writer: WriteBehind,
  links: Links,
  options: WriterOptions,
): Promise<SessionWriter> => {
  const { fingerprint, segmentTokens, batchBytes } = options;
  /** What the stored manifest names, as far as it was made with what we have. */
  let tail: readonly TailRun[] = [];
  /** All runs that are linked for this session. */
  let linked: ReadonlySet<string> = new Set();
  let title: string | undefined;
  /** The last one used. Each is written once, so nothing that a manifest names is ever overwritten. */
  let generation = 0;
  let writing: Promise<unknown> = Promise.resolve();

  /** Whether it was committed; full or unavailable storage is no error here. */
  const committed = (put: readonly StoreEntry[], stale: readonly string[]): Promise<boolean> =>
    writer.commit({ put, delete: stale }).then(
      () => true,
      (error) => {
        writer.failed(error);
        return false;
      },
    );

  const readTail = async (): Promise<void> => {
    const runs = await storedRuns(store, id);
    const theirs = new Set((await store.list(linkPrefix(id))).map(runOf));
    generation = Math.max(0, ...[...runs, ...theirs].map(generationOf));
    const bytes = await store.get(sessionKey(id));
    try {
      const manifest = bytes && decodeManifest(id, bytes);
      // Pages made with something else can never be kept in a manifest of ours.
      tail = manifest?.fingerprint === fingerprint ? manifest.tail : [];
      linked = namesOf(manifest?.tail ?? []);
      title = manifest?.title;
    } catch (error) {
      // A damaged manifest says nothing, but what is linked for it may still be of use: it stays until it is overwritten.
      if ((error as LonghandError).code !== 'storage/corrupt') throw error;
      linked = new Set(await links.of(id));
    }
    await links.prune([...runs].filter((run) => !theirs.has(run)));
  };

  /** The commit point. What the manifest names is there before it or with it. */
  const commit = async (manifest: Manifest, last: readonly StoreEntry[]): Promise<boolean> => {
    const names = namesOf(manifest.tail);
    const dropped = [...linked].filter((name) => !names.has(name));
    const unlinked = dropped.map((name) => linkKey(name, id));
    if (!(await committed([...last, ...manifestEntries(manifest)], unlinked))) return false;
    tail = manifest.tail;
    linked = names;
    await links.prune(dropped);
    return true;
  };

  const write = async (state: SessionState, { keep = 0, runs = [] }: NewTail): Promise<Stored> => {
    const kept = tail.slice(0, keep);
    generation++;
    const fresh = runs.map((run, n) => ({
      run,
      name: runName(id, generation, n),
      entries: runEntries(runName(id, generation, n), run),
    }));
    const whole = [
      ...kept,
      ...fresh.map(({ run, name, entries }) => ({
        name,
        tokens: run.head.tokens.length,
        bytes: byteSum(entries),
      })),
    ];
    const manifestOf = (named: readonly TailRun[]): Manifest => ({
      ...state,
      title: title ?? state.title,
      fingerprint,
      segmentTokens,
      tail: named,
    });

    // If we die between the batches, the runs so far are linked by nobody, and whoever opens the store next deletes
    // them.
    const batches = batchesOf(
      fresh.flatMap(({ entries }) => entries),
      batchBytes,
    );
    const last = batches.pop()!;
    let stored = fresh.length === 0 || writer.state !== 'full';
    for (const batch of batches) stored &&= await committed(batch, []);
    if (stored && (await commit(manifestOf(whole), last))) return 'all';
    if (fresh.length === 0) return 'nothing';
    // A full device is asked once more with the tokens alone: they are the truth, and small. What no manifest names is
    // deleted before that, because room freed by a transaction is not yet there for its own puts.
    if (batches.length > 0) await links.prune(fresh.map(({ name }) => name));
    return (await commit(manifestOf(kept), [])) ? 'tokens' : 'nothing';
  };

  const rename = async (next: string): Promise<boolean> => {
    title = next;
    const bytes = await store.get(sessionKey(id));
    if (!bytes) return false;
    // Only its name is ours to change: what made its pages, and the pages, stay as they are.
    await writer.commit({ put: manifestEntries({ ...decodeManifest(id, bytes), title }), delete: [] });
    return true;
  };

  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const done = writing.then(step);
    writing = done.catch(() => undefined);
    return done;
  };

  await readTail().catch((error) => {
    writer.failed(error);
    // Storage that fails now may work later; the clock is a generation that nothing stored can have.
    generation = Date.now();
  });

  return {
    put: (state, newTail) => inTurn(() => write(state, newTail)),
    rename: (next) => inTurn(() => rename(next)),
    erase: () =>
      inTurn(async () => {
        await eraseSession(id, store, writer, links);
        tail = [];
        linked = new Set();
      }),
    inTurn,
  };
};
