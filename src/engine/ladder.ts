import type { Backend } from '../backends/backend.js';
import { isLost, LonghandError, throwIfAborted } from '../errors.js';
import type { Arena } from '../model/arena.js';
import type { ModelWeights } from '../model/weights.js';
import type { Computing } from './open-backend.js';

/** What computes, and what it has loaded. */
export interface Loaded {
  readonly backend: Computing;
  readonly weights: ModelWeights;
  readonly arena: Arena;
}

/** One way to have a model computed. `losses`: devices that were lost before. */
export type Rung = (signal: AbortSignal, losses: number) => Promise<Loaded>;

/** A model on a device; when that is lost, on the next one. */
export interface Ladder {
  readonly now: Loaded;
  /** Devices that were lost. */
  readonly losses: number;
  /** `Reader.replace`. */
  replace(lost: Backend, error: unknown, signal: AbortSignal | undefined): Promise<boolean>;
  close(): Promise<void>;
}

/** Resolves as `coming` does, unless `signal` is aborted before; `coming` goes on. */
const unlessAborted = async <T>(coming: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  throwIfAborted(signal);
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      try {
        throwIfAborted(signal);
      } catch (error) {
        reject(error);
      }
    };
    signal?.addEventListener('abort', stop);
  });
  return Promise.race([coming, aborted]).finally(() => signal?.removeEventListener('abort', stop!));
};

/**
 * Loads a model on the first of `rungs` that is not lost meanwhile, and on the next one whenever the device is lost after
 * that. `exclusive`: no forward call runs while a device is replaced.
 */
export const createLadder = async (
  rungs: readonly Rung[],
  exclusive: <T>(work: () => Promise<T>) => Promise<T>,
  signal: AbortSignal,
): Promise<Ladder> => {
  const left = [...rungs];
  const closing = new AbortController();
  let losses = 0;

  /** The last rung's failure counts; of one before, only that the device was lost. */
  const climb = async (stop: AbortSignal, mayFail: (error: unknown) => boolean): Promise<Loaded> => {
    for (;;) {
      throwIfAborted(stop);
      const rung = left.shift()!;
      try {
        return await rung(stop, losses);
      } catch (error) {
        throwIfAborted(stop);
        if (left.length === 0 || !mayFail(error)) throw error;
        losses += Number(isLost(error));
      }
    }
  };

  let now = await climb(signal, isLost);
  let replacing: Promise<void> | undefined;

  const renew = async (lost: LonghandError): Promise<void> => {
    losses += 1;
    now.backend.close();
    try {
      now = await climb(closing.signal, () => true);
    } catch (cause) {
      throwIfAborted(closing.signal);
      throw new LonghandError(
        'engine/lost',
        `${lost.message} It could not be replaced either: ${(cause as Error).message}`,
        lost.details,
        { cause },
      );
    }
  };

  return {
    get now() {
      return now;
    },
    get losses() {
      return losses;
    },
    async replace(lost, error, stop) {
      if (!isLost(error)) return false;
      if (now.backend === lost && !replacing) {
        if (left.length === 0) return false;
        replacing = exclusive(() => renew(error as LonghandError)).finally(() => {
          replacing = undefined;
        });
        replacing.catch(() => undefined);
      }
      await unlessAborted(replacing ?? Promise.resolve(), stop);
      return true;
    },
    async close() {
      closing.abort();
      await replacing?.catch(() => undefined);
      now.backend.close();
    },
  };
};
