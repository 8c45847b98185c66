import { isLaidOut } from './check-run.js';
import { createForesight } from './foresight.js';
import { createReadRecords, type Read, type ReadRecordsOptions, type RecordWanted } from './read-records.js';
import { decodeRecord, type KvRecord } from './records.js';
import { sealOf } from './seal.js';
import type { StoredRun } from './stored-run.js';

/** A record that was not found as it should be. */
export interface LostRecord extends RecordWanted {
  readonly reason: 'missing' | 'damaged' | 'unavailable';
  /** What is wrong with a damaged record, in words. */
  readonly fault?: string;
}

export interface FetchRecordsOptions extends Omit<ReadRecordsOptions, 'known'> {
  /** Bytes of a record of a whole run, by group. */
  readonly bytes: readonly number[];
  /** Bytes that may be on their way before they are asked for. */
  room(): number;
  /** The store failed. Rethrows what is not a failure of storage. */
  failed(error: unknown): void;
  lost(record: LostRecord): void;
}

/** A flag and a digest. */
const CHECKED_BYTES = 17;

/** Reads records, judges them, and tells which are lost. */
export const createFetchRecords = (options: FetchRecordsOptions) => {
  const { groups, pageBytes, rooms, failed, lost } = options;
  /** By group: 1 and its digest where a record was checked in full. A page that comes and goes is hashed once an opening. */
  const checked = new WeakMap<StoredRun, Uint8Array>();
  const known = ({ run, group }: RecordWanted): Uint8Array | undefined => {
    const own = checked.get(run)?.subarray(group * CHECKED_BYTES, (group + 1) * CHECKED_BYTES);
    return own?.[0] === 1 ? own.subarray(1) : undefined;
  };

  const release = (record: KvRecord): void => {
    for (const page of record.pages.flat()) rooms?.free(page);
  };
  const read = createForesight({
    ...options,
    read: createReadRecords({ ...options, known }),
    release: (read) => read && 'record' in read && release(read.record),
  });

  const check = (wanted: RecordWanted, read: Read): KvRecord | undefined => {
    const lose = (reason: LostRecord['reason'], fault?: string) =>
      lost({ ...wanted, reason, ...(fault !== undefined && { fault }) }) as undefined;
    if (!read) return lose('missing');
    const { found, fault } = 'record' in read ? { found: read.record } : decodeRecord(read, known(wanted));
    if (!found) return lose('damaged', fault);
    const { run, group } = wanted;
    if (!isLaidOut(found, run, group, { groups, pageBytes })) {
      release(found);
      return lose('damaged', 'it is a record of something else');
    }
    const all = checked.get(run) ?? new Uint8Array(groups.length * CHECKED_BYTES);
    all.set([1, ...('record' in read ? read.seal : sealOf(read))], group * CHECKED_BYTES);
    checked.set(run, all);
    return found;
  };

  return {
    /** See `Archive.fetch`. */
    async fetch(wants: readonly RecordWanted[]): Promise<(KvRecord | undefined)[]> {
      try {
        const stored = await read(wants);
        return wants.map((wanted, n) => check(wanted, stored[n]));
      } catch (error) {
        failed(error);
        return wants.map((wanted) => lost({ ...wanted, reason: 'unavailable' }) as undefined);
      }
    },
    /** See `Archive.release`. */
    release,
  };
};
