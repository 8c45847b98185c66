import { type FileVersion, isTold } from './file-version.js';
import { type Body, type Fetch, passing, request } from './request.js';
import { createRetries } from './retries.js';
import type { Source } from './source.js';

export interface StreamOptions {
  readonly fetch: Fetch;
  readonly delays?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** First byte wanted. Default 0; another one needs `known`. */
  readonly from?: number;
  /** Byte after the last one wanted, from a server that heeds ranges. Default: all that follow. */
  readonly to?: number;
  readonly known?: FileVersion;
  /** An answer that is there already. */
  readonly body?: Body;
  readonly onVersion?: (version: FileVersion) => void;
}

/**
 * The bytes of a URL in order, in one GET. An answer that breaks off is gone on with where it stopped, as long as the
 * server tells that the file is still the same. Rejects with `model/unreachable`, or as the signal says.
 */
export async function* streamUrl(
  url: string,
  { fetch, delays, signal, from = 0, to, known: expected = {}, body: given, onVersion }: StreamOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const retries = createRetries(delays);
  let known = expected;
  let at = from;
  let body = given;
  const open = async (): Promise<Body> => {
    const opened = await request(url, { fetch, signal, from: at, known, ...(to !== undefined && { to }) });
    if (to === undefined || opened.start === at) return opened;
    await opened.close();
    throw passing(url, `the server (status ${opened.status}) does not heed ranges any more`, at);
  };
  try {
    for (;;) {
      try {
        body ??= await open();
        known = { ...body.version, size: body.version.size ?? known.size };
        onVersion?.(known);
        // A server that does not heed ranges begins again.
        let skip = at - body.start;
        for (let piece = await body.next(); piece; piece = await body.next()) {
          const fresh = piece.subarray(Math.min(skip, piece.length));
          skip -= piece.length - fresh.length;
          at += fresh.length;
          if (fresh.length === 0) continue;
          retries.progress();
          yield fresh;
        }
        body = undefined;
        // A server may answer less than was asked for.
        if (to === undefined || at >= to) break;
      } catch (cause) {
        await body?.close();
        body = undefined;
        // Nothing came yet: perhaps the connection, kept from an earlier request, had just been closed.
        await retries.after(cause, signal, isTold(known) ? undefined : at === from && !given ? 1 : 0);
      }
    }
    if (to === undefined) onVersion?.({ ...known, size: at });
  } finally {
    await body?.close();
  }
}

/** The file at a URL, streamed and not kept. */
export const fromUrl = (url: string, fetch: Fetch, delays?: readonly number[]): Source => {
  let size: number | undefined;
  let received = 0;
  return {
    label: url,
    get size() {
      return size;
    },
    get received() {
      return received;
    },
    async *pieces(signal) {
      const onVersion = (version: FileVersion): void => {
        size = version.size;
      };
      for await (const piece of streamUrl(url, { fetch, delays, signal, onVersion })) {
        received += piece.length;
        yield piece;
      }
    },
  };
};
