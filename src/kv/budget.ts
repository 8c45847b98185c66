import type { Backend } from '../backends/backend.js';

/** What one context holds, in bytes, and what it can do without. */
export interface Holder {
  /** Of pages. */
  readonly held: number;
  /** Of everything beside pages that is not on the device: tokens, and what is known of each page. */
  readonly beside: number;
  /** What may be needed for a moment on top of what is held, when something grows. */
  readonly reserve: number;
  /** Give up about as many bytes of pages, as far as they rest in the store. */
  giveUp(bytes: number): void;
}

/** One budget for the texts of all contexts of a model: pages, page tables, summaries and plans, tokens. */
export interface Budget {
  readonly bytes: number;
  /** Bytes that may be on their way from the store at once, and to it. */
  readonly inFlight: number;
  /** Counts `holder` from now on; the result ends that. */
  join(holder: Holder): () => void;
  /**
   * Bytes that the pages of `holder` may take, if it wants `wanted`. The others give up theirs first, the one that was
   * used least recently before the rest.
   */
  roomFor(holder: Holder, wanted: number): number;
  /** What is held now. */
  readonly used: number;
}

/**
 * Share of the budget for what is on its way to or from the store, each, and its limits: enough for the records that a layer
 * misses in a step, if that is no greater part of a small budget.
 */
const IN_FLIGHT = 1 / 32;
const MOST_IN_FLIGHT = 32 * 1024 * 1024;
const LEAST_IN_FLIGHT = 512 * 1024;
const GREATEST_PART = 1 / 16;

export const createBudget = (backend: Pick<Backend, 'bytes'>, bytes: number): Budget => {
  /** In the order of their last use. */
  let holders: Holder[] = [];
  const least = Math.min(LEAST_IN_FLIGHT, bytes * GREATEST_PART);
  const inFlight = Math.min(MOST_IN_FLIGHT, Math.floor(Math.max(least, bytes * IN_FLIGHT)));
  const sum = (of: (holder: Holder) => number): number =>
    holders.reduce((total, holder) => total + of(holder), 0);

  const used = (): number => {
    const { pages, chunks } = backend.bytes();
    return pages + chunks + sum(({ beside }) => beside);
  };

  return {
    bytes,
    inFlight,
    join(holder) {
      holders.push(holder);
      return () => {
        holders = holders.filter((other) => other !== holder);
      };
    },
    roomFor(holder, wanted) {
      holders = [...holders.filter((other) => other !== holder), holder];
      const room = bytes - 2 * inFlight - holder.reserve - (used() - sum(({ held }) => held));
      const others = (): number => sum(({ held }) => held) - holder.held;
      for (const other of holders) {
        if (wanted + others() <= room) break;
        if (other !== holder) other.giveUp(wanted + others() - room);
      }
      return Math.max(0, room - others());
    },
    get used() {
      return used();
    },
  };
};
