import type { CreateMonitor, CreateOptions } from './protocol.js';

/** Node has no `ProgressEvent`. */
class OwnProgressEvent extends Event {
  readonly lengthComputable = true;
  readonly loaded: number;
  readonly total = 1;
  constructor(type: string, { loaded }: { loaded: number }) {
    super(type);
    this.loaded = loaded;
  }
}

class Monitor extends EventTarget implements CreateMonitor {
  ondownloadprogress: CreateMonitor['ondownloadprogress'] = null;
}

/** A step of `loaded`, so that it says less of what was loaded. */
const STEP = 2 ** -16;

/** Tells `monitor` of the progress: from 0 to 1, always upwards. What `monitor` throws is thrown. */
export const createProgress = (monitor: CreateOptions['monitor']): ((share: number) => void) => {
  if (!monitor) return () => undefined;
  const target = new Monitor();
  monitor(target);
  const Progress = (globalThis.ProgressEvent ?? OwnProgressEvent) as typeof OwnProgressEvent;
  let last = -1;
  return (share) => {
    const loaded = Math.floor(Math.min(1, Math.max(0, share)) / STEP) * STEP;
    if (loaded <= last) return;
    last = loaded;
    const event = new Progress('downloadprogress', { lengthComputable: true, loaded, total: 1 } as never);
    target.ondownloadprogress?.(event as ProgressEvent);
    target.dispatchEvent(event);
  };
};
