/**
 * Model files kept in the browser's origin-private file system: one folder, for each file its content and a manifest,
 * both named by the URL's hash. The manifest says which bytes are there; a file counts as kept when it says `complete`.
 */
import { LonghandError } from '../errors.js';
import { type ByteRange, countBytes } from './byte-ranges.js';
import type { FileVersion } from './file-version.js';

const FOLDER = 'longhand-models';
const MANIFEST = '.json';
export const contentName = (key: string): string => `${key}.gguf`;
export const manifestName = (key: string): string => `${key}${MANIFEST}`;
/** Held exclusively by whoever writes or deletes a file, shared by those who read it. */
export const lockName = (key: string): string => `longhand-model/${key}`;

/** What is known about a file, as its manifest stores it. */
export interface KeptFile {
  readonly format: 1;
  readonly url: string;
  /** URL of the first file of the model that this one is a part of. */
  readonly model: string;
  readonly parts: number;
  readonly version: FileVersion;
  /** Of the content, in hexadecimal; absent where nobody asked for it. */
  readonly sha256?: string | undefined;
  readonly ranges: readonly ByteRange[];
  readonly complete: boolean;
  /** The server has another version now. */
  readonly changed?: boolean;
  /** When it last changed, in milliseconds since 1970. */
  readonly date: number;
}

/** A model in the browser's cache. */
export interface CachedModel {
  /** What it was loaded from; of a model in several files, the first. */
  readonly url: string;
  /** The last part of the URL's path. */
  readonly name: string;
  /** Bytes on the device. */
  readonly bytes: number;
  /** Files it consists of. */
  readonly parts: number;
  /** False while its download is unfinished; loading it again goes on with it. */
  readonly complete: boolean;
  /** The server was seen to have another version since. `deleteModel` and load again to get it. */
  readonly changed: boolean;
  /** When it last changed here, in milliseconds since 1970. */
  readonly date: number;
}

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** Under which name a URL's file is kept. */
export const keyOf = async (url: string): Promise<string> =>
  hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(url)))).slice(0, 32);

const noFiles = (cause?: unknown): LonghandError =>
  new LonghandError(
    'storage/unavailable',
    `This browser keeps no files here${cause === undefined ? '' : ` (${(cause as Error).message})`}. ` +
      'Private windows, insecure pages and denied storage are the usual reasons.',
    {},
    { cause },
  );

/** The folder of all kept files; `undefined` where there is none and `create` is not set. */
export const openFolder = async (create: boolean): Promise<FileSystemDirectoryHandle | undefined> => {
  const storage = globalThis.navigator?.storage;
  if (typeof storage?.getDirectory !== 'function' || !globalThis.navigator.locks) {
    if (create) throw noFiles();
    return undefined;
  }
  try {
    return await (await storage.getDirectory()).getDirectoryHandle(FOLDER, { create });
  } catch (cause) {
    if (create) throw noFiles(cause);
    return undefined;
  }
};

/** A file's manifest, or `undefined` for bytes that are none. */
export const parseManifest = (text: string): KeptFile | undefined => {
  try {
    const found = JSON.parse(text) as Partial<KeptFile> | null;
    const isOurs = found?.format === 1 && typeof found.url === 'string' && Array.isArray(found.ranges);
    return isOurs ? (found as KeptFile) : undefined;
  } catch {
    return undefined;
  }
};

/** A file's manifest, where there is a readable one. */
export const readManifest = async (
  folder: FileSystemDirectoryHandle,
  key: string,
): Promise<KeptFile | undefined> => {
  try {
    const file = await (await folder.getFileHandle(manifestName(key))).getFile();
    return parseManifest(await file.text());
  } catch {
    return undefined;
  }
};

/** The content of a file, if all of it is there. */
export const openKept = async (
  folder: FileSystemDirectoryHandle,
  key: string,
  manifest: KeptFile | undefined,
): Promise<File | undefined> => {
  if (!manifest?.complete) return undefined;
  try {
    const file = await (await folder.getFileHandle(contentName(key))).getFile();
    // Not the version's size: some servers do not tell it, or hide it from other origins.
    return file.size === countBytes(manifest.ranges) ? file : undefined;
  } catch {
    return undefined;
  }
};

const removeFile = async (folder: FileSystemDirectoryHandle, name: string): Promise<void> => {
  await folder.removeEntry(name).catch((error: Error) => {
    if (error.name !== 'NotFoundError') throw error;
  });
};

/** Removes a file. Without its manifest the content means nothing, so that goes first. */
export const removeKept = async (folder: FileSystemDirectoryHandle, key: string): Promise<void> => {
  await removeFile(folder, manifestName(key));
  await removeFile(folder, contentName(key));
};

const readAll = async (folder: FileSystemDirectoryHandle): Promise<[key: string, manifest: KeptFile][]> => {
  const found: [string, KeptFile][] = [];
  for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) {
    if (!name.endsWith(MANIFEST)) continue;
    const key = name.slice(0, -MANIFEST.length);
    const manifest = await readManifest(folder, key);
    if (manifest) found.push([key, manifest]);
  }
  return found;
};

const nameOf = (url: string): string => {
  const last = new URL(url).pathname.split('/').at(-1) || url;
  try {
    return decodeURIComponent(last);
  } catch {
    // A lone % is allowed in an address, and stands for itself.
    return last;
  }
};

/** The models kept on this device, finished or not; none where nothing can be kept. */
export const models = async (): Promise<CachedModel[]> => {
  const folder = await openFolder(false);
  const byModel = new Map<string, KeptFile[]>();
  for (const [, file] of folder ? await readAll(folder) : []) {
    byModel.set(file.model, [...(byModel.get(file.model) ?? []), file]);
  }
  return [...byModel].map(([url, files]) => {
    const { parts } = files[0]!;
    return {
      url,
      name: nameOf(url),
      bytes: files.reduce((sum, file) => sum + countBytes(file.ranges), 0),
      parts,
      complete: files.length >= parts && files.every((file) => file.complete),
      changed: files.some((file) => file.changed),
      date: Math.max(...files.map((file) => file.date)),
    };
  });
};

/** The whole address, without a fragment: what a file is kept under. */
export const addressOf = (url: string | URL): string => {
  const address = new URL(url, globalThis.location?.href);
  address.hash = '';
  return address.href;
};

/**
 * Delete a kept model, finished or not, and free its bytes; of a model in parts, the URL of any will do. A URL of which nothing is kept is no error. Rejects with
 * `input/busy` while it is being downloaded or loaded, here or in another tab; a model that is loaded already goes on
 * working.
 */
export const deleteModel = async (url: string | URL): Promise<void> => {
  const folder = await openFolder(false);
  if (!folder) return;
  const address = addressOf(url);
  const own = await keyOf(address);
  const model = (await readManifest(folder, own))?.model ?? address;
  const files = (await readAll(folder)).filter(([, file]) => file.model === model).map(([key]) => key);
  for (const key of new Set([...files, own])) {
    await navigator.locks.request(lockName(key), { ifAvailable: true }, async (lock) => {
      if (lock) return removeKept(folder, key);
      throw new LonghandError(
        'input/busy',
        `${address} is being downloaded or loaded. Wait until that has ended, or close the tab that does it.`,
        { url: address },
      );
    });
  }
};
