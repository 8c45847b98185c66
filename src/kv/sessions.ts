import { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import { decodeManifest, type Manifest, type SessionState } from './manifest.js';
import { readAhead } from './read-ahead.js';
import { decodeHead, isHeadOf, type RunHead } from './records.js';
import { checkSessionId, SESSIONS, sessionKey, sessionOf, TAILS } from './session-keys.js';
import {
  eraseSession,
  type NewTail,
  openSessionWriter,
  type SessionsOptions,
  type SessionWriter,
  type Stored,
} from './session-writer.js';
import type { StoredRun } from './stored-run.js';
import type { WriteBehind } from './write-behind.js';

/** Sessions at rest: a manifest each, and records of the tokens that no shared segment holds. */
export interface Sessions {
  /**
   * Become the one writer of a session; the result lets go, after what is being written. Throws `input/busy` when
   * another tab or caller has it, `storage/version` when a newer Longhand wrote it. Deletes what a crash left of it.
   */
  acquire(id: string): Promise<() => Promise<void>>;
  /** `undefined` when there is none. Throws `storage/corrupt` and `storage/version`. */
  get(id: string): Promise<Manifest | undefined>;
  list(): Promise<SessionListing[]>;
  /** Store a session that was acquired. Full or unavailable storage shows in the result, never as an error. */
  put(state: SessionState, tail?: NewTail): Promise<Stored>;
  /** The leading runs of a session's tail whose heads are intact, in order. */
  tail(manifest: Manifest): Promise<StoredTail>;
  /** Delete a session; shared segments stay. Throws `input/busy` when another tab or caller has it. */
  delete(id: string): Promise<void>;
  /** Delete records of sessions that have neither manifest nor writer: what crashes left. */
  sweep(): Promise<void>;
}

export type SessionListing =
  | { readonly id: string; readonly manifest: Manifest; readonly problem?: undefined }
  | { readonly id: string; readonly manifest?: undefined; readonly problem: LonghandError };

export interface StoredTail {
  readonly runs: readonly { readonly run: StoredRun; readonly head: RunHead }[];
  /** Why it stopped. `end`: all are there. `fingerprint`: the tail was made with something else. */
  readonly reason: 'end' | 'missing' | 'damaged' | 'tokens' | 'fingerprint' | 'unavailable';
}

export const createSessions = (store: Store, writer: WriteBehind, options: SessionsOptions): Sessions => {
  /** Sessions whose lock we hold. */
  const held = new Map<string, SessionWriter>();

  const lock = async (id: string): Promise<() => void> => {
    const release = await store.lock(sessionKey(id));
    if (release) return release;
    throw new LonghandError(
      'input/busy',
      `Session '${id}' is being written by another tab or caller. Close it there, or use another id.`,
      { session: id },
    );
  };

  const open = (id: string): Promise<SessionWriter> => openSessionWriter(id, store, writer, options);

  const acquire = async (id: string): Promise<() => Promise<void>> => {
    checkSessionId(id);
    const unlock = await lock(id);
    const session = await open(id).catch((error) => {
      unlock();
      throw error;
    });
    held.set(id, session);
    return async () => {
      if (held.get(id) !== session) return;
      held.delete(id);
      await session.settled();
      unlock();
    };
  };

  const get = async (id: string): Promise<Manifest | undefined> => {
    checkSessionId(id);
    const bytes = await store.get(sessionKey(id));
    return bytes && decodeManifest(id, bytes);
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

  const put = (state: SessionState, tail: NewTail = {}): Promise<Stored> => {
    const session = held.get(state.id);
    if (session) return session.put(state, tail);
    throw new LonghandError('internal', `Session '${state.id}' was not acquired. Please report this.`);
  };

  const tail = async ({ tail: named, tokens, fingerprint }: Manifest): Promise<StoredTail> => {
    const runs: { run: StoredRun; head: RunHead }[] = [];
    if (fingerprint !== options.fingerprint) return { runs, reason: 'fingerprint' };
    // A run is its records of pages, then its head.
    const step = options.groups + 1;
    const keysOf = (n: number): string[] => named.slice(n * step, (n + 1) * step).map(({ key }) => key);
    const read = (n: number) => store.get(keysOf(n).at(-1)!);
    try {
      for await (const bytes of readAhead(0, Math.floor(named.length / step), read)) {
        if (!bytes) return { runs, reason: 'missing' };
        const { found: head } = decodeHead(bytes);
        if (!head) return { runs, reason: 'damaged' };
        if (!isHeadOf(head, tokens)) return { runs, reason: 'tokens' };
        const { firstPage, tokens: own } = head;
        runs.push({
          run: { firstPage, tokens: own.length, keys: keysOf(runs.length).slice(0, -1) },
          head,
        });
      }
    } catch (error) {
      writer.failed(error);
      return { runs, reason: 'unavailable' };
    }
    return { runs, reason: named.length % step === 0 ? 'end' : 'damaged' };
  };

  const remove = async (id: string): Promise<void> => {
    checkSessionId(id);
    const ours = held.get(id);
    if (ours) return ours.erase();
    const unlock = await lock(id);
    await eraseSession(id, store, writer).finally(unlock);
  };

  const sweep = async (): Promise<void> => {
    const known = new Set((await store.list(SESSIONS)).map(sessionOf));
    const lost = new Set((await store.list(TAILS)).map(sessionOf));
    for (const id of known) lost.delete(id);
    for (const id of lost) {
      // Under its lock, so that nobody's unfinished `put` is taken for what a crash left; opening it cleans it up.
      const unlock = await store.lock(sessionKey(id));
      if (unlock) await open(id).finally(unlock);
    }
  };

  return { acquire, get, list, put, tail, delete: remove, sweep };
};
