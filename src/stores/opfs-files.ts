import { LonghandError } from '../errors.js';
import { filesFolder } from './opfs-names.js';
import { openReader, type Reader } from './opfs-reader.js';
import { full, isQuota, unavailable } from './refusals.js';
import { removeEntry } from './remove-entry.js';

/**
 * The files of an `opfs` store: each written once, by one writer, and never changed. A name is `<writer>.<number>`.
 */
export interface OpfsFiles {
  /** Writes values one after another to a new file, and flushes it. Rejects with `storage/quota` or `…/unavailable`. */
  write(
    values: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<{ readonly name: string; readonly bytes: number }>;
  /** The bytes of these places; `undefined` where the file is gone or cannot be read. */
  read(name: string, places: readonly Span[]): Promise<Uint8Array[] | undefined>;
  /**
   * As `read`, but hands them over one by one, for the length of the call, in memory that is used again. Resolves to whether
   * all could be.
   */
  lend(name: string, places: readonly Span[], use: (bytes: Uint8Array, n: number) => void): Promise<boolean>;
  /** Removes files; resolves to those that are gone then. One that another tab reads stays for now. */
  remove(names: Iterable<string>): Promise<string[]>;
  names(): Promise<string[]>;
  /** Lets go of files that are open here: elsewhere they are to be removed. */
  release(names: Iterable<string>): void;
  close(): Promise<void>;
}

/** What only a worker gets; the DOM's types do not have it. */
interface WritableHandle {
  write(bytes: Uint8Array, options: { at: number }): number;
  flush(): void;
  close(): void;
}
type Writable = FileSystemFileHandle & { createSyncAccessHandle?(): Promise<WritableHandle> };

/** Files kept open for reading: opening costs ten times as much as reading. */
const OPEN_FILES = 64;
const REMOVE_TRIES = 3;

/** Bytes that are read at once where values lie one behind the other: whoever keeps one of them keeps all. */
const AT_ONCE = 1024 * 1024;

interface Span {
  readonly at: number;
  readonly bytes: number;
}

/** Places one behind the other, in the order given, as few reads. */
const spansOf = (places: readonly Span[]): { at: number; bytes: number; places: Span[] }[] => {
  const spans: { at: number; bytes: number; places: Span[] }[] = [];
  for (const place of places) {
    const span = spans.at(-1);
    if (span && place.at === span.at + span.bytes && span.bytes + place.bytes <= AT_ONCE) {
      span.bytes += place.bytes;
      span.places.push(place);
    } else spans.push({ ...place, places: [place] });
  }
  return spans;
};

export const writerOf = (name: string): string => name.split('.')[0]!;

const folderOf = async (database: string): Promise<FileSystemDirectoryHandle> => {
  try {
    if (!('createSyncAccessHandle' in FileSystemFileHandle.prototype)) {
      throw new Error('files can be written in a worker only');
    }
    const root = await navigator.storage.getDirectory();
    const { folder, name } = filesFolder(database);
    const all = await root.getDirectoryHandle(folder, { create: true });
    return await all.getDirectoryHandle(name, { create: true });
  } catch (cause) {
    throw unavailable('files', database, 'idb', cause);
  }
};

/** Opens the folder of `database`. Rejects with `storage/unavailable`. */
export const openOpfsFiles = async (database: string, writer: string): Promise<OpfsFiles> => {
  const folder = await folderOf(database);
  /** Those used last stand last. */
  const readers = new Map<string, Promise<Reader>>();
  let written = 0;
  /** Read into again and again. */
  let again: Uint8Array | undefined;

  const drop = async (name: string): Promise<void> => {
    const reader = readers.get(name);
    readers.delete(name);
    await reader?.then(
      ({ close }) => close(),
      () => undefined,
    );
  };

  const readerOf = (name: string): Promise<Reader> => {
    const reader = readers.get(name) ?? openReader(folder, name);
    readers.delete(name);
    readers.set(name, reader);
    reader.catch(() => readers.delete(name));
    return reader;
  };

  const readEach = async (
    name: string,
    places: readonly Span[],
    room: Uint8Array | undefined,
    use: (bytes: Uint8Array, n: number) => void,
  ): Promise<boolean> => {
    try {
      const reader = await readerOf(name);
      let count = 0;
      const reads = spansOf(places).map(async (span) => {
        let n = count;
        count += span.places.length;
        const read = reader.read(span.at, span.bytes, room);
        // Without a turn between reading and using: the next span is read into the same memory.
        const all = ArrayBuffer.isView(read) ? read : await read;
        for (const { at, bytes } of span.places) use(all.subarray(at - span.at, at - span.at + bytes), n++);
      });
      const failed = (await Promise.allSettled(reads)).some(({ status }) => status === 'rejected');
      if (failed) await drop(name);
      return !failed;
    } catch {
      return false;
    } finally {
      for (const oldest of readers.keys()) {
        if (readers.size <= OPEN_FILES) break;
        void drop(oldest);
      }
    }
  };

  const isGone = async (name: string): Promise<boolean> => {
    await drop(name);
    return (await removeEntry(folder, name, { tries: REMOVE_TRIES })) === undefined;
  };

  return {
    async write(values) {
      const name = `${writer}.${written++}`;
      let bytes = 0;
      let file: WritableHandle | undefined;
      try {
        file = await ((await folder.getFileHandle(name, { create: true })) as Writable)
          .createSyncAccessHandle!();
        for await (const value of values) {
          const taken = file.write(value, { at: bytes });
          bytes += value.length;
          if (taken !== value.length) throw new DOMException('The file was cut short.', 'QuotaExceededError');
        }
        // Before any index names it: what an index names is on the disk.
        file.flush();
        file.close();
        return { name, bytes };
      } catch (cause) {
        file?.close();
        await isGone(name);
        if (cause instanceof LonghandError) throw cause;
        throw isQuota(cause) ? await full(bytes, cause) : unavailable('files', database, 'idb', cause);
      }
    },
    async read(name, places) {
      const found: Uint8Array[] = [];
      const isWhole = await readEach(name, places, undefined, (bytes, n) => {
        found[n] = bytes;
      });
      return isWhole ? found : undefined;
    },
    lend(name, places, use) {
      again ??= new Uint8Array(AT_ONCE);
      return readEach(name, places, again, use);
    },
    async remove(names) {
      const all = [...names];
      const gone = await Promise.all(all.map(isGone));
      return all.filter((_, n) => gone[n]);
    },
    async names() {
      const found: string[] = [];
      const keys = (folder as unknown as { keys(): AsyncIterable<string> }).keys();
      for await (const name of keys) found.push(name);
      return found;
    },
    release(names) {
      for (const name of names) void drop(name);
    },
    async close() {
      await Promise.all([...readers.keys()].map(drop));
    },
  };
};
