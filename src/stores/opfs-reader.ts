/** One file, open for reading. */
export interface Reader {
  /** Into `room`, if it is as large and the platform can. Rejects or throws where so many bytes are not there. */
  read(at: number, bytes: number, room?: Uint8Array): Uint8Array | Promise<Uint8Array>;
  close(): void;
}

interface SharedHandle {
  /** Only where the platform knows modes. */
  readonly mode?: string;
  read(bytes: Uint8Array, options: { at: number }): number;
  close(): void;
}
type Shareable = FileSystemFileHandle & {
  createSyncAccessHandle(options: { mode: 'read-only' }): Promise<SharedHandle>;
};

const cutShort = (): Error => new Error('The file is shorter than what was written to it.');

const overHandle = (handle: SharedHandle): Reader => ({
  read(at, bytes, room) {
    const content = room && bytes <= room.length ? room.subarray(0, bytes) : new Uint8Array(bytes);
    if (handle.read(content, { at }) !== bytes) throw cutShort();
    return content;
  },
  close: () => handle.close(),
});

const overFile = (file: File): Reader => ({
  async read(at, bytes) {
    const content = new Uint8Array(await file.slice(at, at + bytes).arrayBuffer());
    if (content.length !== bytes) throw cutShort();
    return content;
  },
  close: () => undefined,
});

/** Whether several may read a file through handles at once; found out with the first file. */
let isShared: boolean | undefined;

/**
 * Opens a file so that others may read it too: through a synchronous handle where there are shared ones (Chromium), tens
 * of times as fast, else as a `File` (Firefox, Safari). Rejects where there is no such file.
 */
export const openReader = async (folder: FileSystemDirectoryHandle, name: string): Promise<Reader> => {
  const found = (await folder.getFileHandle(name)) as Shareable;
  if (isShared === false) return overFile(await found.getFile());
  try {
    const handle = await found.createSyncAccessHandle({ mode: 'read-only' });
    // A platform that does not know modes ignores them and locks the file for itself.
    isShared = handle.mode === 'read-only';
    if (isShared) return overHandle(handle);
    handle.close();
  } catch (error) {
    // Its writer, or somebody who does not share, has it for the moment.
    if ((error as Error).name !== 'NoModificationAllowedError') throw error;
  }
  return overFile(await found.getFile());
};
