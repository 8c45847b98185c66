import { scriptMissing } from '../errors.js';

type SessionFiles = typeof import('./session-files.js');

/**
 * What writes sessions to files and reads them, gives up their pages, and says how much of a text is kept: `transfer.js`, a
 * script of its own beside the one that runs the engine, fetched where one asks for that. (`build.mjs` turns this import into one by
 * address: bundlers then copy the script.) Errors: `unsupported/transfer` where it cannot be had.
 */
export const loadSessionFiles = async (): Promise<SessionFiles> => {
  try {
    return await import('./session-files.js');
  } catch (cause) {
    throw scriptMissing(
      'unsupported/transfer',
      'transfer.js',
      '. Serve it there. No session was changed.',
      cause,
    );
  }
};
