import { scriptMissing } from '../errors.js';

type PoliciesModule = typeof import('./policies.js');

/**
 * The retention policies: `policies.js`, a script of its own beside the one that runs the engine, fetched where not
 * everything is to be kept, or keys in q4 must be tried. `without`: what to do without it, after "or use". (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 * Errors: `unsupported/retention` where it cannot be had.
 */
export const loadPolicies = async (without = 'no `retention`'): Promise<PoliciesModule> => {
  try {
    return await import('./policies.js');
  } catch (cause) {
    throw scriptMissing(
      'unsupported/retention',
      'policies.js',
      `. Serve it there, or use ${without}.`,
      cause,
    );
  }
};
