import { LonghandError } from '../../errors.js';

/** What went wrong on the device, the first thing first: every verb after it throws, and what waits rejects. */
export interface Failures {
  /** Throws what has failed, if anything has. */
  check(): void;
  /** Only the first one counts: the others follow from it. */
  report(error: LonghandError): void;
  /** Run with the device's errors of this kind reported. They are known when `settled` is. */
  guard<T>(kind: GPUErrorFilter, what: string, run: () => T): T;
  /** Resolves when the outcome of everything that was guarded so far is known. */
  settled(): Promise<void>;
  /** The same, where a buffer could not be mapped: a device that is lost says so a little later than its buffers do. */
  explained(): Promise<void>;
}

const failureOf = (kind: GPUErrorFilter, what: string, message: string): LonghandError =>
  kind === 'out-of-memory'
    ? new LonghandError(
        'memory/device',
        `The GPU has no memory for ${what}: ${message}. Use a smaller model or budget, or close other tabs.`,
        { what },
      )
    : new LonghandError(
        'internal',
        `The GPU refused ${what}: ${message}. Please report this, with the browser and its version.`,
        { what },
      );

/** Milliseconds within which a device says that it is lost. */
const LATER = 2000;

export const failuresOf = (device: GPUDevice): Failures => {
  let first: LonghandError | undefined;
  const open = new Set<Promise<void>>();
  const report = (error: LonghandError): void => {
    first ??= error;
  };

  const lost = device.lost.then(({ reason, message }) => {
    // `destroyed` is our own doing: `close` has reported it before.
    report(
      new LonghandError(
        'engine/lost',
        `The GPU device was lost (${reason}): ${message} What was on it is gone. Load the model again.`,
        { reason },
      ),
    );
  });
  device.addEventListener('uncapturederror', (event) => {
    report(failureOf('internal', 'a command', event.error.message));
  });

  return {
    report,
    check: () => {
      if (first) throw first;
    },
    guard: (kind, what, run) => {
      device.pushErrorScope(kind);
      let done: Promise<GPUError | null>;
      try {
        return run();
      } finally {
        done = device.popErrorScope();
        const known = done.then(
          (error) => {
            if (error) report(failureOf(kind, what, error.message));
          },
          // A lost device has no scopes; that it is lost is reported by itself.
          () => {},
        );
        open.add(known);
        void known.then(() => open.delete(known));
      }
    },
    settled: async () => {
      await Promise.all(open);
    },
    explained: async () => {
      await Promise.all(open);
      await Promise.race([lost, new Promise((resolve) => setTimeout(resolve, LATER))]);
    },
  };
};
