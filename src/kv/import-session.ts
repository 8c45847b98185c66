import { PAGE } from '../backends/backend.js';
import { throwIfAborted } from '../errors.js';
import type { Store } from '../stores/store.js';
import { checkRun, type RunLayout } from './check-run.js';
import type { TransferHooks } from './export-session.js';
import { type Links, storedRuns } from './links.js';
import { type Manifest, readManifest, type TailRun } from './manifest.js';
import { corruptFile, openSessionFile, type SessionFileReader } from './session-file.js';
import { generationOf, linkPrefix, MOST_TITLE, runKey, runName, runOf } from './session-keys.js';
import { manifestEntries } from './session-writer.js';
import type { StoreEntry, WriteBehind } from './write-behind.js';

/** A session that came in a file. */
export interface ImportedSession {
  readonly id: string;
  readonly tokens: number;
  /** Leading tokens that need not be read again. */
  readonly restorableTokens: number;
  /** Why not all of them, in words. */
  readonly reason?: string;
}

export interface ImportOptions extends RunLayout {
  readonly fingerprint: string;
  readonly segmentTokens: number;
  readonly batchBytes: number;
}

/** A file whose table and manifest were read and make sense; its pages are still in it. */
export interface OpenedFile {
  readonly manifest: Manifest;
  readonly reader: SessionFileReader;
}

/** Throws `storage/corrupt`, `storage/version` and `storage/key`. */
export const openImport = async (file: Blob, secret?: CryptoKey): Promise<OpenedFile> => {
  const reader = await openSessionFile(file, secret);
  const { manifest, fault, ...read } = readManifest(await reader.next(reader.table.manifest));
  if (!manifest) throw corruptFile('newer' in read ? 'its manifest is of a newer Longhand' : fault!);
  return { manifest, reader };
};

/** One above all generations of private runs that session `id` ever wrote and that may still be there. */
export const nextGeneration = async (id: string, store: Store): Promise<number> => {
  const linked = (await store.list(linkPrefix(id))).map(runOf);
  return Math.max(0, ...[...(await storedRuns(store, id)), ...linked].map(generationOf)) + 1;
};

/**
 * Stores what a file holds as session `id`, all or nothing. All its runs are private to it: a file could give any pages
 * for any tokens, so nothing of it is ever found by content. For whoever holds the session's lock; rejects with
 * `storage/corrupt`, `AbortError`, and as the store does.
 */
export const importSession = async (
  { manifest, reader }: OpenedFile,
  as: { readonly id: string; readonly title?: string | undefined },
  store: Store,
  writer: WriteBehind,
  links: Links,
  options: ImportOptions,
  { signal, onProgress }: TransferHooks,
): Promise<ImportedSession> => {
  // Titles that are typed in are bounded; so is one that comes from elsewhere.
  const { id, title = manifest.title.slice(0, MOST_TITLE) } = as;
  const { tokens } = manifest;
  const { segmentTokens } = options;
  const fits = manifest.fingerprint === options.fingerprint && manifest.segmentTokens === segmentTokens;
  const generation = await nextGeneration(id, store);
  const tail: TailRun[] = [];
  let batch: StoreEntry[] = [];
  let bytes = 0;
  let done = 0;
  try {
    for (const marks of fits ? reader.table.runs : []) {
      throwIfAborted(signal);
      if (done % segmentTokens > 0 || done >= tokens.length)
        throw corruptFile('it has more pages than tokens');
      const parts: Uint8Array[] = [];
      for (const mark of marks) parts.push(await reader.next(mark));
      const place = { firstPage: done / PAGE, tokens: tokens.subarray(done, done + segmentTokens) };
      const { run, fault } = checkRun(parts, place, options);
      if (!run) throw corruptFile(`its pages from token ${done} on cannot be used: ${fault}`);
      const name = runName(id, generation, tail.length);
      const size = parts.reduce((sum, part) => sum + part.length, 0);
      // The head comes last, as everywhere: it tells of the others.
      for (const [group, part] of parts.slice(1).entries()) batch.push([runKey(name, group), part]);
      batch.push([runKey(name), parts[0]!]);
      tail.push({ name, tokens: place.tokens.length, bytes: size });
      done += place.tokens.length;
      bytes += size;
      if (bytes >= options.batchBytes) {
        await writer.commit({ put: batch, delete: [] });
        batch = [];
        bytes = 0;
      }
      onProgress?.(done, tokens.length);
    }
    throwIfAborted(signal);
    const whole = { ...manifest, id, title, used: Date.now(), canonical: 0, sharing: false, tail };
    await writer.commit({ put: [...batch, ...manifestEntries(whole)], delete: [] });
  } catch (error) {
    await links.prune(tail.map(({ name }) => name));
    throw error;
  }
  const reason = !fits
    ? 'its pages were made with another model, method or build; its tokens are read again'
    : done < tokens.length
      ? 'the file has no pages for the rest'
      : undefined;
  return { id, tokens: tokens.length, restorableTokens: done, ...(reason !== undefined && { reason }) };
};
