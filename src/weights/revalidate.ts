import { compareVersions, versionOf } from './file-version.js';
import { type KeptFile, lockName } from './kept-files.js';
import { markChanged } from './partial-file.js';
import { type Fetch, isPage } from './request.js';

/** Milliseconds a server has to answer. */
const PATIENCE = 5000;

/** What a user is told. */
export const changedSince = ({ url, date }: KeptFile): string =>
  `The file at ${url} has changed since it was kept on ${new Date(date).toISOString().slice(0, 10)}; the kept one is used. ` +
  'Call deleteModel and load again for the new one.';

/**
 * Asks the server, in one HEAD request, whether a kept file is still what it serves, and notes the answer for the next
 * visit. Nobody waits for it, and no answer, or one that tells nothing, changes nothing. Never rejects.
 */
export const revalidate = async (
  folder: FileSystemDirectoryHandle,
  key: string,
  manifest: KeptFile,
  fetch: Fetch,
): Promise<boolean> => {
  if (navigator.onLine === false) return false;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const response = await fetch(manifest.url, { method: 'HEAD', cache: 'no-store', signal: stop.signal });
    const verdict =
      response.ok && !isPage(response) ? compareVersions(manifest.version, versionOf(response)) : 'unclear';
    if (verdict === 'unclear') return false;
    const isChanged = verdict === 'changed';
    if (isChanged !== (manifest.changed ?? false)) {
      await navigator.locks.request(lockName(key), { mode: 'shared', ifAvailable: true }, async (lock) => {
        if (lock) await markChanged(folder, key, isChanged);
      });
    }
    return isChanged;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
};
