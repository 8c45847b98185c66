import { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  type SessionState,
  type TailRecord,
} from './manifest.js';
import { readAhead } from './read-ahead.js';
import { decodeRecord, encodeRecord, isRecordOf, type KvRecord } from './records.js';
import {
  checkSessionId,
  generationOf,
  SESSIONS,
  sessionKey,
  sessionOf,
  TAILS,
  tailKey,
  tailPrefix,
} from './session-keys.js';
import { batchesOf, type StoreEntry, type WriteBehind } from './write-behind.js';

/** Sessions at rest: a manifest each, and the records of the tokens that no shared segment holds. */
export interface Sessions {
  /**
   * Become the one writer of a session; the result lets go, after what is being written. Throws `input/busy` when
   * another tab or caller has it, `storage/version` when a newer Longhand wrote it. Deletes what a crash left of it.
   */
  acquire(id: string): Promise<() => Promise<void>>;
  /** `undefined` when there is none. Throws `storage/corrupt` and `storage/version`. */
  get(id: string): Promise<Manifest | undefined>;
  list(): Promise<SessionListing[]>;
  /**
   * Store a session that was acquired: its manifest, the first `keep` records of the tail stored last, and `records`
   * after them. `tokens`: only the token list and the kept records could be stored, the rest must be computed again.
   * `nothing`: what was stored before stands. Full or unavailable storage shows in the archive's state, not as an error.
   */
  put(state: SessionState, tail?: NewTail): Promise<'all' | 'tokens' | 'nothing'>;
  /** The intact records at the start of a session's tail, decoded, in order. */
  restoreTail(manifest: Manifest): Promise<RestoredTail>;
  /** Delete a session; shared segments stay. Throws `input/busy` when another tab or caller has it. */
  delete(id: string): Promise<void>;
  /** Delete records of sessions that have no manifest and no writer: what crashes left. */
  sweep(): Promise<void>;
}

export type SessionListing =
  | { readonly id: string; readonly manifest: Manifest; readonly problem?: undefined }
  | { readonly id: string; readonly manifest?: undefined; readonly problem: LonghandError };

export interface NewTail {
  readonly keep?: number;
  readonly records?: readonly KvRecord[];
}

export interface RestoredTail {
  readonly records: readonly KvRecord[];
  /** Why it stopped; `end`: all are there. `fingerprint`: the tail was made with something else. */
  readonly reason: 'end' | 'missing' | 'damaged' | 'tokens' | 'fingerprint' | 'unavailable';
}

/** What the sessions share with the archive they belong to. */
export interface SessionsOptions {
  readonly fingerprint: string;
  readonly segmentTokens: number;
  /** Keys of the whole segments of these tokens. */
  readonly segments: (tokens: ArrayLike<number>) => string[];
  readonly batchBytes: number;
}

/** A session this process may write. */
interface Held {
  /** Tail of the stored manifest. */
  tail: readonly TailRecord[];
  /** All tail keys that may exist, named by the manifest or not. */
  keys: Set<string>;
  /** The last one used. A generation is written once: nothing a manifest names is ever overwritten. */
  generation: number;
  /** Writes of a session happen one after another. */
  writing: Promise<unknown>;
}

export const createSessions = (store: Store, writer: WriteBehind, options: SessionsOptions): Sessions => {
  const held = new Map<string, Held>();

  const lock = async (id: string): Promise<() => void> => {
    const release = await store.lock(sessionKey(id));
    if (release) return release;
    throw new LonghandError(
      'input/busy',
      `Session '${id}' is being written by another tab or caller. Close it there, or use another id.`,
      { session: id },
    );
  };

  /** Whether it was committed; full or unavailable storage is no error here. */
  const committed = (put: readonly StoreEntry[], stale: readonly string[]): Promise<boolean> =>
    writer.commit({ put, delete: stale }).then(
      () => true,
      (error) => {
        writer.failed(error);
        return false;
      },
    );

  const get = async (id: string): Promise<Manifest | undefined> => {
    checkSessionId(id);
    const bytes = await store.get(sessionKey(id));
    return bytes && decodeManifest(id, bytes);
  };

  /** Under the session's lock, so that nobody's unfinished `put` is taken for what a crash left. */
  const open = async (id: string): Promise<Held> => {
    const keys = new Set(await store.list(tailPrefix(id)));
    const generation = Math.max(0, ...[...keys].map(generationOf));
    const manifest = await get(id).catch((error: LonghandError) => {
      if (error.code === 'storage/corrupt') return 'damaged';
      throw error;
    });
    // A damaged manifest names nothing, but its records may still be of use: they stay until it is overwritten.
    if (manifest === 'damaged') return { tail: [], keys, generation, writing: Promise.resolve() };
    const tail = (manifest as Manifest | undefined)?.tail ?? [];
    const named = new Set(tail.map(({ key }) => key));
    const orphans = [...keys].filter((key) => !named.has(key));
    if (orphans.length > 0 && (await committed([], orphans))) for (const key of orphans) keys.delete(key);
    return { tail, keys, generation, writing: Promise.resolve() };
  };

  /** Storage that fails now may work later; the clock is a generation that nothing stored can have. */
  const openBlind = (error: unknown): Held => {
    writer.failed(error);
    return { tail: [], keys: new Set(), generation: Date.now(), writing: Promise.resolve() };
  };

  const acquire = async (id: string): Promise<() => Promise<void>> => {
    checkSessionId(id);
    const unlock = await lock(id);
    try {
      held.set(id, await open(id).catch(openBlind));
    } catch (error) {
      unlock();
      throw error;
    }
    const session = held.get(id)!;
    return async () => {
      if (held.get(id) !== session) return;
      await session.writing;
      held.delete(id);
      unlock();
    };
  };

  const write = async (session: Held, state: SessionState, { keep = 0, records = [] }: NewTail) => {
    const { id } = state;
    const { fingerprint, segmentTokens, batchBytes } = options;
    const segments = options.segments(state.tokens.subarray(0, state.canonical));
    const generation = ++session.generation;
    const fresh = records.map(
      (record, number): StoreEntry => [tailKey(id, generation, number), encodeRecord(record)],
    );
    const kept = session.tail.slice(0, keep);
    const whole = [...kept, ...fresh.map(([key, bytes]) => ({ key, bytes: bytes.length }))];
    for (const [key] of fresh) session.keys.add(key);

    /** The commit point: what the manifest names is complete before it, what it does not name goes with it. */
    const commit = async (tail: readonly TailRecord[], last: readonly StoreEntry[]): Promise<boolean> => {
      const named = new Set(tail.map(({ key }) => key));
      const stale = [...session.keys].filter((key) => !named.has(key));
      const manifest = encodeManifest({ ...state, fingerprint, segmentTokens, segments, tail });
      if (!(await committed([...last, [sessionKey(id), manifest]], stale))) return false;
      session.tail = tail;
      session.keys = named;
      return true;
    };

    // If we die between the batches, the records so far are named by no manifest, and whoever acquires next deletes
    // them. A full device is asked once more with the tokens alone: they are the truth and small.
    const batches = batchesOf(fresh, batchBytes);
    const last = batches.pop()!;
    let stored = fresh.length === 0 || writer.state !== 'full';
    for (const batch of batches) stored &&= await committed(batch, []);
    if (stored && (await commit(whole, last))) return 'all';
    return (await commit(kept, [])) ? 'tokens' : 'nothing';
  };

  const put = (state: SessionState, tail: NewTail = {}): Promise<'all' | 'tokens' | 'nothing'> => {
    const session = held.get(state.id);
    if (!session)
      throw new LonghandError('internal', `Session '${state.id}' was not acquired. Please report this.`);
    const written = session.writing.then(() => write(session, state, tail));
    session.writing = written.catch(() => undefined);
    return written;
  };

  const restoreTail = async ({ tail, tokens, fingerprint }: Manifest): Promise<RestoredTail> => {
    const records: KvRecord[] = [];
    if (fingerprint !== options.fingerprint) return { records, reason: 'fingerprint' };
    try {
      for await (const bytes of readAhead(0, tail.length, (n) => store.get(tail[n]!.key))) {
        if (!bytes) return { records, reason: 'missing' };
        const { record } = decodeRecord(bytes);
        if (!record) return { records, reason: 'damaged' };
        if (!isRecordOf(record, tokens)) return { records, reason: 'tokens' };
        records.push(record);
      }
    } catch (error) {
      writer.failed(error);
      return { records, reason: 'unavailable' };
    }
    return { records, reason: 'end' };
  };

  const list = async (): Promise<SessionListing[]> => {
    const keys = await store.list(SESSIONS);
    const stored = await store.getMany(keys);
    return keys.flatMap((key, n): SessionListing[] => {
      const id = sessionOf(key);
      const bytes = stored[n];
      if (!bytes) return [];
      try {
        return [{ id, manifest: decodeManifest(id, bytes) }];
      } catch (problem) {
        return [{ id, problem: problem as LonghandError }];
      }
    });
  };

  const erase = async (id: string): Promise<void> => {
    const keys = await store.list(tailPrefix(id));
    await writer.commit({ put: [], delete: [sessionKey(id), ...keys] });
  };

  const remove = async (id: string): Promise<void> => {
    checkSessionId(id);
    const session = held.get(id);
    if (session) {
      const erased = session.writing.then(() => erase(id));
      session.writing = erased.then(
        () => Object.assign(session, { tail: [], keys: new Set() }),
        () => undefined,
      );
      return erased;
    }
    const release = await lock(id);
    await erase(id).finally(release);
  };

  const sweep = async (): Promise<void> => {
    const known = new Set((await store.list(SESSIONS)).map(sessionOf));
    const ids = new Set((await store.list(TAILS)).map(sessionOf));
    for (const id of ids) {
      const release = known.has(id) ? undefined : await store.lock(sessionKey(id));
      if (release) await open(id).finally(release);
    }
  };

  return { acquire, get, list, put, restoreTail, delete: remove, sweep };
};
