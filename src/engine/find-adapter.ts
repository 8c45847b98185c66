import { isSoftware, wordsOf } from '../backends/webgpu/is-software.js';

/** The GPU that may be tried, by its name, or why there is none. Nothing is loaded for it. */
export const findAdapter = async (): Promise<{ readonly gpu: string } | { readonly why: string }> => {
  const gpu = globalThis.navigator?.gpu;
  if (!gpu) return { why: 'there is no WebGPU here' };
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return { why: 'WebGPU has no adapter here' };
  const words = wordsOf(adapter.info);
  // It would share these cores, with kernels that are many times slower there (docs/LIMITS.md).
  if (isSoftware(adapter.info)) return { why: `WebGPU is only software here (${words || 'unnamed'})` };
  return { gpu: words };
};
