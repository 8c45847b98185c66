import type { ContextOptions } from './engine/session-options.js';
import { LonghandError } from './errors.js';

/** As seen from the page: relative to a worker's script it would be another place. */
export const absolute = (address: string | URL): string => {
  try {
    return new URL(address, location.href).href;
  } catch (cause) {
    throw new LonghandError('input/type', `'${address}' is no address. Pass a URL.`, {}, { cause });
  }
};

/** What attention reads or keeps, with the addresses of its files; where there is no page, as it is. */
export const placeFiles = <A extends object>(options: A): A =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      key,
      typeof location !== 'undefined' && typeof value === 'string' && /^(predictor|gates|kernels)$/.test(key)
        ? absolute(value)
        : value,
    ]),
  ) as A;

/** How a context is opened, as a worker finds its files. */
export const placeKept = <T extends ContextOptions>(options: T): T =>
  options.retention ? { ...options, retention: placeFiles(options.retention) } : options;
