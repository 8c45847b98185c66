import { lockEverywhere } from './locks.js';
import { type OpfsFiles, writerOf } from './opfs-files.js';
import type { OpfsIndex, PlacedFile, PlacedValue } from './opfs-index.js';

/** Less than half of it is somebody's: worth writing anew, so that files hold at most twice what is stored. */
const isSparse = ({ bytes, live }: PlacedFile): boolean => live > 0 && 2 * live < bytes;

/** Keeps the files of an `opfs` store to what its index names. */
export interface OpfsTidy {
  /** Removes files that lost their last value and writes anew those that lost most. What cannot be done now is done later. */
  after(changed: ReadonlyMap<string, PlacedFile>): Promise<void>;
  /** What crashes and refusals left: to be called once, by whoever opens. */
  sweep(): Promise<void>;
}

export const createOpfsTidy = (
  index: OpfsIndex,
  files: OpfsFiles,
  lockName: (name: string) => string,
  /** Tells other tabs to let go of files. */
  tell: (names: readonly string[]) => void,
): OpfsTidy => {
  /** Files without a value that somebody still reads. */
  let dead = new Set<string>();

  const removeDead = async (): Promise<void> => {
    if (dead.size === 0) return;
    tell([...dead]);
    const gone = await files.remove(dead);
    // Not in a transaction with the removal: if we die in between, the next sweep finds nothing to remove and forgets them.
    if (gone.length > 0) await index.forget(gone);
    dead = new Set([...dead].filter((name) => !gone.includes(name)));
  };

  /** Moves what lives in a file to a new one. */
  const rewrite = async (name: string): Promise<void> => {
    const content = await index.contentOf(name);
    const moved: PlacedValue[] = [];
    // One value at a time, so that a large file needs no more memory than its largest value.
    const values = async function* () {
      let at = 0;
      for (const { key, place } of content) {
        const [bytes] = (await files.read(name, [place])) ?? [];
        if (!bytes) throw new Error('A value cannot be read.');
        moved.push({ key, place: { ...place, at }, from: place });
        at += bytes.length;
        yield bytes;
      }
    };
    const file = await files.write(values());
    const put = moved.map((value) => ({ ...value, place: { ...value.place, file: file.name } }));
    const changed = await index.change({ delete: [], put, file }).catch(async (error) => {
      await files.remove([file.name]);
      throw error;
    });
    for (const [one, { live }] of changed) if (live === 0) dead.add(one);
  };

  const rewriteSparse = async (changed: ReadonlyMap<string, PlacedFile>): Promise<void> => {
    const sparse = [...changed].filter(([, file]) => isSparse(file)).map(([name]) => name);
    if (sparse.length === 0) return;
    const release = await lockEverywhere(lockName('tidy'));
    if (!release) return;
    try {
      // One that cannot be read or written anew now stays as it is.
      for (const name of sparse) await rewrite(name).catch(() => undefined);
    } finally {
      release();
    }
  };

  const after = async (changed: ReadonlyMap<string, PlacedFile>): Promise<void> => {
    for (const [name, { live }] of changed) if (live === 0) dead.add(name);
    await rewriteSparse(changed);
    await removeDead();
  };

  /** Files of writers that are no more, which no index names: a crash came before their commit. */
  const removeOrphans = async (): Promise<void> => {
    const named = await index.files();
    const present = await files.names();
    const orphans = present.filter((name) => !named.has(name));
    for (const writer of new Set(orphans.map(writerOf))) {
      const release = await lockEverywhere(lockName(`writer/${writer}`));
      if (!release) continue;
      try {
        // It may have committed between our looks; from now on it cannot.
        const last = await index.files();
        await files.remove(orphans.filter((name) => writerOf(name) === writer && !last.has(name)));
      } finally {
        release();
      }
    }
    // The other way round: the browser, or somebody, cleared files that values were in.
    const there = new Set(present);
    const lost = [...named].filter(([name, { live }]) => live > 0 && !there.has(name)).map(([name]) => name);
    if (lost.length > 0) await index.forget(lost);
  };

  return {
    after,
    async sweep() {
      await removeOrphans();
      await after(await index.files());
    },
  };
};
