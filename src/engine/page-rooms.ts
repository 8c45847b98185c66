import type { Backend } from '../backends/backend.js';
import type { LonghandError } from '../errors.js';
import type { Rooms } from '../kv/landing.js';

/** Memory of whatever computes now, for pages that are on their way to it. */
export const pageRooms = (backend: () => Backend): Rooms => ({
  take(bytes) {
    try {
      return backend().pageRoom?.(bytes);
    } catch (error) {
      // Where there is no more memory, they wait elsewhere; whoever needs a page and gets none says so.
      if ((error as Partial<LonghandError>).code === 'memory/device') return undefined;
      throw error;
    }
  },
  free: (room) => backend().freeRoom?.(room),
});
