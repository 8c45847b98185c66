import { LonghandError, throwIfAborted } from '../errors.js';
import { nodeModule } from '../node-module.js';
import { fromBlob } from './blob-source.js';
import { fromCache } from './cached-source.js';
import { verified } from './integrity.js';
import { addressOf } from './kept-files.js';
import type { Source } from './source.js';
import { reason, unreachable } from './unreachable.js';
import { fromUrl } from './url-source.js';

export type SourceInput = string | URL | Blob | ArrayBuffer | Uint8Array;

export interface SourceOptions {
  /** Replaces the platform's `fetch`, for example to add headers. */
  readonly fetch?: typeof globalThis.fetch;
  /** Keep what a URL serves on the device. Default: in a browser. */
  readonly cache?: boolean | undefined;
  /** SHA-256 that the content must have, in hexadecimal. */
  readonly sha256?: string | undefined;
  /** Address of the first file of the model that this one is a part of, and how many it has. Default: itself, 1. */
  readonly model?: string;
  readonly parts?: number;
  /** Another tab downloads the file: how far it is. */
  readonly onWait?: ((loaded: number, total: number) => void) | undefined;
  /** Milliseconds before each try that follows a failure. */
  readonly delays?: readonly number[] | undefined;
}

/** Bytes read from a file or memory between two turns of the event loop. */
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
export const isPath = (input: string): boolean =>
  !/^[a-z][a-z0-9+.-]+:/i.test(input) && typeof globalThis.location === 'undefined';

const fromAddress = (text: string, options: SourceOptions): Source => {
  const { fetch = globalThis.fetch.bind(globalThis), sha256, onWait, delays, parts = 1 } = options;
  const { cache = typeof globalThis.location !== 'undefined' } = options;
  if (!cache || !/^https?:/i.test(addressOf(text))) return verified(fromUrl(text, fetch, delays), sha256);
  const url = addressOf(text);
  return fromCache(url, { fetch, model: options.model ?? url, parts, sha256, onWait, delays });
};

/**
 * The bytes of a model file: a URL (kept on the device in a browser, else streamed in one GET), a path in Node, a Blob
 * or File (never copied whole), or bytes (not copied). Throws `input/type` for anything else.
 */
export const openSource = (input: SourceInput, options: SourceOptions = {}): Source => {
  const { sha256 } = options;
  if (ArrayBuffer.isView(input)) {
    const bytes = new Uint8Array(input.buffer as ArrayBuffer, input.byteOffset, input.byteLength);
    return verified(fromBytes(bytes), sha256);
  }
  if (input instanceof ArrayBuffer) return verified(fromBytes(new Uint8Array(input)), sha256);
  if (input instanceof Blob) return verified(fromBlob(input), sha256);
  if (input instanceof URL || typeof input === 'string') {
    const text = String(input);
    if (/^file:/i.test(text)) return verified(fromPath(new URL(text)), sha256);
    return isPath(text) ? verified(fromPath(text), sha256) : fromAddress(text, options);
  }
  throw new LonghandError(
    'input/type',
    `A model is a URL, a path, a Blob, or bytes; found ${input === null ? 'null' : typeof input}. ` +
      'Pass one of these.',
    { found: typeof input },
  );
};
