import type { Backend } from '../../src/backends/backend.js';
import { gpuChunks } from '../../src/backends/webgpu/chunks.js';
import { gpuPages } from '../../src/backends/webgpu/pages.js';
import { gpuTensors } from '../../src/backends/webgpu/tensors.js';
import { describeChunks } from './chunks.js';
import { openTestGpu } from './make-gpu.js';

const make = async () => {
  const device = await openTestGpu();
  return { ...gpuTensors(device), ...gpuPages(device), ...gpuChunks(device) } as unknown as Backend;
};

describeChunks('webgpu', make, { few: true });
