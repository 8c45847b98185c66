import { LonghandError, throwIfAborted } from '../errors.js';

/** Where a model's bytes come from, read in order from the first. */
export interface Source {
  /** Names the source in errors: a URL, a path, "the Blob". */
  readonly label: string;
  /** Bytes in all. A URL answers this with its first piece, if at all; the others know it then at the latest. */
  readonly size: number | undefined;
  /**
   * The bytes in pieces of the source's own size. Nothing is opened before the first piece is asked for, and leaving
   * the loop closes what was opened. Rejects with `model/unreachable`, or as `signal` says.
   */
  pieces(signal?: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;
}

export type SourceInput = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface SourceOptions {
  /** Replaces the platform's `fetch`, for example to add headers. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Bytes read from a Blob, a file or memory between two turns of the event loop. */
const PIECE = 4 << 20;

const message = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const unreachable = (
  label: string,
  what: string,
  advice: string,
  details: Record<string, string | number>,
  cause?: unknown,
): LonghandError =>
  new LonghandError(
    'model/unreachable',
    `${label} could not be read: ${what}. ${advice}`,
    { source: label, ...details },
    cause === undefined ? undefined : { cause },
  );

const fromBytes = (bytes: Uint8Array<ArrayBuffer>): Source => ({
  label: 'The model',
  size: bytes.length,
  async *pieces(signal) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      // Messages, an abort among them, are only delivered between turns.
      if (at > 0) await new Promise((resolve) => setTimeout(resolve));
      throwIfAborted(signal);
      yield bytes.subarray(at, at + PIECE);
    }
  },
});

const fromBlob = (blob: Blob): Source => {
  const label = 'name' in blob ? String(blob.name) : 'The Blob';
  return {
    label,
    size: blob.size,
    async *pieces(signal) {
      for (let at = 0; at < blob.size; at += PIECE) {
        throwIfAborted(signal);
        let piece: ArrayBuffer;
        try {
          piece = await blob.slice(at, at + PIECE).arrayBuffer();
        } catch (cause) {
          const advice = 'If the file was moved or changed, choose it again.';
          throw unreachable(label, `${message(cause)} at byte ${at}`, advice, { offset: at }, cause);
        }
        throwIfAborted(signal);
        yield new Uint8Array(piece);
      }
    },
  };
};

const fromPath = (path: string | URL): Source => {
  const label = String(path);
  let size: number | undefined;
  return {
    label,
    get size() {
      return size;
    },
    async *pieces(signal) {
      throwIfAborted(signal);
      let at = 0;
      let file: Awaited<ReturnType<typeof import('node:fs/promises').open>> | undefined;
      try {
        // A name that is not a literal keeps bundlers for browsers from looking for the module.
        const builtin = 'node:fs/promises';
        const fs = (await import(
          /* @vite-ignore */ /* webpackIgnore: true */ builtin
        )) as typeof import('fs/promises');
        file = await fs.open(path);
        const stat = await file.stat();
        if (stat.isFile()) size = stat.size;
        for (;;) {
          throwIfAborted(signal);
          const piece = new Uint8Array(PIECE);
          const { bytesRead } = await file.read(piece, 0, PIECE, at);
          if (bytesRead === 0) return;
          at += bytesRead;
          yield piece.subarray(0, bytesRead);
        }
      } catch (cause) {
        throwIfAborted(signal);
        const advice = 'Check the path and its permissions.';
        throw unreachable(label, `${message(cause)} at byte ${at}`, advice, { offset: at }, cause);
      } finally {
        await file?.close();
      }
    },
  };
};

/** What is wrong with an answer as a whole, if anything. */
const refusal = (response: Response): string | undefined => {
  if (!response.ok) return `the server answered ${response.status} ${response.statusText}`.trimEnd();
  if (/^text\/html\b/i.test(response.headers.get('content-type') ?? '')) {
    return `the server answered ${response.status} with an HTML page, not a model`;
  }
  return response.body ? undefined : `the server answered ${response.status} with nothing`;
};

/** Bytes a body must have. An encoded body's content-length counts other bytes than those that arrive here. */
const announced = (headers: Headers): number | undefined => {
  const length = headers.get('content-length');
  const encoding = headers.get('content-encoding') ?? 'identity';
  return length !== null && /^\d+$/.test(length) && encoding === 'identity' ? Number(length) : undefined;
};

const fromUrl = (url: string, fetch: typeof globalThis.fetch): Source => {
  let size: number | undefined;
  return {
    label: url,
    get size() {
      return size;
    },
    async *pieces(signal) {
      throwIfAborted(signal);
      let at = 0;
      let status = 0;
      const advice = 'Check the address and the network, then load again.';
      const fail = (what: string, cause?: unknown): LonghandError =>
        unreachable(url, what, advice, { url, status, offset: at }, cause);
      let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
      const next = async () => {
        try {
          return await reader!.read();
        } catch (cause) {
          throwIfAborted(signal);
          throw fail(`the answer (status ${status}) broke off at byte ${at}: ${message(cause)}`, cause);
        }
      };
      try {
        const response = await fetch(url, signal ? { signal } : {}).catch((cause: unknown) => {
          throwIfAborted(signal);
          throw fail(`no answer came: ${message(cause)}`, cause);
        });
        status = response.status;
        const refused = refusal(response);
        reader = response.body?.getReader();
        if (refused !== undefined) throw fail(refused);
        size = announced(response.headers);
        for (let step = await next(); !step.done; step = await next()) {
          throwIfAborted(signal);
          at += step.value.length;
          if (step.value.length > 0) yield step.value;
        }
        if (size !== undefined && at < size) {
          throw fail(`the answer (status ${status}) ended at byte ${at} of ${size}`);
        }
        size = at;
      } finally {
        // Ends the download where the loop was left early; after the end it does nothing.
        await reader?.cancel().catch(() => undefined);
      }
    },
  };
};

/** In Node a bare string is a path. Where there is a page or worker to be relative to, it is a URL. */
const isPath = (input: string): boolean =>
  !/^[a-z][a-z0-9+.-]+:/i.test(input) && typeof globalThis.location === 'undefined';

/**
 * The bytes of a model file: a URL (one GET, streamed), a path in Node, a Blob or File (never copied whole), or bytes
 * (not copied). Throws `input/type` for anything else.
 */
export const openSource = (input: SourceInput, options: SourceOptions = {}): Source => {
  if (ArrayBuffer.isView(input)) {
    return fromBytes(new Uint8Array(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength));
  }
  if (input instanceof ArrayBuffer) return fromBytes(new Uint8Array(input));
  if (input instanceof Blob) return fromBlob(input);
  if (input instanceof URL || typeof input === 'string') {
    const { fetch = globalThis.fetch.bind(globalThis) } = options;
    const text = String(input);
    if (/^file:/i.test(text)) return fromPath(new URL(text));
    return isPath(text) ? fromPath(text) : fromUrl(text, fetch);
  }
  throw new LonghandError(
    'input/type',
    `A model is a URL, a path, a Blob, or bytes; found ${input === null ? 'null' : typeof input}. ` +
      'Pass one of these.',
    { found: typeof input },
  );
};
