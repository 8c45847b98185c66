import type { Backend } from '../../src/backends/backend.js';
import { refLinear } from './linear.js';

/** The specification: every verb in plain TypeScript, slow and obvious. Kernels agree with it or fail. */
export const createRefBackend = (): Backend =>
  ({
    name: 'reference',
    build: 'plain',
    ...refLinear(),
    free: () => {},
    bytes: () => ({ weights: 0, activations: 0, pages: 0, chunks: 0, total: 0 }),
    flush: () => {},
    close: () => {},
  }) as Partial<Backend> as Backend;
