import { type GpuDevice, openGpu } from '../../src/backends/webgpu/device.js';
import { gpuLinear } from '../../src/backends/webgpu/linear.js';
import { gpuMatmul } from '../../src/backends/webgpu/matmul.js';
import type { GpuOptions } from '../../src/backends/webgpu/request.js';
import { gpuTensors } from '../../src/backends/webgpu/tensors.js';
import { gpuWeights } from '../../src/backends/webgpu/weights.js';
import type { LinearVerbs } from './linear.js';

/** As `node build.mjs shaders` made it. */
const shadersUrl = new URL('../../dist/shaders.json', import.meta.url);

export const openTestGpu = async (options: Partial<GpuOptions> = {}): Promise<GpuDevice> =>
  openGpu({ shaders: await (await fetch(shadersUrl)).json(), ...options });

export const linearOn = (device: GpuDevice): LinearVerbs => ({
  ...gpuTensors(device),
  ...gpuWeights(device),
  ...gpuLinear(device),
  ...gpuMatmul(device),
});

/** What a device has until there is a whole backend. */
export const makeGpuLinear = async (options: Partial<GpuOptions> = {}): Promise<LinearVerbs> =>
  linearOn(await openTestGpu(options));
