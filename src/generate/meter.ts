import type { Tiles } from '../backends/backend.js';

/** What one phase cost: rows computed, seconds, and the share of the causal triangle that was read. */
export interface Phase {
  tokens: number;
  seconds: number;
  /** (row, key) pairs read, per layer and list. */
  pairs: number;
  /** (row, key) pairs of the causal triangle over the same rows. */
  causalPairs: number;
}

const phase = (): Phase => ({ tokens: 0, seconds: 0, pairs: 0, causalPairs: 0 });

/** Realised density: pairs read over pairs of the causal triangle; 1 where nothing was read yet. */
export const density = ({ pairs, causalPairs }: Phase): number =>
  causalPairs === 0 ? 1 : pairs / causalPairs;

/** Counts the work of a context. */
export interface Meter {
  /** Tokens whose pages came from the store. */
  reusedTokens: number;
  /** Tokens that were read again although they had been read before. */
  recomputedTokens: number;
  /** Text, in tiles. */
  readonly prefill: Phase;
  /** Questions and answers, row by row. */
  readonly decode: Phase;
  /** The last forward call. */
  lastStep: Phase;
  count(tiles: Tiles, exact: boolean, pairs: number, milliseconds: number): void;
}

export const createMeter = (): Meter => ({
  reusedTokens: 0,
  recomputedTokens: 0,
  prefill: phase(),
  decode: phase(),
  lastStep: phase(),
  count(tiles, exact, pairs, milliseconds) {
    const { position, rows } = tiles;
    const causalPairs = rows * position + (rows * (rows + 1)) / 2;
    const seconds = milliseconds / 1000;
    this.lastStep = { tokens: rows, seconds, pairs, causalPairs };
    const total = exact ? this.decode : this.prefill;
    total.tokens += rows;
    total.seconds += seconds;
    total.pairs += pairs;
    total.causalPairs += causalPairs;
  },
});
