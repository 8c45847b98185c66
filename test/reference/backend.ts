import type { Backend } from '../../src/backends/backend.js';
import { refChunks } from './chunks.js';
import { refLinear } from './linear.js';
import { refObserve } from './observe.js';
import { refPages } from './pages.js';
import { refStates } from './states.js';

/**
 * The specification: every verb in plain TypeScript, slow and obvious. Kernels agree with it or fail. On a CPU values in q4 and q2 meet weights as
 * codes, on a GPU (not `coded`) as floats.
 */
export const createRefBackend = ({ coded = true }: { readonly coded?: boolean } = {}): Backend => ({
  name: 'reference',
  build: 'plain',
  ...refLinear(),
  ...refPages(coded),
  ...refChunks(),
  ...refObserve(),
  ...refStates(),
  free: () => {},
  bytes: () => ({ weights: 0, activations: 0, pages: 0, chunks: 0, total: 0 }),
  flush: () => {},
  close: () => {},
});
