import type { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type SessionState,
  type TailRecord,
} from './manifest.js';
import { encodeHead, encodeRecord, type NewRun } from './records.js';
import { generationOf, sessionKey, tailKey, tailPrefix } from './session-keys.js';
import { batchesOf, type StoreEntry, type WriteBehind } from './write-behind.js';

/** The tail of a session as it is to be stored: the first `keep` runs stored last time, then `runs`. */
export interface NewTail {
  readonly keep?: number;
  readonly runs?: readonly NewRun[];
}

/**
 * What `put` could store. `tokens`: the token list and the kept runs; the rest must be computed again. `nothing`:
 * what was stored before stands.
 */
export type Stored = 'all' | 'tokens' | 'nothing';

/** Writes one session, one write after another. Its owner holds the session's lock. */
export interface SessionWriter {
  put(state: SessionState, tail: NewTail): Promise<Stored>;
  /** Delete manifest and tail. Rejects as the store does. */
  erase(): Promise<void>;
  /** Resolves when nothing is being written. */
  settled(): Promise<void>;
}

/** What the sessions share with the archive they belong to. */
export interface SessionsOptions {
  readonly fingerprint: string;
  readonly segmentTokens: number;
  /** Records of pages in a run. */
  readonly groups: number;
  /** Keys of the whole segments of these tokens. */
  readonly segments: (tokens: ArrayLike<number>) => readonly string[];
  readonly batchBytes: number;
}

interface TailAtRest {
  /** What the stored manifest names. */
  readonly named: readonly TailRecord[];
  /** All keys that may exist, named or not. */
  readonly keys: ReadonlySet<string>;
}

const NO_TAIL: TailAtRest = { named: [], keys: new Set() };

const keysOf = (tail: readonly TailRecord[]): Set<string> => new Set(tail.map(({ key }) => key));

/** Deletes a session's manifest and tail, whatever they are. For whoever holds its lock. */
export const eraseSession = async (id: string, store: Store, writer: WriteBehind): Promise<void> => {
  const keys = await store.list(tailPrefix(id));
  await writer.commit({ put: [], delete: [sessionKey(id), ...keys] });
  writer.freed();
};

/** Opens a session for writing and deletes what a crash left of it. Throws `storage/version`. */
export const openSessionWriter = async (
  id: string,
  store: Store,
  writer: WriteBehind,
  options: SessionsOptions,
): Promise<SessionWriter> => {
  const { fingerprint, segmentTokens, groups, segments, batchBytes } = options;
  let tail = NO_TAIL;
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
    const keys = new Set(await store.list(tailPrefix(id)));
    generation = Math.max(0, ...[...keys].map(generationOf));
    tail = { named: [], keys };
    const bytes = await store.get(sessionKey(id));
    const manifest = bytes && decodeManifest(id, bytes);
    const inUse = keysOf(manifest?.tail ?? []);
    const orphans = [...keys].filter((key) => !inUse.has(key));
    const gone = orphans.length > 0 && (await committed([], orphans));
    // Pages made with something else can never be kept in a manifest of ours.
    const named = manifest?.fingerprint === fingerprint ? manifest.tail : [];
    tail = { named, keys: gone ? inUse : keys };
  };

  const write = async (state: SessionState, { keep = 0, runs = [] }: NewTail): Promise<Stored> => {
    const shared = segments(state.tokens.subarray(0, state.canonical));
    const kept = tail.named.slice(0, keep * (groups + 1));
    generation++;
    const written = runs.flatMap(({ head, records }) => [...records.map(encodeRecord), encodeHead(head)]);
    const fresh = written.map((bytes, n): StoreEntry => [tailKey(id, generation, n), bytes]);
    const whole = [...kept, ...fresh.map(([key, bytes]) => ({ key, bytes: bytes.length }))];
    tail = { ...tail, keys: new Set([...tail.keys, ...fresh.map(([key]) => key)]) };

    /** The commit point. What the manifest names is there before it or with it; what it does not name goes with it. */
    const commit = async (named: readonly TailRecord[], last: readonly StoreEntry[]): Promise<boolean> => {
      const manifest: Manifest = { ...state, fingerprint, segmentTokens, segments: shared, tail: named };
      const keys = keysOf(named);
      const stale = [...tail.keys].filter((key) => !keys.has(key));
      if (!(await committed([...last, [sessionKey(id), encodeManifest(manifest)]], stale))) return false;
      tail = { named, keys };
      return true;
    };

    // If we die between the batches, the records so far are named by no manifest, and whoever opens the session next
    // deletes them.
    const batches = batchesOf(fresh, batchBytes);
    const last = batches.pop()!;
    let stored = fresh.length === 0 || writer.state !== 'full';
    for (const batch of batches) stored &&= await committed(batch, []);
    if (stored && (await commit(whole, last))) return 'all';
    if (fresh.length === 0) return 'nothing';
    // A full device is asked once more with the tokens alone: they are the truth, and small. What no manifest names is
    // deleted before that, because room freed by a transaction is not yet there for its own puts.
    if (batches.length > 0)
      await committed(
        [],
        fresh.map(([key]) => key),
      );
    return (await commit(kept, [])) ? 'tokens' : 'nothing';
  };

  const erase = async (): Promise<void> => {
    await eraseSession(id, store, writer);
    tail = NO_TAIL;
  };

  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const done = writing.then(step);
    writing = done.catch(() => undefined);
    return done;
  };

  await readTail().catch((error: LonghandError) => {
    // A damaged manifest names nothing, but its records may still be of use: they stay until it is overwritten.
    if (error.code === 'storage/corrupt') return;
    writer.failed(error);
    // Storage that fails now may work later; the clock is a generation that nothing stored can have.
    generation = Date.now();
  });

  return {
    put: (state, newTail) => inTurn(() => write(state, newTail)),
    erase: () => inTurn(erase),
    settled: () => inTurn(async () => undefined),
  };
};
