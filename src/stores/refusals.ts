import { LonghandError } from '../errors.js';

/** What a store says after `close`. */
export const closedStore = (): LonghandError =>
  new LonghandError('engine/closed', 'The store is closed. Open it again before you use it.');

const found = (cause: unknown): string =>
  cause instanceof Error || cause instanceof DOMException ? `${cause.name}: ${cause.message}` : String(cause);

/** `storage/unavailable`: `what` (`database 'x'`, `files`) is refused, and which store to use instead. */
export const unavailable = (
  what: string,
  database: string,
  instead: 'memory' | 'idb',
  cause: unknown,
): LonghandError => {
  const why = found(cause);
  return new LonghandError(
    'storage/unavailable',
    `The browser's ${what} cannot be used (${why}). In private windows or with storage denied, ` +
      `use the store '${instead}'.`,
    { database, found: why },
    { cause },
  );
};

/** `storage/quota`: there was no room for so many bytes more. */
export const full = async (bytes: number, cause: unknown): Promise<LonghandError> => {
  const estimate = await globalThis.navigator?.storage?.estimate?.().catch(() => undefined);
  const { usage, quota } = estimate ?? {};
  const known =
    usage === undefined || quota === undefined ? '' : ` It reports ${usage} of ${quota} bytes in use.`;
  return new LonghandError(
    'storage/quota',
    `The browser refused to store ${bytes} more bytes.${known} Delete sessions, or free space on the device.`,
    { asked: bytes, ...(usage !== undefined && { usage }), ...(quota !== undefined && { quota }) },
    { cause },
  );
};

export const isQuota = (error: unknown): boolean =>
  (error as { name?: string } | null)?.name === 'QuotaExceededError';
