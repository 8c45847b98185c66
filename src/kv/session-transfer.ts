import { LonghandError } from '../errors.js';
import type { Store } from '../stores/store.js';
import type { ExportedSession, ExportOptions, TransferHooks } from './export-session.js';
import type { ImportedSession, ImportOptions } from './import-session.js';
import type { Links } from './links.js';
import { loadSessionFiles } from './load-session-files.js';
import type { Manifest } from './manifest.js';
import { checkSessionId, checkSessionTitle, sessionKey } from './session-keys.js';
import { manifestEntries, type SessionWriter } from './session-writer.js';
import type { WriteBehind } from './write-behind.js';

/** Sessions that become other sessions. */
export interface SessionTransfer {
  /**
   * A second session with the last committed state of `from`, whoever has that open. Both name the same runs, so it
   * costs the same whatever their length. Throws `input/exists` where there is one called `to`, and what the store does.
   */
  clone(from: string, to: string, title?: string): Promise<void>;
  /** The last committed state in one file. What is lost of its pages is said, and no error. */
  exportFile(id: string, hooks: TransferHooks): Promise<ExportedSession>;
  /**
   * A session from a file, under its own id or another one, all or nothing. `accept` may refuse when it sees the manifest.
   * Throws `input/exists`, `storage/corrupt`, `storage/version`, and what the store does.
   */
  importFile(
    file: Blob,
    as: { readonly id?: string | undefined; readonly title?: string | undefined },
    accept: (manifest: Manifest) => void | Promise<void>,
    hooks: TransferHooks,
  ): Promise<ImportedSession>;
}

/** What transfers need of the sessions. */
export interface SessionsAtHand {
  readonly held: ReadonlyMap<string, SessionWriter>;
  readonly links: Links;
  /** Throws `input/busy`. */
  lock(id: string): Promise<() => void>;
  get(id: string): Promise<Manifest | undefined>;
}

/** Exporting is tried again when the session changed under it, but not for ever. */
const ATTEMPTS = 3;

export const noSession = (id: string): LonghandError =>
  new LonghandError(
    'input/option',
    `There is no session '${id}'. List the sessions to see which there are.`,
    {
      option: 'id',
      session: id,
    },
  );

export const alreadyThere = (id: string): LonghandError =>
  new LonghandError(
    'input/exists',
    `There is a session '${id}' already. Nothing was overwritten: delete it first, or use another id.`,
    { session: id },
  );

const namesOf = ({ tail }: Manifest): string => tail.map(({ name }) => name).join(' ');

export const createSessionTransfer = (
  store: Store,
  writer: WriteBehind,
  { held, links, lock, get }: SessionsAtHand,
  options: ExportOptions & ImportOptions,
): SessionTransfer => {
  /** Do something as the one who may write session `id`, which there must not be yet. */
  const asNew = async <T>(id: string, step: () => Promise<T>): Promise<T> => {
    if (held.has(id)) throw alreadyThere(id);
    const unlock = await lock(id);
    try {
      if (await store.get(sessionKey(id))) throw alreadyThere(id);
      return await step();
    } finally {
      unlock();
    }
  };

  const found = async (id: string): Promise<Manifest> => {
    const manifest = await get(id);
    if (!manifest) throw noSession(id);
    return manifest;
  };

  /** With pruning held off, what a manifest names when it is read is still there when the clone names it too. */
  const copy = async (from: string, to: string, title: string | undefined): Promise<void> => {
    await writer.drained();
    const release = await links.hold();
    try {
      const manifest = await found(from);
      const now = Date.now();
      const clone = { ...manifest, id: to, title: title ?? manifest.title, created: now, used: now };
      await writer.commit({ put: manifestEntries(clone), delete: [] });
    } finally {
      release();
    }
  };

  return {
    async clone(from, to, title) {
      checkSessionId(from);
      checkSessionId(to);
      if (title !== undefined) checkSessionTitle(title);
      await asNew(to, () => {
        // What is being written of the original comes first.
        const ours = held.get(from);
        return ours ? ours.inTurn(() => copy(from, to, title)) : copy(from, to, title);
      });
    },

    async exportFile(id, hooks) {
      checkSessionId(id);
      const { exportSession } = await loadSessionFiles();
      for (let attempt = 1; ; attempt++) {
        await held.get(id)?.inTurn(async () => undefined);
        await writer.drained();
        const manifest = await found(id);
        const exported = await exportSession(manifest, store, options, hooks);
        if (exported.restorableTokens === exported.tokens || attempt === ATTEMPTS) return exported;
        // Its writer may have replaced runs while we read them: that is no loss, and the next state is whole.
        if (namesOf(await found(id)) === namesOf(manifest)) return exported;
      }
    },

    async importFile(file, { id, title }, accept, hooks) {
      if (id !== undefined) checkSessionId(id);
      if (title !== undefined) checkSessionTitle(title);
      const { importSession, openImport } = await loadSessionFiles();
      const opened = await openImport(file, hooks.encryption);
      await accept(opened.manifest);
      const as = { id: id ?? opened.manifest.id, title };
      checkSessionId(as.id);
      return asNew(as.id, () => importSession(opened, as, store, writer, links, options, hooks));
    },
  };
};
