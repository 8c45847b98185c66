import { scriptMissing } from '../errors.js';

type RetrievalModule = typeof import('./retrieval.js');

/**
 * What finds in texts that are no part of a session, and what an answer rests on: `retrieval.js`, a script of its own beside
 * the one that runs the engine, fetched where one ranks, sifts or asks for sources. (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 * Errors: `unsupported/retrieval` where it cannot be had.
 */
export const loadRetrieval = async (): Promise<RetrievalModule> => {
  try {
    return await import('./retrieval.js');
  } catch (cause) {
    throw scriptMissing(
      'unsupported/retrieval',
      'retrieval.js',
      '. Serve it there. Nothing was read.',
      cause,
    );
  }
};
