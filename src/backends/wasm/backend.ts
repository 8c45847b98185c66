import type { Backend } from '../backend.js';
import { wasmChunks } from './chunks.js';
import type { Device, Owned } from './device.js';
import { Heap } from './heap.js';
import { wasmLinear } from './linear.js';
import { startKernels, type WasmOptions } from './module.js';
import { wasmPages } from './pages.js';
import { wasmTensors } from './tensors.js';

/** The CPU backend: AssemblyScript SIMD kernels over one memory. Every verb has run when it returns. */
export const createWasmBackend = async (options: WasmOptions = {}): Promise<Backend> => {
  const { build, kernels, memory } = await startKernels(options);
  const heap = new Heap(memory, kernels.heapBase!() >>> 0);
  const device: Device = { heap, kernels, build };
  return {
    name: 'wasm',
    build,
    ...wasmTensors(device),
    ...wasmLinear(device),
    ...wasmPages(device),
    ...wasmChunks(device),
    free: (thing) => (thing as unknown as Owned).release(),
    bytes: () => {
      const { weights, activations, pages, chunks } = heap.used;
      return { weights, activations, pages, chunks, total: weights + activations + pages + chunks };
    },
    flush: () => {},
    close: () => {},
  };
};
