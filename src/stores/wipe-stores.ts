import { LonghandError } from '../errors.js';
import { encryptedDatabase } from './encryption.js';
import { filesFolder, opfsDatabase } from './opfs-names.js';
import { removeEntry } from './remove-entry.js';

/** A thread that was ended may take its time to let go of its files. */
const REMOVE_TRIES = 10;

const inUse = (what: string, cause?: unknown): LonghandError =>
  new LonghandError(
    'input/busy',
    `${what} is open somewhere and cannot be deleted now. Close models and other tabs of this site, and wipe again.`,
    {},
    { cause },
  );

const deleteDatabase = (name: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(inUse(`The database '${name}'`, request.error));
    // Connections of ours make way when they are asked to; this one is not ours.
    request.onblocked = () => reject(inUse(`The database '${name}'`));
  });

const deleteFiles = async (database: string): Promise<void> => {
  const storage = globalThis.navigator?.storage;
  if (typeof storage?.getDirectory !== 'function') return;
  const { folder, name } = filesFolder(database);
  try {
    const all = await (await storage.getDirectory()).getDirectoryHandle(folder);
    const refusal = await removeEntry(all, name, { tries: REMOVE_TRIES, recursive: true });
    if (refusal) throw refusal;
  } catch (error) {
    const reason = (error as Error).name;
    // Nothing was ever there, or this site may keep no files at all.
    if (reason === 'NotFoundError' || reason === 'SecurityError') return;
    throw inUse(`A file of '${database}'`, error);
  }
};

/** Deletes all that stores have under this name, plain and encrypted. Rejects with `input/busy`. */
export const wipeStores = async (database: string): Promise<void> => {
  for (const name of [database, encryptedDatabase(database)]) {
    // First what says where the rest lies: half of it means nothing.
    for (const one of globalThis.indexedDB ? [name, opfsDatabase(name)] : []) await deleteDatabase(one);
    await deleteFiles(name);
  }
};
