import { createPatience } from '../stores/patience.js';

/** Whether the browser has promised to keep what is stored until the user deletes it; `unknown` where it cannot be asked. */
export type Persisted = 'yes' | 'no' | 'unknown';

export const isPersisted = async (): Promise<Persisted> => {
  const asked = globalThis.navigator?.storage?.persisted?.();
  const answer =
    asked &&
    (await createPatience()
      .within('persisted', asked)
      .catch(() => undefined));
  return answer === undefined ? 'unknown' : answer ? 'yes' : 'no';
};
