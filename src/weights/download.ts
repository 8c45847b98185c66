import { LonghandError } from '../errors.js';
import { addRange, type ByteRange, missingRanges } from './byte-ranges.js';
import { compareVersions, type FileVersion, isTold } from './file-version.js';
import type { PartialFile } from './partial-file.js';
import { type Body, type Fetch, RequestFailure, request } from './request.js';
import { createRetries, toldOf } from './retries.js';
import { streamUrl } from './url-source.js';

export interface DownloadOptions {
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  readonly delays?: readonly number[] | undefined;
  /** Called once the server told the version, before anything is written. What it rejects with ends the download. */
  readonly onVersion: (version: FileVersion) => Promise<void>;
  /** Bytes were written. */
  readonly onBytes: (count: number) => void;
}

export interface Downloaded {
  readonly size: number;
  /** Whether the length is the one the server told. */
  readonly isWhole: boolean;
}

const CONNECTIONS = 4;
/** Bytes of the first request, which asks how the server answers. */
const FIRST = 1 << 20;
/**
 * Bytes of a request, and between two saves of the manifest, which a killed tab downloads again at most. A 64th of the
 * file, within bounds: progress is even, and few requests are made.
 */
const chunkBytes = (size = 0): number => Math.min(Math.max(Math.ceil(size / 64), 1 << 20), 16 << 20);

const notGguf = (url: string, bytes: Uint8Array): LonghandError => {
  const start = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 4)));
  return new LonghandError(
    'model/corrupt',
    `${url} is not a usable GGUF file: it starts with ${start}, not with "GGUF". Check the address.`,
    { source: url, offset: 0 },
  );
};
const isGguf = (bytes: Uint8Array): boolean => new TextDecoder().decode(bytes.subarray(0, 4)) === 'GGUF';

/**
 * Fill `file` with what a URL serves: in parallel ranges where the server heeds them and tells the version with every
 * answer, else in one stream. Goes on with what is there of the same version and begins anew where the file changed.
 * On any failure what arrived stays. Rejects with `model/unreachable`, `model/corrupt` for what is no GGUF file,
 * `storage/…` where it cannot be written, or as the signal says.
 */
export const download = async (
  url: string,
  file: PartialFile,
  options: DownloadOptions,
): Promise<Downloaded> => {
  const { fetch, signal, delays, onVersion, onBytes } = options;
  let unsaved = 0;
  const put = (piece: Uint8Array, at: number): void => {
    if (at === 0 && !isGguf(piece)) throw notGguf(url, piece);
    file.write(piece, at);
    unsaved += piece.length;
    if (unsaved >= chunkBytes(file.version.size)) {
      file.save();
      unsaved = 0;
    }
    onBytes(piece.length);
  };
  const begin = async (version: FileVersion): Promise<void> => {
    await onVersion(version);
    file.begin(version);
  };

  /** A request for the first bytes that are missing; for the whole where the file is another one now. */
  const ask = async (): Promise<Body | undefined> => {
    const { version } = file;
    const known = isTold(version) && version.size !== undefined ? version : undefined;
    const [missing] = known ? missingRanges(file.ranges, known.size!, FIRST) : [[0, FIRST] as const];
    if (!missing) return undefined;
    const [from, to] = missing;
    try {
      return await request(url, { fetch, signal, from, to, ...(known && { known }) });
    } catch (cause) {
      const isChanged = cause instanceof RequestFailure && cause.kind === 'changed';
      if (!known || !isChanged) throw cause;
      return request(url, { fetch, signal, from: 0, to: FIRST });
    }
  };

  const inOneStream = async (body: Body): Promise<Downloaded> => {
    await begin(body.version);
    let at = 0;
    for await (const piece of streamUrl(url, { fetch, delays, signal, body })) {
      put(piece, at);
      at += piece.length;
    }
    return { size: at, isWhole: at === (body.version.size ?? body.claimed) };
  };

  const inRanges = async (body: Body, size: number): Promise<Downloaded> => {
    const { version, start, end } = body;
    if (compareVersions(file.version, version) === 'same') await onVersion(version);
    else await begin(version);
    const asked: ByteRange = [start, end!];
    const rest = missingRanges(addRange(file.ranges, ...asked), size, chunkBytes(size));
    const stop = new AbortController();
    const abort = (): void => stop.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const fetchRange = async ([from, to]: ByteRange, first?: Body): Promise<void> => {
      let at = from;
      const given = first ? { body: first } : {};
      for await (const piece of streamUrl(url, {
        fetch,
        delays,
        signal: stop.signal,
        from,
        to,
        known: version,
        ...given,
      })) {
        put(piece, at);
        at += piece.length;
      }
    };
    const connection = async (first?: Body): Promise<void> => {
      if (first) await fetchRange(asked, first);
      for (let range = rest.shift(); range; range = rest.shift()) await fetchRange(range);
    };
    let failure: { readonly cause: unknown } | undefined;
    const connections = Array.from({ length: CONNECTIONS }, (_, i) =>
      connection(i === 0 ? body : undefined).catch((cause: unknown) => {
        failure ??= { cause };
        stop.abort();
      }),
    );
    await Promise.all(connections);
    signal.removeEventListener('abort', abort);
    if (failure) throw failure.cause;
    return { size, isWhole: true };
  };

  try {
    const retries = createRetries(delays);
    let body: Body | undefined;
    for (let isAsked = false; !isAsked; ) {
      try {
        body = await ask();
        isAsked = true;
      } catch (cause) {
        await retries.after(cause, signal, 1);
      }
    }
    if (!body) return { size: file.version.size!, isWhole: true };
    const { size } = body.version;
    if (body.status === 206 && size !== undefined && isTold(body.version)) return await inRanges(body, size);
    if (body.status === 206) {
      // Ranges that cannot be told from those of another version are no use.
      await body.close();
      body = await request(url, { fetch, signal });
    }
    return await inOneStream(body);
  } catch (cause) {
    throw toldOf(cause);
  }
};
