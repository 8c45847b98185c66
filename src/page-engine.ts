import { absolute, placeFiles } from './addresses.js';
import { connectEngine } from './engine/connect.js';
import type { Engine, ModelPart, ModelSource } from './engine/engine.js';
import type { EngineOptions } from './engine/options.js';
import { LonghandError } from './errors.js';

/** Where a page's engine runs. */
export interface WorkerOptions {
  /** A worker made by the page that serves the engine (`longhand/worker`). Default: one is made from `workerUrl`. */
  readonly worker?: Worker;
  /** Address of the worker script. Default: `worker.js` beside this script. */
  readonly workerUrl?: string | URL;
}

/** A model's files, as a worker finds them. */
export const placeSource = (source: ModelSource): ModelSource => {
  const place = (part: ModelPart) =>
    typeof part === 'string' || part instanceof URL ? absolute(part) : part;
  return Array.isArray(source) ? source.map(place) : place(source as ModelPart);
};

/** Options with their addresses, as a worker finds them. */
export const placeOptions = <T extends EngineOptions>({ kernelsUrl, threadUrl, ...rest }: T) => ({
  ...rest,
  ...(rest.retention && { retention: placeFiles(rest.retention) }),
  ...(rest.attention && { attention: placeFiles(rest.attention) }),
  ...(kernelsUrl !== undefined && { kernelsUrl: absolute(kernelsUrl) }),
  ...(threadUrl !== undefined && { threadUrl: absolute(threadUrl) }),
});

// Bundlers look for exactly this form: with an address in between they copy the script without what it needs.
const startWorker = (address: string | URL | undefined): Worker =>
  address === undefined
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    : new Worker(address, { type: 'module' });

/** Refuses to go on where there are no workers. */
export const checkWorkers = (worker?: Worker): void => {
  if (worker || typeof Worker !== 'undefined') return;
  throw new LonghandError(
    'unsupported/backend',
    'There are no workers here. Outside a page, import load from longhand/engine.',
  );
};

/** The engine of a page, in a worker of its own. */
export const pageEngine = ({ worker, workerUrl }: WorkerOptions): Engine =>
  connectEngine(worker ?? startWorker(workerUrl));
