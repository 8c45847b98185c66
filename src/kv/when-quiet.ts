/** Work that nobody waits for, put off while others are busy. */
export interface Quiet {
  /** Somebody is at work. */
  notYet(): void;
  /** Begins it at once, unless it has begun. Resolves when it is done; rejects as it does. */
  now(): Promise<void>;
}

/** Milliseconds for which nothing was done. */
const QUIET_MS = 2000;

/**
 * Does `work` once, when `notYet` was not called for a while: looking through all that is stored takes as long as reading a
 * tenth of it, and whoever opens a session waits for its pages.
 */
export const whenQuiet = (work: () => Promise<void>, milliseconds = QUIET_MS): Quiet => {
  let begun: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const now = (): Promise<void> => {
    clearTimeout(timer);
    begun ??= work();
    return begun;
  };
  const notYet = (): void => {
    if (begun) return;
    clearTimeout(timer);
    timer = setTimeout(() => now().catch(() => undefined), milliseconds);
    // A program of Node that has nothing else to do may end.
    (timer as { unref?(): void }).unref?.();
  };
  notYet();
  return { notYet, now };
};
