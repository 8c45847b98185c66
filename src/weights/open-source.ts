import { LonghandError, throwIfAborted } from '../errors.js';
import { nodeModule } from '../node-module.js';
import type { Source } from './source.js';
import { reason, unreachable } from './unreachable.js';
import { fromUrl } from './url-source.js';

export type SourceInput = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface SourceOptions {
  /** Replaces the platform's `fetch`, for example to add headers. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Bytes read from a Blob, a file or memory between two turns of the event loop. */
const PIECE = 4 << 20;

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
          throw unreachable(label, `${reason(cause)} at byte ${at}`, advice, { offset: at }, cause);
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
        const fs = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
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
        throw unreachable(label, `${reason(cause)} at byte ${at}`, advice, { offset: at }, cause);
      } finally {
        await file?.close();
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
