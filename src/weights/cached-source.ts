import { LonghandError, throwIfAborted } from '../errors.js';
import { fromBlob } from './blob-source.js';
import { countBytes, frontierOf } from './byte-ranges.js';
import { type Downloaded, download } from './download.js';
import { ensureRoom } from './ensure-room.js';
import type { FileVersion } from './file-version.js';
import { openGguf } from './gguf-reader.js';
import { mismatch, withheld } from './integrity.js';
import { keyOf, lockName, openFolder, openKept, readManifest, removeKept } from './kept-files.js';
import { createDigest, type Digest } from './load-rarer.js';
import { openPartial, type PartialFile } from './partial-file.js';
import type { Fetch } from './request.js';
import { changedSince, revalidate } from './revalidate.js';
import type { Source } from './source.js';
import { streamUrl } from './url-source.js';
import { announce, hold, listen } from './waiting.js';

export interface CacheOptions {
  readonly fetch: Fetch;
  /** URL of the first file of the model, and how many files it has. */
  readonly model: string;
  readonly parts: number;
  /** SHA-256 that the content must have, in hexadecimal. */
  readonly sha256?: string | undefined;
  /** Another tab downloads the file: how far it is. */
  readonly onWait?: ((loaded: number, total: number) => void) | undefined;
  readonly delays?: readonly number[] | undefined;
}

/** Bytes handed out at once, at most and, while more are to come, at least. */
const PIECE = 4 << 20;
const LEAST = 1 << 18;

const isOf = (group: string, cause: unknown): cause is LonghandError =>
  cause instanceof LonghandError && cause.code.startsWith(group);

/**
 * A URL whose content is kept on the device: read from there when it is there, without waiting for any network;
 * downloaded otherwise, and handed out while it arrives. The last bytes are withheld until the whole was verified, and
 * only then does it count as kept. One caller on the device downloads, the others wait and read what it kept. Where it
 * cannot be kept it is streamed, with a warning.
 */
export const fromCache = (url: string, options: CacheOptions): Source => {
  const { fetch, model, parts, sha256, onWait, delays } = options;
  const warnings: string[] = [];
  let size: number | undefined;
  let received = 0;
  let isKept = false;
  const warn = (why: string): void => {
    warnings.push(`The model file is not kept on this device: ${why}`);
  };

  async function* streamed(from: number, known: FileVersion, signal?: AbortSignal) {
    const onVersion = (version: FileVersion): void => {
      size = version.size;
    };
    for await (const piece of streamUrl(url, { fetch, delays, signal, from, known, onVersion })) {
      received += piece.length;
      yield piece;
    }
  }

  /** The bytes from `from` on, of which nothing is kept; `digest` has met those before. */
  async function* uncached(
    cause: LonghandError,
    { from, known, digest }: { from: number; known: FileVersion; digest?: Digest | undefined },
    signal?: AbortSignal,
  ) {
    warn(cause.message);
    const pieces = streamed(from, known, signal);
    yield* sha256 === undefined ? pieces : withheld(url, pieces, sha256, digest);
  }

  /** Downloads what is missing and hands out what is there. */
  async function* fill(
    folder: FileSystemDirectoryHandle,
    key: string,
    file: PartialFile,
    outer?: AbortSignal,
  ) {
    const digest = sha256 === undefined ? undefined : await createDigest(outer);
    const stop = new AbortController();
    const abort = (): void => stop.abort(outer?.reason);
    outer?.addEventListener('abort', abort, { once: true });
    const channel = announce(key);
    let wake = (): void => undefined;
    let result: Downloaded | undefined;
    let failure: { readonly cause: unknown } | undefined;
    let at = 0;
    /** Before the server answered, what is there may be of another version. */
    let isAnswered = false;
    let verified = false;
    let useless = false;
    const work = download(url, file, {
      fetch,
      delays,
      signal: stop.signal,
      onVersion: async (version) => {
        size = version.size;
        await ensureRoom((version.size ?? 0) - countBytes(file.ranges));
      },
      onBytes: (count) => {
        received += count;
        isAnswered = true;
        channel.tell(countBytes(file.ranges), file.version.size);
        wake();
      },
    }).then(
      (done) => {
        result = done;
        size = done.size;
        wake();
      },
      (cause: unknown) => {
        failure = { cause };
        wake();
      },
    );
    const take = (end: number): Uint8Array<ArrayBuffer> => {
      const piece = file.read(at, end);
      digest?.add(piece);
      at = end;
      return piece;
    };
    /** Lets it count as kept, if it is what it should be. */
    const verify = async ({ size: length, isWhole }: Downloaded): Promise<void> => {
      const found = digest?.hex();
      if (found !== undefined && found !== sha256) throw mismatch(url, sha256!, found);
      const head = await openGguf({
        label: url,
        size: length,
        async *pieces() {
          for (let from = 0; from < length; from += PIECE)
            yield file.read(from, Math.min(from + PIECE, length));
        },
      });
      await head.close();
      verified = true;
      if (isWhole || found !== undefined) {
        keep(found);
      } else {
        useless = true;
        warn('its server does not tell how long it is.');
      }
    };
    const keep = (found: string | undefined): void => {
      try {
        file.complete(found);
        isKept = true;
      } catch (cause) {
        if (!isOf('storage/', cause)) throw cause;
        warn(cause.message);
      }
    };
    try {
      for (;;) {
        throwIfAborted(outer);
        if (failure) throw (failure as { cause: unknown }).cause;
        const done = result as Downloaded | undefined;
        const there = done?.size ?? (isAnswered ? frontierOf(file.ranges) - 1 : 0);
        const end = Math.min(at + PIECE, there);
        if (end - at >= (done ? 1 : LEAST)) {
          const piece = take(end);
          if (done && at === done.size) await verify(done);
          yield piece;
          if (verified) return;
          // Bytes arrive between two turns of the event loop.
          await new Promise((resolve) => setTimeout(resolve));
        } else if (done) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } catch (cause) {
      useless = isOf('model/corrupt', cause) || isOf('storage/', cause);
      if (!isOf('storage/', cause)) throw cause;
      stop.abort();
      await work;
      file.close();
      await removeKept(folder, key);
      yield* uncached(cause, { from: at, known: file.version, digest }, outer);
    } finally {
      outer?.removeEventListener('abort', abort);
      stop.abort();
      await work;
      channel.close();
      try {
        if (!verified && !useless) file.save();
      } finally {
        file.close();
        if (useless || file.ranges.length === 0) await removeKept(folder, key);
      }
    }
  }

  /** What is kept, if it is there and is what was asked for. */
  const readKept = async (folder: FileSystemDirectoryHandle, key: string): Promise<File | undefined> => {
    const manifest = await readManifest(folder, key);
    const file = await openKept(folder, key, manifest);
    if (!file || !manifest || (sha256 !== undefined && manifest.sha256 !== sha256)) return undefined;
    if (manifest.changed) warnings.push(changedSince(manifest));
    revalidate(folder, key, manifest, fetch).then(
      (isChanged) => isChanged && !manifest.changed && warnings.push(changedSince(manifest)),
    );
    return file;
  };

  return {
    label: url,
    get size() {
      return size;
    },
    get received() {
      return received;
    },
    get isKept() {
      return isKept;
    },
    get warnings() {
      return warnings;
    },
    async *pieces(signal) {
      throwIfAborted(signal);
      warnings.length = 0;
      let file: PartialFile | undefined;
      let release = (): void => undefined;
      try {
        const folder = (await openFolder(true))!;
        const key = await keyOf(url);
        const waiting = listen(key, onWait);
        release = await hold(lockName(key), 'shared', signal).finally(waiting.close);
        const kept = await readKept(folder, key);
        if (kept) {
          size = kept.size;
          isKept = true;
          yield* fromBlob(kept, url).pieces(signal);
          return;
        }
        release();
        const waitingAgain = listen(key, onWait);
        release = await hold(lockName(key), 'exclusive', signal).finally(waitingAgain.close);
        const before = await readManifest(folder, key);
        if (sha256 !== undefined && before?.sha256 !== undefined && before.sha256 !== sha256) {
          await removeKept(folder, key);
        }
        file = await openPartial(folder, key, { url, model, parts });
        yield* fill(folder, key, file, signal);
      } catch (cause) {
        if (file || !isOf('storage/', cause)) throw cause;
        release();
        yield* uncached(cause, { from: 0, known: {} }, signal);
      } finally {
        release();
      }
    },
  };
};
