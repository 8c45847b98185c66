import { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import type { ExportOptions } from './export-session.js';
import { createLinks, storedRuns } from './links.js';
import { type ListedSession, listSessions } from './list-sessions.js';
import { decodeManifest, type Manifest, type SessionState } from './manifest.js';
import { type ProbedPages, probeSession } from './probe-session.js';
import { readTail, type StoredTail } from './read-tail.js';
import { checkSessionId, checkSessionTitle, listingKey, originOf, sessionKey } from './session-keys.js';
import { createSessionTransfer, noSession, type SessionTransfer } from './session-transfer.js';
import {
  eraseSession,
  type NewTail,
  openSessionWriter,
  type SessionWriter,
  type Stored,
  type WriterOptions,
} from './session-writer.js';
import type { WriteBehind } from './write-behind.js';

/** Sessions at rest: a manifest each, and private runs of the tokens that no shared segment holds. */
export interface Sessions extends SessionTransfer {
  /**
   * Become the one writer of a session; the result lets go, after what is being written. Throws `input/busy` when
   * another tab or caller has it, unless it is to wait, and `storage/version` when a newer Longhand wrote it. Deletes
   * what a crash left of it.
   */
  acquire(id: string, how?: AcquireOptions): Promise<() => Promise<void>>;
  /** As it was last committed; `undefined` when there is none. Throws `storage/corrupt` and `storage/version`. */
  get(id: string): Promise<Manifest | undefined>;
  list(): Promise<ListedSession[]>;
  /** Store a session that was acquired. Full or unavailable storage shows in the result, never as an error. */
  put(state: SessionState, tail?: NewTail): Promise<Stored>;
  /** The heads at the start of a session's tail that are whole, in order. Reads no pages. */
  tail(manifest: Manifest): Promise<StoredTail>;
  /** Which of a session's pages are stored. Reads no values; rejects as the store does. */
  probe(manifest: Manifest): Promise<ProbedPages>;
  /** Call a session something else; its id stays. Throws `input/busy`, `input/option`, and what the store does. */
  rename(id: string, title: string): Promise<void>;
  /** Delete a session; what others name stays. Throws `input/busy` when another tab or caller has it. */
  delete(id: string): Promise<void>;
  /** Delete private runs that nobody names nor writes: what crashes left. */
  sweep(): Promise<void>;
}

export interface AcquireOptions {
  /** Wait for whoever has it. Default false. */
  readonly wait?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the sessions share with the archive they belong to. */
export interface SessionsOptions extends WriterOptions, ExportOptions {}

const inUse = (id: string): LonghandError =>
  new LonghandError(
    'input/busy',
    `Session '${id}' is being written by another tab or caller. Close it there, wait for it, open it to read only, or ` +
      'use another id.',
    { session: id },
  );

export const createSessions = (store: Store, writer: WriteBehind, options: SessionsOptions): Sessions => {
  /** Sessions whose lock we hold. */
  const held = new Map<string, SessionWriter>();
  const links = createLinks(store, writer);

  const lock = async (id: string, { wait = false, signal }: AcquireOptions = {}): Promise<() => void> => {
    const release = await store.lock(sessionKey(id), { wait, signal, writes: true });
    if (release) return release;
    throw inUse(id);
  };

  const open = (id: string): Promise<SessionWriter> => openSessionWriter(id, store, writer, links, options);

  const acquire = async (id: string, how?: AcquireOptions): Promise<() => Promise<void>> => {
    checkSessionId(id);
    const unlock = await lock(id, how);
    const session = await open(id).catch((error) => {
      unlock();
      throw error;
    });
    held.set(id, session);
    return async () => {
      if (held.get(id) !== session) return;
      held.delete(id);
      await session.inTurn(async () => undefined);
      unlock();
    };
  };

  /** Lists believe a listing: without it they look at the manifest, and say what is wrong with that. */
  const forgetListing = (id: string): Promise<void> =>
    store.commit({ put: [], delete: [listingKey(id)] }).catch(writer.failed);

  const get = async (id: string): Promise<Manifest | undefined> => {
    checkSessionId(id);
    const bytes = await store.get(sessionKey(id));
    try {
      return bytes && decodeManifest(id, bytes);
    } catch (error) {
      if ((error as LonghandError).code === 'storage/corrupt') await forgetListing(id);
      throw error;
    }
  };

  const put = (state: SessionState, tail: NewTail = {}): Promise<Stored> => {
    const session = held.get(state.id);
    if (session) return session.put(state, tail);
    throw new LonghandError('internal', `Session '${state.id}' was not acquired. Please report this.`);
  };

  const tail = (manifest: Manifest): Promise<StoredTail> =>
    readTail(manifest, store, { ...options, groups: options.groups.length }).catch((error) => {
      writer.failed(error);
      return { runs: [], reason: 'unavailable' };
    });

  const rename = async (id: string, title: string): Promise<void> => {
    checkSessionId(id);
    checkSessionTitle(title);
    const ours = held.get(id);
    if (ours) return void (await ours.rename(title));
    const unlock = await lock(id);
    try {
      if (!(await (await open(id)).rename(title))) throw noSession(id);
    } finally {
      unlock();
    }
  };

  const remove = async (id: string): Promise<void> => {
    checkSessionId(id);
    const ours = held.get(id);
    if (ours) return ours.erase();
    const unlock = await lock(id);
    await eraseSession(id, store, writer, links).finally(unlock);
  };

  const sweep = async (): Promise<void> => {
    const linked = await links.count();
    const lost = [...(await storedRuns(store))].filter((run) => !linked.has(run));
    for (const id of new Set(lost.map(originOf))) {
      // Under its lock, so that nobody's unfinished `put` is taken for what a crash left; opening it cleans it up.
      const unlock = await store.lock(sessionKey(id), { writes: true });
      if (!unlock) continue;
      await open(id)
        .catch((error: LonghandError) => {
          // What a newer Longhand left is its own affair.
          if (error.code !== 'storage/version') throw error;
        })
        .finally(unlock);
    }
  };

  const transfer = createSessionTransfer(store, writer, { held, links, lock, get }, options);
  return {
    ...transfer,
    acquire,
    get,
    list: () => listSessions(store, links),
    put,
    tail,
    probe: (manifest) => probeSession(manifest, store, options),
    rename,
    delete: remove,
    sweep,
  };
};
