import { throwIfAborted } from '../errors.js';
import { RequestFailure } from './request.js';

/** Milliseconds waited before each try that follows a failure; a byte that arrives begins the list anew. */
const RETRY_DELAYS: readonly number[] = [250, 1000, 3000, 8000];

export interface Retries {
  /** Bytes arrived. */
  progress(): void;
  /**
   * Waits before the next try; rejects with what the failure means to a caller where there is none. `most` tries follow
   * a failure, as many as there are delays by default.
   */
  after(cause: unknown, signal: AbortSignal | undefined, most?: number): Promise<void>;
}

/** What a caller is told of a failure. */
export const toldOf = (cause: unknown): unknown => (cause instanceof RequestFailure ? cause.error : cause);

export const createRetries = (delays = RETRY_DELAYS): Retries => {
  let tried = 0;
  return {
    progress: () => {
      tried = 0;
    },
    after: async (cause, signal, most = delays.length) => {
      throwIfAborted(signal);
      const delay = tried < most ? delays[tried++] : undefined;
      if (!(cause instanceof RequestFailure) || cause.kind !== 'passing' || delay === undefined) {
        throw toldOf(cause);
      }
      await new Promise<void>((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', end);
          resolve();
        };
        const timer = setTimeout(end, delay);
        signal?.addEventListener('abort', end);
      });
      throwIfAborted(signal);
    },
  };
};
