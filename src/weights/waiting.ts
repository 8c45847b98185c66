/** Several tabs, one download: a Web Lock decides who does it, a BroadcastChannel tells the others how far it is. */

interface Told {
  readonly loaded: number;
  readonly total: number;
}
const channelName = (key: string): string => `longhand-download/${key}`;
/** Milliseconds between two messages. */
const PAUSE = 100;

/** Waits for a lock; returns what releases it. Rejects as the signal says. */
export const hold = (name: string, mode: LockMode, signal?: AbortSignal): Promise<() => void> =>
  new Promise((resolve, reject) => {
    const granted = (): Promise<void> => new Promise((release) => resolve(release));
    navigator.locks.request(name, { mode, ...(signal && { signal }) }, granted).catch(reject);
  });

/** Tells other tabs how far a download is. */
export const announce = (key: string) => {
  const channel =
    typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel(channelName(key));
  let last = 0;
  return {
    tell: (loaded: number, total: number | undefined): void => {
      const now = performance.now();
      if (total === undefined || now - last < PAUSE) return;
      last = now;
      channel?.postMessage({ loaded, total } satisfies Told);
    },
    close: (): void => channel?.close(),
  };
};

/** Hears how far another tab's download is, until it is closed. */
export const listen = (key: string, onWait: ((loaded: number, total: number) => void) | undefined) => {
  const channel =
    onWait && typeof BroadcastChannel !== 'undefined' ? new BroadcastChannel(channelName(key)) : undefined;
  channel?.addEventListener('message', ({ data: { loaded, total } }: MessageEvent<Told>) =>
    onWait?.(loaded, total),
  );
  return { close: (): void => channel?.close() };
};
