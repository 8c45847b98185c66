import { gpuPages } from '../../src/backends/webgpu/pages.js';
import { gpuTensors } from '../../src/backends/webgpu/tensors.js';
import { openTestGpu } from './make-gpu.js';
import { describeStoredPages } from './stored-pages.js';

const make = async () => {
  const device = await openTestGpu();
  return { ...gpuTensors(device), ...gpuPages(device) };
};

describeStoredPages('webgpu', make, { exact: false, few: true });
