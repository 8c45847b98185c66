import { PAGE } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { Archive } from '../kv/archive.js';
import type { ExportedSession, TransferHooks } from '../kv/export-session.js';
import type { ExportSettings, ImportSettings } from '../kv/file-options.js';
import type { ImportedSession } from '../kv/import-session.js';
import type { ListedSession } from '../kv/list-sessions.js';
import { loadSessionFiles } from '../kv/load-session-files.js';
import { inWords, madeOtherwise } from '../kv/made.js';
import type { Manifest } from '../kv/manifest.js';
import { fingerprintOf, type Provenance } from '../kv/segments.js';
import { noSession } from '../kv/session-transfer.js';
import type { Sessions } from '../kv/sessions.js';
import type { SessionProbe, StoredSession } from './engine.js';
import type { OpenModel } from './open-model.js';
import { notesOf } from './session-notes.js';

const OTHER_TOKENIZER = 'It was made with another tokenizer, so its tokens mean nothing to this model.';

const shown = (listed: ListedSession, provenance: Provenance, fingerprint: string): StoredSession => {
  const { id } = listed;
  if (listed.problem) {
    const nothing = { title: id, tokens: 0, created: 0, used: 0, bytes: { own: 0, shared: 0 } };
    return { id, ...nothing, restores: 'nothing', problem: listed.problem.message };
  }
  const { listing, ownBytes: own } = listed;
  const { title, tokens, created, used, made } = listing;
  const tail = listing.tail.reduce((sum, run) => sum + run.bytes, 0);
  const pages = Math.ceil(tokens / PAGE);
  const segments = pages === 0 ? 0 : Math.round((listing.bytes / pages) * (listing.canonical / PAGE));
  const session = { id, title, tokens, created, used, bytes: { own, shared: segments + tail - own } };
  if (made.tokenizer !== provenance.tokenizer) {
    return { ...session, restores: 'nothing', problem: OTHER_TOKENIZER };
  }
  if (listing.fingerprint === fingerprint) return { ...session, restores: 'pages' };
  const what = `made with another ${inWords(madeOtherwise(made, provenance))}`;
  const isRead = fingerprintOf(made) === fingerprintOf(provenance);
  const problem = isRead
    ? `What was asked and answered was ${what}: it is read again when it is opened.`
    : `Its pages were ${what}: it is read again when it is opened.`;
  return { ...session, restores: 'tokens', problem };
};

/** What can be done with sessions that need not be open. */
export interface StoredSessions {
  list(): Promise<StoredSession[]>;
  probe(id: string): Promise<SessionProbe>;
  rename(id: string, title: string): Promise<void>;
  clone(from: string, to: string, title?: string): Promise<void>;
  delete(id: string): Promise<void>;
  evict(id: string): Promise<number>;
  exportFile(id: string, options: ExportSettings, hooks: CallHooks): Promise<ExportedSession>;
  importFile(file: Blob, as: ImportSettings, hooks: CallHooks): Promise<ImportedSession>;
}

type CallHooks = Omit<TransferHooks, 'encryption'>;

/** Where nothing is kept, nothing can be asked of it. */
export const archiveOf = ({ kept, unkept }: OpenModel): Archive => {
  if (kept) return kept.archive;
  throw new LonghandError(
    'storage/unavailable',
    unkept === 'none'
      ? "Nothing is kept: the model was loaded with kv.store 'none'. Load it with another store."
      : 'The store could not be opened when the model was loaded; model.info.warnings says why.',
  );
};

export const storedSessions = (model: OpenModel): StoredSessions => {
  const { kept, provenance, reader } = model;
  const sessions = (): Sessions => archiveOf(model).sessions;

  /** Refuses what could not be opened once it is stored. */
  const accept = async (manifest: Manifest): Promise<void> => {
    if (manifest.made.tokenizer !== provenance.tokenizer) {
      throw new LonghandError(
        'input/option',
        `The file holds session '${manifest.id}' of a model with another tokenizer; its tokens mean nothing to this ` +
          'model. Load the model that it was exported from.',
        { option: 'file', session: manifest.id },
      );
    }
    const { vocab } = reader.config;
    const wrong = manifest.tokens.find((id) => id >= vocab);
    if (wrong !== undefined) {
      throw new LonghandError(
        'storage/corrupt',
        `The file cannot be imported: ${wrong} is not a token of this model. Nothing was stored.`,
        { session: manifest.id },
      );
    }
    await notesOf(manifest);
  };

  return {
    async list() {
      if (!kept) return [];
      const { sessions, fingerprint } = kept.archive;
      return (await sessions.list()).map((listed) => shown(listed, provenance, fingerprint));
    },
    async probe(id) {
      const { get, probe } = sessions();
      const found = await get(id).catch((error: LonghandError) => {
        if (error.code !== 'storage/corrupt' && error.code !== 'storage/version') throw error;
        return error;
      });
      if (!found) throw noSession(id);
      if ('code' in found) return { tokens: 0, restorableTokens: 0, opens: false, reason: found.message };
      const tokens = found.tokens.length;
      if (found.made.tokenizer !== provenance.tokenizer)
        return { tokens, restorableTokens: 0, opens: false, reason: OTHER_TOKENIZER };
      if (found.fingerprint !== kept!.archive.fingerprint) {
        const reason = `Its pages were made with another ${inWords(madeOtherwise(found.made, provenance))}.`;
        return { tokens, restorableTokens: 0, opens: true, reason };
      }
      return { tokens, opens: true, ...(await probe(found)) };
    },
    rename: (id, title) => sessions().rename(id, title),
    clone: (from, to, title) => sessions().clone(from, to, title),
    async delete(id) {
      await kept?.archive.sessions.delete(id);
    },
    async evict(id) {
      const freed = await archiveOf(model).evictSession(id);
      if (freed === undefined) throw noSession(id);
      return freed;
    },
    async exportFile(id, options, hooks) {
      const { checkExportOptions } = await loadSessionFiles();
      checkExportOptions(options, model.kept?.store.encrypted === true);
      return sessions().exportFile(id, { ...hooks, encryption: options.encryption });
    },
    async importFile(file, as, hooks) {
      const { checkImportOptions } = await loadSessionFiles();
      checkImportOptions(as);
      if (!(file instanceof Blob))
        throw new LonghandError('input/type', 'A session is imported from a File, a Blob, or bytes.');
      return sessions().importFile(file, as, accept, { ...hooks, encryption: as.encryption });
    },
  };
};
