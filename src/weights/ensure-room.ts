import { LonghandError } from '../errors.js';

/** Throws `storage/quota` where the browser reports that it has no room for so many bytes more. */
export const ensureRoom = async (asked: number): Promise<void> => {
  const { quota, usage } = (await navigator.storage.estimate?.().catch(() => undefined)) ?? {};
  if (quota === undefined || usage === undefined || usage + asked <= quota) return;
  const message = `The browser has no room for ${asked} more bytes: it reports ${usage} of ${quota} in use.`;
  throw new LonghandError('storage/quota', `${message} Delete models, or free space on the device.`, {
    asked,
    usage,
    quota,
  });
};
