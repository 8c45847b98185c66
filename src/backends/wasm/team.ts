import { LonghandError } from '../../errors.js';
import { nodeModule } from '../../node-module.js';
import { Heap } from './heap.js';
import { aloneJobs, JOB_BYTES, type Jobs, sharedJobs } from './jobs.js';
import { type KernelInstance, memoryPages, startKernels, type WasmOptions } from './module.js';
import { shareList } from './serve-thread.js';
import { startThreads } from './threads.js';

/** Kernels, their memory, and the threads that run them. */
export interface Team {
  readonly instance: KernelInstance;
  readonly heap: Heap;
  readonly jobs: Jobs;
  /** Why these kernels and so many threads. */
  readonly reason: string;
  end(): void;
}

const MOST_THREADS = 8;
const WASM_PAGE = 65536;
/** A shared memory reserves its maximum when it is made; where that is refused, half is tried, down to this. */
const LEAST_PAGES = 2 ** 29 / WASM_PAGE;

const isPage = typeof document !== 'undefined' && typeof window !== 'undefined';
const isNode = typeof process !== 'undefined' && process.versions?.node !== undefined && !isPage;

/** Why memory cannot be shared here, and what to do about it; undefined where it can. */
const obstacle = ({ wasm = {} }: WasmOptions): { found: string; advice: string } | undefined => {
  if (isPage) {
    return {
      found: 'the engine runs in the page itself, which must not wait',
      advice: 'Load through the worker (import from longhand).',
    };
  }
  if (!isNode && !globalThis.crossOriginIsolated) {
    return {
      found: 'the page is not cross-origin isolated',
      advice:
        'Serve it with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
    };
  }
  if (!isNode && typeof Worker !== 'function') {
    return { found: 'this worker cannot start workers', advice: 'Load from a page or a dedicated worker.' };
  }
  if (Object.values(wasm).some((source) => source instanceof WebAssembly.Module)) {
    return {
      found: 'the kernels were given as a compiled module, whose memory is not shared',
      advice: 'Give their address or their bytes.',
    };
  }
  return undefined;
};

const cores = async (): Promise<number> => {
  // Browsers may hide the number.
  if (!isNode) return navigator.hardwareConcurrency || 1;
  return (await nodeModule<typeof import('node:os')>('os')).availableParallelism();
};

/** One core stays for the page, except where there are only two: it does little while a text is read. */
const autoThreads = (found: number): number => Math.min(MOST_THREADS, found, Math.max(2, found - 1));

const sharedMemory = (maximum: number): WebAssembly.Memory | undefined => {
  for (let pages = maximum; ; pages = Math.floor(pages / 2)) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum: pages, shared: true });
    } catch {
      if (pages / 2 < LEAST_PAGES) return undefined;
    }
  }
};

const alone = async (options: WasmOptions, why: string): Promise<Team> => {
  const instance = await startKernels(options);
  const heap = new Heap(instance.memory, instance.kernels.heapBase!() >>> 0);
  const reason = `WebAssembly with ${instance.reason}; 1 thread: ${why}`;
  return { instance, heap, jobs: aloneJobs(instance.kernels), reason, end: () => undefined };
};

/** Kernels on as many threads as asked for. Rejects where a number was asked for that cannot be had. */
export const startTeam = async (options: WasmOptions): Promise<Team> => {
  const { threads = 1, threadUrl } = options;
  const auto = threads === 'auto';
  const found = await cores();
  const count = auto ? autoThreads(found) : threads;
  if (count === 1) return alone(options, auto ? 'this device has one core' : 'as was asked for');
  const instead = async (why: string, advice: string): Promise<Team> => {
    if (auto) return alone(options, why);
    const message = `${count} threads were asked for, but ${why}. ${advice} Or leave \`threads\` at 'auto'.`;
    throw new LonghandError('unsupported/backend', message, { threads: count });
  };
  const stop = obstacle(options);
  if (stop) return instead(stop.found, stop.advice);
  const memory = sharedMemory(memoryPages(options));
  if (!memory) return instead('the device gave no shared memory', 'Close other pages.');

  const instance = await startKernels(options, memory);
  const { kernels, module } = instance;
  const heap = new Heap(memory, kernels.heapBase!() >>> 0);
  const start = heap.alloc(JOB_BYTES, 'activations');
  heap.u8(start, JOB_BYTES).fill(0);
  const started = await startThreads(
    count - 1,
    { module, memory, jobs: start, shares: shareList },
    threadUrl,
  );
  if (typeof started === 'string') {
    return instead(`a thread could not be started (${started})`, 'Serve thread.js beside the library.');
  }
  return {
    instance,
    heap,
    jobs: sharedJobs(kernels, memory, start, count, started.died),
    reason: `WebAssembly with ${instance.reason}; ${count} threads: ${auto ? `this device has ${found} cores` : 'as was asked for'}`,
    end: started.end,
  };
};
