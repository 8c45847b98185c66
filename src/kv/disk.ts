import { type ErrorCode, LonghandError } from '../errors.js';
import type { Store, StoreBatch } from '../stores/store.js';
import type { Evictor } from './evictor.js';
import { TAILS } from './session-keys.js';
import { HEADS, PAGES } from './stored-run.js';
import type { Uses } from './uses.js';

/** What other tabs wrote is looked at again after so many bytes of our own, or this share of the budget. */
const MEASURE_AFTER = 64_000_000;
/** Also freed beside what is needed, so that not every transaction evicts. */
const SPARE = 1 / 16;

const isCache = ([key]: readonly [string, Uint8Array]): boolean =>
  [HEADS, PAGES, TAILS].some((prefix) => key.startsWith(prefix));

const bytesOf = (batch: StoreBatch): number => batch.put.reduce((sum, [, bytes]) => sum + bytes.length, 0);

const isFull = (error: unknown): boolean =>
  (error as { code?: ErrorCode } | null)?.code === ('storage/quota' satisfies ErrorCode);

const overBudget = (asked: number, held: number, budget: number): LonghandError =>
  new LonghandError(
    'storage/quota',
    `The disk budget is used up: ${held} of ${budget} bytes are stored, and nothing more that is not in use can be ` +
      `evicted for ${asked} bytes. Raise kv.disk, or close or delete sessions.`,
    { asked, usage: held, quota: budget },
  );

export interface BudgetedStore extends Store {
  /** Evict what is stored beyond the budget, as far as it is not in use: the budget may be lower than it was last time. */
  fit(): Promise<void>;
}

/**
 * A store that keeps to a budget. Every commit tells who used what; one that has no room, in the budget or on the device,
 * evicts what was used longest ago and tries again. Token lists are always written: they are small, and the truth.
 */
export const withBudget = (
  store: Store,
  budget: number | undefined,
  uses: Uses,
  evictor: Evictor,
): BudgetedStore => {
  let held: number | undefined;
  let written = 0;

  const measure = async (): Promise<number> => {
    written = 0;
    held = await store.size('');
    return held;
  };

  /** Whether so many bytes fit into the budget, when what may be evicted for them has been. */
  const fits = async (bytes: number): Promise<boolean> => {
    if (budget === undefined) return true;
    if (held === undefined || written > Math.min(MEASURE_AFTER, budget * SPARE)) await measure();
    if (held! + bytes <= budget) return true;
    const over = (await measure()) + bytes - budget;
    if (over <= 0) return true;
    await evictor.evict(over + Math.floor(budget * SPARE));
    return (await measure()) + bytes <= budget;
  };

  return {
    ...store,
    fit: async () => void (await fits(0)),
    async commit(batch) {
      const whole = await uses.beside(batch);
      const bytes = bytesOf(whole);
      if (batch.put.some(isCache) && !(await fits(bytes))) throw overBudget(bytes, held!, budget!);
      for (;;) {
        try {
          await store.commit(whole);
          break;
        } catch (error) {
          if (!isFull(error) || (await evictor.evict(2 * bytes)) === 0) throw error;
        }
      }
      held = held === undefined ? undefined : held + bytes;
      written += bytes;
    },
  };
};
