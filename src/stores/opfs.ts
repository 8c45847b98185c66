import { lockEverywhere } from './locks.js';
import { openOpfsFiles } from './opfs-files.js';
import { openOpfsIndex, type Place, type PlacedValue } from './opfs-index.js';
import { createOpfsTidy } from './opfs-tidy.js';
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
/** Looks at the index for values whose file went while they were read. */
const LOOKS = 4;

/** One for each place of a file that was asked for. */
const byFile = (found: readonly (Place | Uint8Array | undefined)[]): Map<string, number[]> => {
  const wanted = new Map<string, number[]>();
  for (const [n, place] of found.entries()) {
    if (!place || ArrayBuffer.isView(place)) continue;
    wanted.set(place.file, [...(wanted.get(place.file) ?? []), n]);
  }
  return wanted;
};

/** Rejects with `storage/unavailable` outside workers and where files or IndexedDB may not be used. */
export const openOpfs = async (options: StoreOptions = {}): Promise<Store> => {
  const { database = 'longhand' } = options;
  const lockName = (name: string): string => `longhand-opfs/${database}/${name}`;
  const writer = crypto.randomUUID();
  if (!globalThis.navigator?.locks || typeof FileSystemFileHandle === 'undefined') {
    throw unavailable('files', database, 'idb', new Error('this place has none'));
  }
  const files = await openOpfsFiles(database, writer);
  const index = await openOpfsIndex(database, options);
  // Held for life: while it is, our files are nobody's orphans.
  const letGo = await lockEverywhere(lockName(`writer/${writer}`));
  const tabs = new BroadcastChannel(lockName('files'));
  tabs.onmessage = ({ data }) => files.release(data as readonly string[]);
  const tidy = createOpfsTidy(index, files, lockName, (names) => tabs.postMessage(names));

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

  /** Looks where values lie, small ones are there then, and has the files of the others read. */
  const look = async (
    keys: readonly string[],
    small: (bytes: Uint8Array, n: number) => void,
    read: (file: string, places: readonly Place[], wanted: readonly number[]) => Promise<boolean>,
  ): Promise<void> => {
    for (let look = 1; ; look++) {
      const found = await index.find(keys);
      for (const [n, one] of found.entries()) if (ArrayBuffer.isView(one)) small(one, n);
      const reads = [...byFile(found)].map(([file, wanted]) => {
        const places = wanted.map((n) => found[n] as Place);
        return read(file, places, wanted);
      });
      // A file may go between the index and the reading, when its values were deleted or moved: the index knows by now.
      if ((await Promise.all(reads)).every((isWhole) => isWhole) || look === LOOKS) return;
    }
  };

  const getMany = async (keys: readonly string[]): Promise<(Uint8Array | undefined)[]> => {
    const values: (Uint8Array | undefined)[] = keys.map(() => undefined);
    const put = (bytes: Uint8Array, n: number): void => {
      values[n] = bytes;
    };
    await look(keys, put, async (file, places, wanted) => {
      const read = await files.read(file, places);
      for (const [i, n] of wanted.entries()) values[n] = read?.[i];
      return read !== undefined;
    });
    return values;
  };

  await tidy.sweep().catch(() => undefined);

  return {
    name: 'opfs',
    get: async (key) => (await getMany([key]))[0],
    getMany,
    lend: (keys, use) =>
      look(keys, use, (file, places, wanted) =>
        files.lend(file, places, (bytes, i) => use(bytes, wanted[i]!)),
      ),
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
      tabs.close();
      await files.close();
      await index.close();
      letGo?.();
    },
  };
};
