import { LonghandError } from '../../errors.js';
import type { Backend } from '../backend.js';
import { gpuAttend } from './attend.js';
import { gpuChunks } from './chunks.js';
import { openGpu } from './device.js';
import { gpuLinear } from './linear.js';
import { gpuMatmul, plainWays } from './matmul.js';
import { gpuPages } from './pages.js';
import { preparePipelines } from './prepare.js';
import type { GpuOptions } from './request.js';
import { gpuTensors } from './tensors.js';
import { gpuTopLogits } from './top-logits.js';
import { type KeptWays, tuneProducts } from './tune.js';
import { gpuWeights } from './weights.js';

export interface WebgpuOptions extends Omit<GpuOptions, 'shaders'> {
  /** Address of `shaders.json`. */
  readonly shadersUrl: URL;
  /** Where what was found by timing a device is kept between visits. Default: in this realm only. */
  readonly keptWays?: KeptWays;
}

export interface WebgpuBackend extends Backend {
  /** Of the CPU that compute: the one that records. */
  readonly threads: 1;
  /** Which adapter computes. */
  readonly reason: string;
  /**
   * Its pages and chunks are those of the CPU's faster build, within the bounds between backends: a text that one of them
   * has read is known to the other (docs/adr/0020).
   */
  readonly numerics: string;
  /** Compiles what the weights made so far need. A software adapter is left to compile what is really used. */
  prepare(onProgress?: (done: number, all: number) => void): Promise<void>;
}

const fetchShaders = async (url: URL): Promise<GpuOptions['shaders']> => {
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await response.json();
  } catch (cause) {
    throw new LonghandError(
      'unsupported/backend',
      `The shaders could not be loaded from ${url}: ${String(cause)}. Serve the file there, beside the kernels.`,
      { backend: 'webgpu', url: String(url) },
      { cause },
    );
  }
};

/**
 * The GPU backend: WGSL kernels over buffers of one device. Verbs record, `flush` and whatever reads submits. Rejects with
 * `unsupported/backend` where there is no adapter.
 */
export const createWebgpuBackend = async ({
  shadersUrl,
  keptWays,
  ...options
}: WebgpuOptions): Promise<WebgpuBackend> => {
  if (!globalThis.navigator?.gpu) await openGpu({ ...options, shaders: {} });
  const shaders = await fetchShaders(shadersUrl);
  const device = await openGpu({ ...options, shaders });
  const { description, isSoftware, packedDots } = device.granted;
  const { weight, fill } = gpuWeights(device);
  const types = new Set<Parameters<Backend['weight']>[1]>();
  const ways = plainWays();
  const products = gpuMatmul(device, ways);
  return {
    name: 'webgpu',
    build: packedDots ? 'packed-dots' : 'plain',
    numerics: 'wasm/relaxed',
    threads: 1,
    reason: `${isSoftware ? 'a software adapter' : 'the GPU'}: ${description || 'unnamed'}`,
    prepare: async (onProgress) => {
      if (isSoftware) return;
      await tuneProducts({
        device,
        products,
        ways,
        shaders,
        types: [...types],
        ...(keptWays && { kept: keptWays }),
      });
      await preparePipelines(device, [...types], onProgress, ways.tile);
    },
    ...gpuTensors(device),
    ...gpuLinear(device),
    ...products,
    ...gpuTopLogits(device),
    ...gpuPages(device),
    ...gpuChunks(device),
    // A machine without parallel groups has nothing to share pages among, and one kernel less to compile.
    ...gpuAttend(device, isSoftware ? { groups: 1 } : {}),
    fill,
    weight: (label, type, rows, cols) => {
      types.add(type);
      return weight(label, type, rows, cols);
    },
  };
};
