import { scriptMissing } from '../errors.js';

type WebgpuModule = typeof import('./webgpu.js');

/**
 * The GPU backend: `webgpu.js`, a script of its own beside the one that runs the engine, fetched where it is asked for.
 * (`build.mjs` turns this import into one by address: bundlers then copy the script.)
 * Errors: `unsupported/backend` where it cannot be had.
 */
export const loadWebgpu = async (): Promise<WebgpuModule> => {
  try {
    return await import('./webgpu.js');
  } catch (cause) {
    throw scriptMissing(
      'unsupported/backend',
      'webgpu.js',
      ". Serve it there, or leave `backend` at 'auto'.",
      cause,
      { backend: 'webgpu' },
    );
  }
};
