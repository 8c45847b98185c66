import type { OpfsFiles } from './opfs-files.js';
import type { OpfsIndex, Place } from './opfs-index.js';
import type { Store } from './store.js';

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

/** Reads the values of an `opfs` store. Needs no lock: files never change. */
export const createOpfsValues = (
  index: OpfsIndex,
  files: OpfsFiles,
): Required<Pick<Store, 'getMany' | 'lend'>> => {
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

  return {
    async getMany(keys) {
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
    },
    lend: (keys, use) =>
      look(keys, use, (file, places, wanted) =>
        files.lend(file, places, (bytes, i) => use(bytes, wanted[i]!)),
      ),
  };
};
