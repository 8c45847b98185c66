import type { Engine } from './engine/engine.js';
import { throwIfAborted } from './errors.js';

/** How far a long call has come. */
export interface ProgressEvent {
  /**
   * Bytes of a model (kernels that are compiled for a GPU count as a tenth more), tokens of a text that is read, characters of
   * one that is tokenized.
   */
  readonly loaded: number;
  readonly total: number;
}

/** What ends a call. */
export interface StopOptions {
  /** Ends the call within one segment or token; it then rejects with the signal's reason, an `AbortError` by default. */
  readonly signal?: AbortSignal;
}

/** What every long call takes. */
export interface CallOptions extends StopOptions {
  /** Called after every piece of a model, every segment of a text. What it throws ends the call, as an abort does. */
  readonly onProgress?: (progress: ProgressEvent) => void;
}

/** Tabs may share an engine: each counts its calls from somewhere else. */
let calls = Math.floor(Math.random() * 2 ** 52);

/** Runs a call under a number of its own, so that its signal can reach the other side. */
export const abortable = async <T>(
  engine: Engine,
  options: CallOptions,
  run: (call: number, onProgress: (loaded: number, total: number) => void) => Promise<T>,
): Promise<T> => {
  const { signal, onProgress } = options;
  throwIfAborted(signal);
  const call = ++calls;
  const abort = (): void => void engine.abort(call).catch(() => undefined);
  /** What `onProgress` threw. It must not reach the engine: behind a worker nobody there would wait for it. */
  let thrown: { readonly error: unknown } | undefined;
  const report = (loaded: number, total: number): void => {
    if (thrown) return;
    try {
      onProgress?.({ loaded, total });
    } catch (error) {
      thrown = { error };
      abort();
    }
  };
  const throwOutside = (): void => {
    if (thrown) throw thrown.error;
  };
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const result = await run(call, report);
    throwOutside();
    return result;
  } catch (error) {
    throwOutside();
    throwIfAborted(signal);
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
  }
};

export const withoutCall = <T extends CallOptions>({
  signal: _signal,
  onProgress: _onProgress,
  ...rest
}: T) => rest;
