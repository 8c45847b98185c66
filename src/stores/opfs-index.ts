import { promisifyRequest } from 'idb-keyval';
import { alone, finished, openDatabase } from './database.js';
import { opfsDatabase } from './opfs-names.js';
import { bytesOf, readMany } from './read-many.js';
import type { StoreOptions } from './store.js';

/**
 * Which value lies where, in IndexedDB: its transactions are the store's commits. Object stores `places` (key → place),
 * `small` (key → bytes too few for a file) and `files` (name → what is in it).
 */

const PLACES = 'places';
const SMALL = 'small';
const FILES = 'files';

/** Where a value lies. In no file (''): in `small`. */
export interface Place {
  readonly file: string;
  readonly at: number;
  readonly bytes: number;
}

export interface PlacedFile {
  readonly bytes: number;
  /** Bytes of it that are still somebody's value. A file with none is to be removed, and then forgotten. */
  readonly live: number;
  /** Keys of the values written to it; some may lie elsewhere since. */
  readonly keys: readonly string[];
}

export interface PlacedValue {
  readonly key: string;
  readonly place: Place;
  /** Of a value that lies in no file. */
  readonly small?: Uint8Array;
  /** Where a value that only moves must still lie; if it does not, it is left out. */
  readonly from?: Place;
}

export interface IndexChange {
  readonly delete: readonly string[];
  readonly put: readonly PlacedValue[];
  /** The new file that some of them lie in. */
  readonly file?: { readonly name: string; readonly bytes: number } | undefined;
}

export interface OpfsIndex {
  /** The bytes of small values, the places of the others. One transaction. */
  find(keys: readonly string[]): Promise<(Place | Uint8Array | undefined)[]>;
  /** All or nothing. Resolves to the files that lost values by it. */
  change(change: IndexChange): Promise<ReadonlyMap<string, PlacedFile>>;
  list(prefix: string): Promise<string[]>;
  size(prefix: string): Promise<number>;
  files(): Promise<ReadonlyMap<string, PlacedFile>>;
  /** The values that lie in a file, in the order of their places. */
  contentOf(file: string): Promise<PlacedValue[]>;
  /** Forgets files that are gone, with values that still were to lie in them. */
  forget(files: readonly string[]): Promise<void>;
  assertOpen(): void;
  close(): Promise<void>;
}

const withPrefix = (prefix: string): IDBKeyRange => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

const isSame = (a: Place | undefined, b: Place): boolean => a?.file === b.file && a.at === b.at;

/** Opens the index of `database`, which is an IndexedDB database of its own. */
export const openOpfsIndex = async (database: string, options: StoreOptions): Promise<OpfsIndex> => {
  const db = await openDatabase({
    ...options,
    database: opfsDatabase(database),
    objects: [PLACES, SMALL, FILES],
    instead: 'memory',
  });

  const placesOf = (transaction: IDBTransaction, keys: readonly string[]): Promise<(Place | undefined)[]> =>
    Promise.all(keys.map((key) => promisifyRequest(transaction.objectStore(PLACES).get(key))));

  /** A transaction that is aborted when something throws on the way, and awaited when nothing does. */
  const write = <T>(use: (transaction: IDBTransaction) => Promise<T>): Promise<T> =>
    db.transact('readwrite', async (transaction) => {
      const done = finished(transaction);
      done.catch(() => undefined);
      try {
        const result = await use(transaction);
        await done;
        return result;
      } catch (error) {
        // One that aborted by itself knows why: a full device shows nowhere else.
        if (transaction.error) throw transaction.error;
        try {
          transaction.abort();
        } catch {}
        throw error;
      }
    });

  const change: OpfsIndex['change'] = ({ delete: deleted, put, file }) =>
    write(async (transaction) => {
      const [places, small, files] = [PLACES, SMALL, FILES].map((name) => transaction.objectStore(name)) as [
        IDBObjectStore,
        IDBObjectStore,
        IDBObjectStore,
      ];
      const keys = [...new Set([...deleted, ...put.map(({ key }) => key)])];
      const found = await placesOf(transaction, keys);
      const now = new Map(keys.map((key, n) => [key, found[n]]));
      /** Bytes that files lose. */
      const lost = new Map<string, number>();
      const lose = (place: Place | undefined): void => {
        if (place?.file) lost.set(place.file, (lost.get(place.file) ?? 0) + place.bytes);
      };
      for (const key of deleted) {
        lose(now.get(key));
        now.set(key, undefined);
        places.delete(key);
        small.delete(key);
      }
      const filled: string[] = [];
      let live = 0;
      for (const { key, place, small: bytes, from } of put) {
        const before = now.get(key);
        if (from && !isSame(before, from)) continue;
        lose(before);
        now.set(key, place);
        places.put(place, key);
        if (bytes) small.put(alone(bytes), key);
        else small.delete(key);
        if (!place.file) continue;
        filled.push(key);
        live += place.bytes;
      }
      const changed = new Map<string, PlacedFile>();
      if (file) changed.set(file.name, { bytes: file.bytes, live, keys: filled });
      const names = [...lost.keys()].filter((name) => name !== file?.name);
      const known: (PlacedFile | undefined)[] = await Promise.all(
        names.map((name) => promisifyRequest(files.get(name))),
      );
      for (const [n, name] of names.entries()) if (known[n]) changed.set(name, known[n]);
      for (const [name, one] of changed) {
        const rest = { ...one, live: one.live - (lost.get(name) ?? 0) };
        changed.set(name, rest);
        files.put(rest, name);
      }
      return changed;
    });

  return {
    find: (keys) =>
      db.transact('readonly', async (transaction) => {
        const placed = (await readMany(transaction.objectStore(PLACES), keys)) as (Place | undefined)[];
        const inPlace = keys.filter((_, n) => placed[n]?.file === '');
        const small = await readMany(transaction.objectStore(SMALL), inPlace);
        const bytes = new Map(inPlace.map((key, n) => [key, bytesOf(small[n])]));
        return placed.map((place, n) => (place?.file ? place : place && bytes.get(keys[n]!)));
      }),
    change,
    list: (prefix) =>
      db.transact('readonly', async (transaction) => {
        const keys = transaction.objectStore(PLACES).getAllKeys(withPrefix(prefix));
        return (await promisifyRequest(keys)) as string[];
      }),
    size: (prefix) =>
      db.transact('readonly', async (transaction) => {
        const places: Place[] = await promisifyRequest(
          transaction.objectStore(PLACES).getAll(withPrefix(prefix)),
        );
        return places.reduce((sum, { bytes }) => sum + bytes, 0);
      }),
    files: () =>
      db.transact('readonly', async (transaction) => {
        const files = transaction.objectStore(FILES);
        const [names, found] = await Promise.all([
          promisifyRequest(files.getAllKeys()),
          promisifyRequest<PlacedFile[]>(files.getAll()),
        ]);
        return new Map(names.map((name, n) => [name as string, found[n]!]));
      }),
    contentOf: (file) =>
      db.transact('readonly', async (transaction) => {
        const row: PlacedFile | undefined = await promisifyRequest(transaction.objectStore(FILES).get(file));
        const keys = [...new Set(row?.keys)];
        const places = await placesOf(transaction, keys);
        return keys
          .flatMap((key, n) => (places[n]?.file === file ? [{ key, place: places[n] }] : []))
          .sort((a, b) => a.place.at - b.place.at);
      }),
    forget: (names) =>
      write(async (transaction) => {
        const [places, files] = [transaction.objectStore(PLACES), transaction.objectStore(FILES)];
        for (const name of names) {
          const row: PlacedFile | undefined = await promisifyRequest(files.get(name));
          const keys = row?.live ? row.keys : [];
          const found = await placesOf(transaction, keys);
          for (const [n, key] of keys.entries()) if (found[n]?.file === name) places.delete(key);
          files.delete(name);
        }
      }),
    assertOpen: db.assertOpen,
    close: db.close,
  };
};
