import { scriptMissing } from '../errors.js';

type ConstraintModule = typeof import('./constraint.js');

/**
 * The code of constraints and of tools: `constraint.js`, a script of its own beside the one that runs the engine, fetched at
 * the first answer that must be of a form, and where there are tools. (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 * Errors: `unsupported/constraint` where it cannot be had.
 */
export const loadConstraint = async (): Promise<ConstraintModule> => {
  try {
    return await import('./constraint.js');
  } catch (cause) {
    throw scriptMissing(
      'unsupported/constraint',
      'constraint.js',
      '; let a service worker keep it too. Nothing was generated.',
      cause,
      { keyword: 'script' },
    );
  }
};
