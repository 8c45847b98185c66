import { lockEverywhere } from './locks.js';
import { type OpfsFiles, openOpfsFiles } from './opfs-files.js';
import { openOpfsIndex, type PlacedValue } from './opfs-index.js';
import { createOpfsTidy } from './opfs-tidy.js';
import { createOpfsValues } from './opfs-values.js';
import { closedStore, full, isQuota, unavailable } from './refusals.js';
import type { Store, StoreBatch, StoreOptions } from './store.js';

/**
 * The origin-private file system for what is large, IndexedDB for what is small and for where everything lies. A commit
 * writes its large values to one new file, flushes it, and then changes the index in one transaction, which is the
 * commit. Files never change, so readers need no locks; a file that no index names is an orphan of a crash, and a file
 * all of whose values are gone is removed (docs/adr/0014-files-that-never-change.md).
 */

/** Beyond, IndexedDB with a file beside it reads as fast as alone and writes faster (docs/LIMITS.md, Stores). */
const SMALL_BYTES = 8 * 1024;

const lockOf = (database: string, name: string): string => `longhand-opfs/${database}/${name}`;

/** Where tabs, and threads of a tab, tell each other which files are to be let go of. */
const listen = (database: string, files: OpfsFiles): BroadcastChannel => {
  const others = new BroadcastChannel(lockOf(database, 'files'));
  others.onmessage = ({ data }) => files.release(data as readonly string[]);
  return others;
};

const openBoth = async (options: StoreOptions, writer: string) => {
  const { database = 'longhand' } = options;
  const files = await openOpfsFiles(database, writer);
  return { files, index: await openOpfsIndex(database, options) };
};

/** Only reads what a store has, for a thread beside the one that writes. Rejects as `openOpfs`. */
export const readOpfs = async (options: StoreOptions & { readonly database: string }) => {
  const { files, index } = await openBoth(options, '');
  listen(options.database, files);
  return createOpfsValues(index, files);
};

/** Rejects with `storage/unavailable` outside workers and where files or IndexedDB may not be used. */
export const openOpfs = async (options: StoreOptions = {}): Promise<Store> => {
  const { database = 'longhand' } = options;
  const lockName = (name: string): string => lockOf(database, name);
  const writer = crypto.randomUUID();
  if (!globalThis.navigator?.locks || typeof FileSystemFileHandle === 'undefined') {
    throw unavailable('files', database, 'idb', new Error('this place has none'));
  }
  const { files, index } = await openBoth(options, writer);
  // Held for life: while it is, our files are nobody's orphans.
  const letGo = await lockEverywhere(lockName(`writer/${writer}`));
  const others = listen(database, files);
  const tidy = createOpfsTidy(index, files, lockName, (names) => others.postMessage(names));

  /** Changes wait for each other: in whatever order their files were written, the last one asked for counts. */
  let changing: Promise<unknown> = Promise.resolve();
  let closed = false;
  const inTurn = <T>(step: () => Promise<T>): Promise<T> => {
    const done = changing.then(step);
    changing = done.catch(() => undefined);
    return done;
  };

  const change = async (batch: StoreBatch): Promise<void> => {
    const isLarge = ([, bytes]: StoreBatch['put'][number]): boolean => bytes.length > SMALL_BYTES;
    const large = batch.put.filter(isLarge);
    const file = large.length > 0 ? await files.write(large.map(([, bytes]) => bytes)) : undefined;
    let end = 0;
    const put = batch.put.map((entry): PlacedValue => {
      const [key, { length }] = entry;
      if (!isLarge(entry)) return { key, place: { file: '', at: 0, bytes: length }, small: entry[1] };
      const at = end;
      end += length;
      return { key, place: { file: file!.name, at, bytes: length } };
    });
    const changed = await index.change({ delete: batch.delete, put, file }).catch(async (error) => {
      if (file) await files.remove([file.name]);
      if (!isQuota(error)) throw error;
      throw await full(
        batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0),
        error,
      );
    });
    // It is committed; whatever cannot be tidied up now is left to whoever comes next.
    await tidy.after(changed).catch(() => undefined);
  };

  const { getMany, lend } = createOpfsValues(index, files);
  await tidy.sweep().catch(() => undefined);

  return {
    name: 'opfs',
    get: async (key) => (await getMany([key]))[0],
    getMany,
    lend,
    commit: async (batch) => {
      index.assertOpen();
      if (closed) throw closedStore();
      return inTurn(() => change(batch));
    },
    list: index.list,
    size: index.size,
    async lock(name, how) {
      index.assertOpen();
      return lockEverywhere(lockName(`name/${name}`), how);
    },
    async close() {
      if (closed) return;
      closed = true;
      await changing;
      others.close();
      await files.close();
      await index.close();
      letGo?.();
    },
  };
};
