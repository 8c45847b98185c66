import { scriptMissing } from '../errors.js';

const missing = (script: string, cause: unknown) =>
  scriptMissing('storage/unavailable', script, '; let a service worker keep it too.', cause);

/**
 * Stores that most pages do without: scripts of their own beside the one that runs the engine, fetched where they are asked
 * for. (`build.mjs` turns these imports into ones by address: bundlers then copy the scripts.) Reject with
 * `storage/unavailable` where one cannot be had.
 */
export const loadOpfs = async (): Promise<typeof import('./opfs.js')> => {
  try {
    return await import('./opfs.js');
  } catch (cause) {
    throw missing('opfs.js', cause);
  }
};

/** As `loadOpfs`. */
export const loadEncrypted = async (): Promise<typeof import('./encrypted.js')> => {
  try {
    return await import('./encrypted.js');
  } catch (cause) {
    throw missing('encrypted.js', cause);
  }
};
