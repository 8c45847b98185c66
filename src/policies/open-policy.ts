import { readBytes } from '../weights/read-bytes.js';
import { createPolicy, type RetentionOptions } from './index.js';
import type { Policy } from './policy.js';

/**
 * The policy that `options` name, as `createPolicy` makes it of the bytes of their files. Rejects with `input/option`,
 * `model/unreachable` where a file cannot be had, and `model/corrupt` where it is none.
 */
export const openPolicy = async (options: RetentionOptions): Promise<Policy | undefined> => {
  if (!('evicted' in options) || options.evicted !== 'less') return createPolicy(options);
  const [kernels] = await readBytes('retention.kernels', options.kernels);
  return createPolicy({ ...options, kernels });
};
