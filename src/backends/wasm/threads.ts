import { nodeModule } from '../../node-module.js';
import type { ThreadAnswer, ThreadStart } from './serve-thread.js';

/** Threads beside the one that hands out jobs. */
export interface Threads {
  /** One of them failed or was killed. */
  died(): boolean;
  /**
   * Terminate them. They must not leave by themselves just before: Chromium 156 then keeps the worker that started
   * them, as one that still has workers.
   */
  end(): void;
}

/** A worker of a browser or of Node. */
interface Thread {
  post(start: ThreadStart): void;
  /** Its first message, or why it never came. */
  readonly answer: Promise<ThreadAnswer>;
  onDeath(told: () => void): void;
  end(): void;
}

/** A thread that does not answer for this long is not coming. */
const PATIENCE_MS = 20_000;

const inBrowser = (url: URL | string | undefined): Thread => {
  // Bundlers look for exactly this form.
  const worker =
    url === undefined
      ? new Worker(new URL('./thread.js', import.meta.url), { type: 'module' })
      : new Worker(url, { type: 'module' });
  return {
    post: (start) => worker.postMessage(start),
    answer: new Promise((resolve) => {
      worker.addEventListener('message', ({ data }: MessageEvent<ThreadAnswer>) => resolve(data), {
        once: true,
      });
      worker.addEventListener('error', ({ message }) =>
        resolve({ refused: message || 'its script could not be loaded' }),
      );
    }),
    onDeath: (told) => worker.addEventListener('error', told),
    end: () => worker.terminate(),
  };
};

const inNode = async (url: URL | string | undefined): Promise<Thread> => {
  const { Worker } = await nodeModule<typeof import('node:worker_threads')>('worker_threads');
  const worker = new Worker(new URL(url ?? new URL('./thread.js', import.meta.url)));
  // Waiting threads must not keep a program alive that has nothing left to do.
  worker.unref();
  return {
    post: (start) => worker.postMessage(start),
    answer: new Promise((resolve) => {
      worker.once('message', resolve);
      worker.once('error', (error) => resolve({ refused: String(error) }));
      worker.once('exit', () => resolve({ refused: 'it ended at once' }));
    }),
    onDeath: (told) => {
      worker.once('error', told);
      worker.once('exit', told);
    },
    end: () => void worker.terminate(),
  };
};

/** The first answer that is a refusal, or none when all have answered. */
const refusalOf = async (threads: readonly Thread[]): Promise<string | undefined> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer came within ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
  });
  const refused = Promise.all(threads.map(({ answer }) => answer)).then(
    (answers) => answers.find(({ refused }) => refused !== undefined)?.refused,
  );
  try {
    return await Promise.race([refused, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Start `count` threads, or say why that is not possible. None is left over then. */
export const startThreads = async (
  count: number,
  start: Omit<ThreadStart, 'thread'>,
  url?: URL | string,
): Promise<Threads | string> => {
  const threads: Thread[] = [];
  let state: 'starting' | 'serving' | 'ended' = 'starting';
  let dead = false;
  const end = (): void => {
    state = 'ended';
    for (const thread of threads) thread.end();
  };
  try {
    for (let thread = 1; thread <= count; thread++) {
      const made = typeof Worker === 'function' ? inBrowser(url) : await inNode(url);
      threads.push(made);
      made.onDeath(() => {
        dead ||= state === 'serving';
      });
      made.post({ ...start, thread });
    }
  } catch (error) {
    end();
    return String(error);
  }
  const refused = await refusalOf(threads);
  if (refused !== undefined) {
    end();
    return refused;
  }
  state = 'serving';
  return { died: () => dead, end };
};
