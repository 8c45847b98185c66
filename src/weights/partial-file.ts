import { LonghandError } from '../errors.js';
import { addRange, type ByteRange } from './byte-ranges.js';
import type { FileVersion } from './file-version.js';
import { contentName, type KeptFile, manifestName, parseManifest, readManifest } from './kept-files.js';

/** What only a worker gets; the DOM's types do not have it. */
interface SyncHandle {
  read(bytes: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}
type WritableFile = FileSystemFileHandle & { createSyncAccessHandle?(): Promise<SyncHandle> };

/** A file on the device that is being filled. Whoever holds it holds its lock. */
export interface PartialFile {
  readonly version: FileVersion;
  /** Bytes that are there. */
  readonly ranges: readonly ByteRange[];
  /** Empties it, to be filled with this version. */
  begin(version: FileVersion): void;
  /** Throws `storage/quota` where the device has no room, `storage/unavailable` where it refuses. */
  write(bytes: Uint8Array, at: number): void;
  read(start: number, end: number): Uint8Array<ArrayBuffer>;
  /** Makes durable which bytes are there. They are flushed first: a manifest never names bytes that are not. */
  save(): void;
  /** From now on it counts as kept. */
  complete(sha256: string | undefined): void;
  close(): void;
}

/** Bytes by which a manifest grows. Written in one piece over the last one, it is the old or the new. */
const MANIFEST_STEP = 4096;
/** Tries for a file that a worker which has just died still holds, and milliseconds between them. */
const OPEN_TRIES = 20;
const OPEN_PAUSE = 100;

const refused = (cause: unknown, asked: number): LonghandError => {
  const { name, message } = cause as Error;
  return name === 'QuotaExceededError'
    ? new LonghandError(
        'storage/quota',
        `The browser refused to store ${asked} more bytes of a model. Delete models, or free space on the device.`,
        { asked },
        { cause },
      )
    : new LonghandError(
        'storage/unavailable',
        `The browser's files cannot be written (${name}: ${message}).`,
        {},
        { cause },
      );
};

const openHandle = async (folder: FileSystemDirectoryHandle, name: string): Promise<SyncHandle> => {
  const file: WritableFile = await folder.getFileHandle(name, { create: true });
  if (typeof file.createSyncAccessHandle !== 'function') {
    throw new LonghandError(
      'storage/unavailable',
      'Model files are kept only by an engine that runs in a worker.',
    );
  }
  for (let tries = 1; ; tries++) {
    try {
      return await file.createSyncAccessHandle();
    } catch (cause) {
      if ((cause as Error).name !== 'NoModificationAllowedError' || tries === OPEN_TRIES) throw cause;
      await new Promise((resolve) => setTimeout(resolve, OPEN_PAUSE));
    }
  }
};

const writeManifest = (journal: SyncHandle, manifest: KeptFile): void => {
  const text = new TextEncoder().encode(JSON.stringify(manifest));
  const room = Math.max(Math.ceil(text.length / MANIFEST_STEP) * MANIFEST_STEP, journal.getSize());
  const bytes = new Uint8Array(room).fill(0x20);
  bytes.set(text);
  journal.write(bytes, { at: 0 });
  journal.flush();
};

/** Notes in a kept file's manifest whether its server has another version. Needs a worker. */
export const markChanged = async (
  folder: FileSystemDirectoryHandle,
  key: string,
  changed: boolean,
): Promise<void> => {
  const manifest = await readManifest(folder, key);
  if (!manifest) return;
  const file: WritableFile = await folder.getFileHandle(manifestName(key));
  const journal = await file.createSyncAccessHandle?.();
  if (!journal) return;
  try {
    writeManifest(journal, { ...manifest, changed });
  } finally {
    journal.close();
  }
};

/** Opens a file to be filled, with what an earlier visit left of it. Rejects with `storage/…`. */
export const openPartial = async (
  folder: FileSystemDirectoryHandle,
  key: string,
  identity: Pick<KeptFile, 'url' | 'model' | 'parts'>,
): Promise<PartialFile> => {
  const handles: SyncHandle[] = [];
  const closeAll = (): void => {
    for (const handle of handles.splice(0)) handle.close();
  };
  const attempt = <T>(asked: number, work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw cause instanceof LonghandError ? cause : refused(cause, asked);
    }
  };
  let opened: [SyncHandle, SyncHandle];
  try {
    for (const name of [contentName(key), manifestName(key)]) handles.push(await openHandle(folder, name));
    opened = [handles[0]!, handles[1]!];
  } catch (cause) {
    closeAll();
    throw cause instanceof LonghandError ? cause : refused(cause, 0);
  }
  const [content, journal] = opened;

  const readJournal = (): KeptFile | undefined => {
    const bytes = new Uint8Array(journal.getSize());
    journal.read(bytes, { at: 0 });
    const found = parseManifest(new TextDecoder().decode(bytes));
    const end = found?.ranges.at(-1)?.[1] ?? 0;
    return found && found.url === identity.url && end <= content.getSize() ? found : undefined;
  };
  const before = attempt(0, readJournal);
  let version: FileVersion = before?.version ?? {};
  let ranges = before?.ranges ?? [];
  let sha256 = before?.sha256;
  let complete = before?.complete ?? false;

  const save = (): void =>
    attempt(MANIFEST_STEP, () => {
      content.flush();
      writeManifest(journal, { format: 1, ...identity, version, sha256, ranges, complete, date: Date.now() });
    });

  return {
    get version() {
      return version;
    },
    get ranges() {
      return ranges;
    },
    begin: (fresh) => {
      version = fresh;
      ranges = [];
      sha256 = undefined;
      complete = false;
      save();
      attempt(0, () => content.truncate(0));
    },
    write: (bytes, at) =>
      attempt(bytes.length, () => {
        for (let done = 0; done < bytes.length; ) {
          const written = content.write(done === 0 ? bytes : bytes.subarray(done), { at: at + done });
          if (written === 0) throw new DOMException('nothing was written', 'QuotaExceededError');
          done += written;
        }
        ranges = addRange(ranges, at, at + bytes.length);
      }),
    read: (start, end) => {
      const bytes = new Uint8Array(end - start);
      const count = attempt(0, () => content.read(bytes, { at: start }));
      if (count === bytes.length) return bytes;
      throw new LonghandError(
        'storage/unavailable',
        `The browser's file lost bytes from ${start + count} on.`,
      );
    },
    save,
    complete: (digest) => {
      sha256 = digest;
      complete = true;
      save();
    },
    close: closeAll,
  };
};
