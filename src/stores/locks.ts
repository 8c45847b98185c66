import { abortError, throwIfAborted } from '../errors.js';
import type { Lock, LockOptions } from './store.js';

/** Names that are taken in this process. Whoever waits for one gets it in the order of asking. */
export const createLockTable = (): Lock => {
  /** By taken name: who waits for it. */
  const taken = new Map<string, (() => void)[]>();

  const turn = (queue: (() => void)[], signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const give = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        queue.splice(queue.indexOf(give), 1);
        reject(signal?.reason instanceof Error ? signal.reason : abortError());
      };
      queue.push(give);
      signal?.addEventListener('abort', leave, { once: true });
    });

  return async (name, { wait = false, signal } = {}) => {
    throwIfAborted(signal);
    const queue = taken.get(name);
    if (queue && !wait) return undefined;
    if (queue) await turn(queue, signal);
    else taken.set(name, []);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      // The next one has it before anybody else can ask.
      const next = taken.get(name)!.shift();
      if (next) next();
      else taken.delete(name);
    };
  };
};

/** Where the platform has no locks (Node, insecure contexts), those of this process. */
const here = createLockTable();

const onPlatform = (
  locks: LockManager,
  name: string,
  { wait = false, signal }: LockOptions,
): Promise<(() => void) | undefined> =>
  new Promise((resolve, reject) => {
    const hold = (lock: unknown): Promise<void> | undefined => {
      if (lock) return new Promise<void>((release) => resolve(release));
      resolve(undefined);
      return undefined;
    };
    // The platform takes a signal only from those who wait.
    locks.request(name, wait ? { ...(signal && { signal }) } : { ifAvailable: true }, hold).catch(reject);
  });

/** Locks among all tabs and workers that reach the database; a dead one lets go by itself. */
export const lockEverywhere: Lock = async (name, how = {}) => {
  throwIfAborted(how.signal);
  const locks = globalThis.navigator?.locks;
  return locks ? onPlatform(locks, name, how) : here(name, how);
};
