import { LonghandError } from '../errors.js';

type PoliciesModule = typeof import('./policies.js');

/**
 * The retention policies: `policies.js`, a script of its own beside the one that runs the engine, fetched where not
 * everything is to be kept. (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 * Errors: `unsupported/retention` where it cannot be had.
 */
export const loadPolicies = async (): Promise<PoliciesModule> => {
  try {
    return await import('./policies.js');
  } catch (cause) {
    throw new LonghandError(
      'unsupported/retention',
      `The script policies.js cannot be loaded: ${(cause as Error).message} It stands beside the script of the engine ` +
        '(worker.js). Serve it there, or leave `retention` out.',
      { script: 'policies.js' },
      { cause },
    );
  }
};
