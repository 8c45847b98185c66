/**
 * Methods that most pages do without: `predictors.js`, a script of its own beside the one that runs the engine, fetched where
 * one of them is asked for. (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 */
export const loadRarer = async (): Promise<typeof import('./rarer.js')> => await import('./rarer.js');
