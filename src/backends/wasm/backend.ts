import type { Backend } from '../backend.js';
import { wasmChunks } from './chunks.js';
import type { Device, Owned } from './device.js';
import { wasmLinear } from './linear.js';
import { wasmMatmul } from './matmul.js';
import type { WasmOptions } from './module.js';
import { wasmPages } from './pages.js';
import { wasmStates } from './states.js';
import { startTeam } from './team.js';
import { wasmTensors } from './tensors.js';

export interface WasmBackend extends Backend {
  /** Threads that compute, this one included. */
  readonly threads: number;
  /** Why this build and so many threads. */
  readonly reason: string;
}

// As many arguments as any verb has: to gather and spread them would cost as much as some verbs do.
type Verb = (a: never, b: never, c: never, d: never, e: never, f: never) => unknown;

/** Every verb with `first` before it. */
const after = <T extends object>(first: () => void, verbs: T): T =>
  Object.fromEntries(
    Object.entries(verbs).map(([name, verb]: [string, Verb]): [string, Verb] => [
      name,
      (a, b, c, d, e, f) => {
        first();
        return verb(a, b, c, d, e, f);
      },
    ]),
  ) as T;

/** The CPU backend: AssemblyScript SIMD kernels over one memory. What a verb writes is there for the next one. */
export const createWasmBackend = async (options: WasmOptions = {}): Promise<WasmBackend> => {
  const { instance, heap, jobs, reason, end } = await startTeam(options);
  const { build, kernels } = instance;
  const device: Device = { heap, kernels, jobs, build };
  const { matmul, settle } = wasmMatmul(device);
  const pages = wasmPages(device);
  const verbs: Omit<Backend, 'name' | 'build' | 'matmul' | 'close'> = {
    ...wasmTensors(device),
    ...wasmLinear(device),
    ...pages,
    ...wasmStates(device, pages),
    ...wasmChunks(device),
    free: (thing) => (thing as unknown as Owned).release(),
    bytes: () => {
      const { weights, activations, pages, chunks } = heap.used;
      return { weights, activations, pages, chunks, total: weights + activations + pages + chunks };
    },
    flush: () => {},
  };
  return {
    name: 'wasm',
    build,
    threads: jobs.threads,
    reason,
    ...after(settle, verbs),
    matmul,
    close: end,
  };
};
