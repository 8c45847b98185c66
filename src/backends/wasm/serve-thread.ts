import { nodeModule } from '../../node-module.js';
import { serveJobs } from './jobs.js';
import type { Kernels } from './kernels.js';
import { shareNames } from './shares.js';

/** What a thread is started with. */
export interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Address of the block through which jobs are handed out. */
  readonly jobs: number;
  /** 1, 2, …: the dispatcher is 0. */
  readonly thread: number;
  /** The jobs the dispatcher knows: those of a script of another version may be others. */
  readonly shares: string;
}

/** What a thread answers before it serves: nothing stands in its way, or why it cannot. */
export interface ThreadAnswer {
  readonly refused?: string;
}

export const shareList = shareNames.join(' ');

const begin = async (
  { module, memory, jobs, thread, shares }: ThreadStart,
  answer: (message: ThreadAnswer) => void,
): Promise<void> => {
  if (shares !== shareList) return answer({ refused: 'its script is of another version' });
  let kernels: Kernels;
  try {
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    kernels = exports as Kernels;
  } catch (error) {
    return answer({ refused: String(error) });
  }
  answer({});
  serveJobs(kernels, memory, jobs, thread);
};

/** Serve the engine that started this worker, in a browser or in Node, until it terminates it. */
export const serveThread = (): void => {
  if (typeof addEventListener === 'function' && typeof postMessage === 'function') {
    addEventListener(
      'message',
      ({ data }: MessageEvent<ThreadStart>) => {
        void begin(data, (message) => postMessage(message));
      },
      { once: true },
    );
    return;
  }
  void nodeModule<typeof import('node:worker_threads')>('worker_threads').then(({ parentPort }) => {
    parentPort?.once('message', (start: ThreadStart) => {
      void begin(start, (message) => parentPort.postMessage(message));
    });
  });
};
