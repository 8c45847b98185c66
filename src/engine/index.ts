/**
 * The engine in this thread: for Node, for tests, and for a worker of your own.
 *
 * @packageDocumentation
 */
import { type LoadOptions, loadOn, type Model } from '../loaded-model.js';
import type { ModelSource } from './engine.js';
import { createLocalEngine } from './local.js';

export { LonghandError } from '../errors.js';
export type * from '../index.js';
export type { LoadOptions } from '../loaded-model.js';
export { deleteModel, models } from '../weights/kept-files.js';
export { wipe } from '../wipe.js';
export type { Engine, Progress } from './engine.js';
export { createLocalEngine } from './local.js';
export { serve } from './serve.js';

/** Load a GGUF model in this thread: from a path (Node), a URL, a `Blob`, or bytes. */
export const load = (source: ModelSource, options: LoadOptions = {}): Promise<Model> =>
  loadOn(createLocalEngine(), source, options);
