import { scriptMissing, throwIfAborted } from '../errors.js';
import type { Digest } from './sha256.js';

export type { Digest } from './sha256.js';

/**
 * A SHA-256: `sha256.js`, a script of its own beside the one that runs the engine, fetched where `integrity` is given.
 * (`build.mjs` turns this import into one by address: bundlers then copy the script.) Rejects with `model/unreachable` where it
 * cannot be had, or as `signal` says.
 */
export const createDigest = async (signal?: AbortSignal): Promise<Digest> => {
  let module: typeof import('./sha256.js');
  try {
    module = await import('./sha256.js');
  } catch (cause) {
    const rest = '. Serve it there: without it no file can be held against the option integrity.';
    throw scriptMissing('model/unreachable', 'sha256.js', rest, cause);
  }
  throwIfAborted(signal);
  return module.createDigest();
};
