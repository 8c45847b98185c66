import type { Store } from '../stores/store.js';
import { pagesIn } from './check-run.js';
import { type Landed, land, landedIn, type Rooms } from './landing.js';
import type { KvRecord, RecordGroup } from './records.js';
import type { StoredRun } from './stored-run.js';

/** A record that is asked for; `group` is its index in `archive.groups`. */
export interface RecordWanted {
  readonly run: StoredRun;
  readonly group: number;
}

/** What was read: bytes, not looked at, or a record that was found whole, its pages in rooms, and its digest. */
export type Read = Uint8Array | { readonly record: KvRecord; readonly seal: Uint8Array } | undefined;

/** What a thread that reads says of each record: where it could not let it land, its bytes. */
export type Landing = Landed | Uint8Array | undefined;

/** A store that another thread may read. */
export interface RunStore extends Store {
  /**
   * Records whose pages that thread copies to rooms. `undefined` where it is not there; rejects where it died, and may still be
   * writing.
   */
  land?(keys: readonly string[], rooms: readonly (readonly Uint8Array[])[]): Promise<Landing[]> | undefined;
}

export interface ReadRecordsOptions {
  readonly store: RunStore;
  readonly groups: readonly RecordGroup[];
  readonly pageBytes: readonly number[];
  readonly rooms: Rooms | undefined;
  /** The digest of what was checked before in this place. */
  known(wanted: RecordWanted): Uint8Array | undefined;
}

/** Reads records, in the order asked, into memory that becomes pages where there is such. Rejects as the store does. */
export const createReadRecords = ({ store, groups, pageBytes, rooms, known }: ReadRecordsOptions) => {
  const free = (some: readonly Uint8Array[]): void => {
    for (const room of some) rooms!.free(room);
  };

  /** For the pages of all records, layer by layer, or for none. */
  const takeRooms = (wants: readonly RecordWanted[]): Uint8Array[][] | undefined => {
    const taken: Uint8Array[][] = [];
    for (const { run, group } of wants) {
      const { from, to } = groups[group]!;
      const own: Uint8Array[] = [];
      taken.push(own);
      for (let n = 0; n < (to - from) * pagesIn(groups[group]!, run); n++) {
        const room = rooms!.take(pageBytes[from + Math.floor(n / pagesIn(groups[group]!, run))]!);
        if (!room) return void free(taken.flat());
        own.push(room);
      }
    }
    return taken;
  };

  return async (wants: readonly RecordWanted[]): Promise<Read[]> => {
    const keys = wants.map(({ run, group }) => run.keys[group]!);
    const into = rooms && store.lend && takeRooms(wants);
    if (!into) return store.getMany(keys);
    const beside = store.land?.(keys, into);
    let found: Landing[] = [];
    try {
      if (beside) found = await beside;
      else {
        await store.lend!(keys, (bytes, n) => {
          found[n] = land(bytes, into[n]!, known(wants[n]!)) ?? bytes.slice();
        });
      }
    } catch (error) {
      // What a dead thread may still be writing to is nobody's for ever.
      if (beside) return store.getMany(keys);
      free(into.flat());
      throw error;
    }
    return into.map((own, n) => {
      const one = found[n];
      if (one && 'seal' in one) return { record: landedIn(one, own), seal: one.seal };
      free(own);
      return one;
    });
  };
};
