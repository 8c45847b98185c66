import { type LonghandError, throwIfAborted } from '../errors.js';
import { compareVersions, contentRange, type FileVersion, isTold, versionOf } from './file-version.js';
import { reason, unreachable } from './unreachable.js';

export type Fetch = typeof globalThis.fetch;

/** `passing`: may work when tried again. `changed`: the file is another one now. `final`: trying again is no use. */
export class RequestFailure extends Error {
  readonly kind: 'passing' | 'changed' | 'final';
  readonly error: LonghandError;
  constructor(kind: RequestFailure['kind'], error: LonghandError) {
    super(error.message);
    this.kind = kind;
    this.error = error;
  }
}

/** The body of one answer, from byte `start` of the file. */
export interface Body {
  readonly status: number;
  readonly version: FileVersion;
  /** Of the first byte of this body in the file: 0 where the server did not heed the range. */
  readonly start: number;
  /** A promise by the server: the body ends here. `undefined` where nothing was told. */
  readonly end: number | undefined;
  /** The length in the answer's header, which may be that of an encoded body. */
  readonly claimed: number | undefined;
  /** The next bytes; `undefined` after the last. Rejects with a `RequestFailure`, or as the signal says. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends the download where it was left early; after the end it does nothing. */
  close(): Promise<void>;
}

export interface RequestOptions {
  readonly fetch: Fetch;
  readonly signal?: AbortSignal | undefined;
  /** First byte wanted. Default 0. */
  readonly from?: number;
  /** Byte after the last one wanted. Default: all that follow. A range is asked for where this or `from` is given. */
  readonly to?: number;
  /** What earlier answers told; this one must not differ. */
  readonly known?: FileVersion;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly patience?: number;
}

const PATIENCE = 60_000;
const advice = 'Check the address and the network, then load again.';
/** The server, or something on the way, is busy: request timeout, too many requests, any 5xx. */
const isBusy = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** Whether an answer is a page for people (an error, a login) whatever its status says. */
export const isPage = ({ headers }: Response): boolean =>
  /^text\/html\b/i.test(headers.get('content-type') ?? '');

/** What is wrong with an answer as a whole, if anything. */
const refusal = (response: Response): string | undefined => {
  if (!response.ok) return `the server answered ${response.status} ${response.statusText}`.trimEnd();
  if (isPage(response)) {
    return `the server answered ${response.status} with an HTML page, not a model`;
  }
  return response.body ? undefined : `the server answered ${response.status} with nothing`;
};

/** A failure that may pass. */
export const passing = (url: string, what: string, offset: number): RequestFailure =>
  new RequestFailure('passing', unreachable(url, what, advice, { url, offset }));

/** One GET. Everything the answer tells is compared with what is known before a byte of it is believed. */
export const request = async (url: string, options: RequestOptions): Promise<Body> => {
  const { fetch, signal, from = 0, to, known = {}, patience = PATIENCE } = options;
  throwIfAborted(signal);
  const isResumed = from > 0 || isTold(known);
  const ranged = from > 0 || to !== undefined;
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let at = from;
  let status = 0;
  let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
  const failure = (kind: RequestFailure['kind'], what: string, cause?: unknown): RequestFailure =>
    new RequestFailure(kind, unreachable(url, what, advice, { url, status, offset: at }, cause));
  const close = async (): Promise<void> => {
    signal?.removeEventListener('abort', abort);
    // Not every platform settles the cancelling of a stream whose request was aborted.
    if (controller.signal.aborted) reader?.cancel().catch(() => undefined);
    else await reader?.cancel().catch(() => undefined);
  };

  /** Rejects with what `tell` says where the platform fails, or takes too long. */
  const patiently = async <T>(work: Promise<T>, tell: (cause: unknown) => RequestFailure): Promise<T> => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let end = (): void => undefined;
    const tired = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came for ${patience / 1000} s`)), patience);
      end = () => reject(new Error('aborted'));
      if (controller.signal.aborted) end();
      controller.signal.addEventListener('abort', end);
    });
    try {
      return await Promise.race([work, tired]);
    } catch (cause) {
      work.catch(() => undefined);
      controller.abort();
      throwIfAborted(signal);
      throw tell(cause);
    } finally {
      clearTimeout(timer);
      controller.signal.removeEventListener('abort', end);
    }
  };

  try {
    const headers = ranged ? { range: `bytes=${from}-${to === undefined ? '' : to - 1}` } : undefined;
    const response = await patiently(
      // Kept in the browser's HTTP cache too, a model would lie on the device twice.
      fetch(url, { signal: controller.signal, cache: 'no-store', ...(headers && { headers }) }),
      (cause) => failure('passing', `no answer came: ${reason(cause)}`, cause),
    );
    status = response.status;
    const refused = refusal(response);
    reader = response.body?.getReader();
    if (status === 416 && isResumed) throw failure('changed', 'the file is shorter than it was');
    if (refused !== undefined)
      throw failure(isBusy(status) || (isResumed && response.ok) ? 'passing' : 'final', refused);
    const version = versionOf(response);
    const verdict = compareVersions(known, version);
    if (isResumed && verdict === 'changed') throw failure('changed', 'the file has changed on the server');
    if (isResumed && verdict === 'unclear') {
      throw failure(
        'passing',
        `the answer (status ${status}) does not tell whether the file is still the same`,
      );
    }
    const place = status === 206 ? contentRange(response.headers) : undefined;
    if (status === 206 && (place ? place.start !== from : isResumed)) {
      const found = place ? `the range from byte ${place.start}` : 'a range it does not name';
      throw failure(
        place ? 'passing' : 'final',
        `the server answered ${found}, not the one from byte ${from}`,
      );
    }
    const start = place?.start ?? (status === 206 ? from : 0);
    const length = response.headers.get('content-length') ?? '';
    const claimed = status === 200 && /^\d+$/.test(length) ? Number(length) : undefined;
    const end = place?.end ?? (status === 206 ? undefined : version.size);
    at = start;
    const broke = (cause: unknown): RequestFailure =>
      failure('passing', `the answer (status ${status}) broke off at byte ${at}: ${reason(cause)}`, cause);
    return {
      status,
      version,
      start,
      end,
      claimed,
      close,
      next: async () => {
        for (;;) {
          const { done, value } = await patiently(reader!.read(), broke);
          throwIfAborted(signal);
          if (done) {
            if (end !== undefined && at < end) {
              throw failure('passing', `the answer (status ${status}) ended at byte ${at} of ${end}`);
            }
            return undefined;
          }
          at += value.length;
          if (status === 206 && end !== undefined && at > end) {
            throw failure('passing', `the answer (status ${status}) is longer than it said`);
          }
          if (value.length > 0) return value;
        }
      },
    };
  } catch (cause) {
    await close();
    throw cause;
  }
};
