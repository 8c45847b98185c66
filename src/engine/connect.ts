import { proxy, type Remote, wrap } from 'comlink';
import { LonghandError } from '../errors.js';
import type { Engine } from './engine.js';
import { carryErrors, type Presence } from './wire.js';

const lost = (): LonghandError =>
  new LonghandError(
    'engine/lost',
    'The worker that ran the engine died. Stored sessions survive: load the model again and open them.',
  );

/** What the platform refuses to send to a worker is an argument that cannot be. */
export const fromPlatform = (error: unknown): unknown =>
  (error as Error | null)?.name === 'DataCloneError'
    ? new LonghandError(
        'input/type',
        `The worker cannot be sent what was given: ${(error as Error).message} Pass plain data.`,
      )
    : error;

/** Calls that end something: what died has ended. */
const ENDING: readonly PropertyKey[] = ['closeContext', 'unload'];

/**
 * The engine behind a worker. Every pending call rejects with `engine/lost` when the worker fails or is killed: its
 * `error` event tells of the first, a Web Lock it holds for life of the second (where the platform has them).
 */
export const connectEngine = (worker: Worker): Engine => {
  carryErrors();
  const remote = wrap<Engine & Presence>(worker) as Remote<Engine & Presence>;
  const pending = new Set<(error: LonghandError) => void>();
  let dead: LonghandError | undefined;

  const end = (error: LonghandError): void => {
    dead ??= error;
    for (const reject of pending) reject(dead);
    pending.clear();
    worker.terminate();
  };
  worker.addEventListener('error', () => end(lost()));
  worker.addEventListener('messageerror', () => end(lost()));

  const guarded = <T>(call: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (dead) {
        reject(dead);
        return;
      }
      pending.add(reject);
      call()
        .then(resolve, (error) => reject(fromPlatform(error)))
        .finally(() => pending.delete(reject));
    });

  if (typeof navigator !== 'undefined' && navigator.locks) {
    const lock = `longhand-worker-${crypto.randomUUID()}`;
    guarded(() => remote.hold(lock))
      .then(() => navigator.locks.request(lock, () => end(lost())))
      .catch(() => undefined);
  }

  const close = async (): Promise<void> => {
    if (dead) return;
    await guarded(() => remote.close()).catch(() => undefined);
    end(new LonghandError('engine/closed', 'The engine was closed. Load the model again.'));
  };

  return new Proxy({} as Engine, {
    get: (_, name) => {
      if (name === 'then') return undefined;
      if (name === 'close') return close;
      if (dead && ENDING.includes(name)) return async () => undefined;
      const method = remote[name as keyof Engine] as unknown as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) =>
        guarded(() => method(...args.map((arg) => (typeof arg === 'function' ? proxy(arg) : arg))));
    },
  });
};
