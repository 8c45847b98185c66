import {
  type Backend,
  type Keep,
  PAGE,
  type Plan,
  type Range,
  type Tiles,
  tileAt,
} from '../backends/backend.js';
import { budgetAt } from './budget.js';
import { type PatternTile, type Weigh, writePattern } from './pattern.js';

/** How blocks are chosen by their scores. */
export interface BlockChoice {
  readonly keep: Keep;
  /** Tokens in a block. */
  readonly size: number;
  /** No more blocks than have this share of all scores, which then are masses, (0, 1]. Default 1: as many as the budget has room for. */
  readonly mass?: number;
  /** Tokens of the budget that are no blocks', as far as it goes. Default 0. */
  readonly rest?: number;
  /** As `writePattern` takes it. */
  readonly weigh?: Weigh;
}

/**
 * Whole blocks of `size` tokens with the highest scores until `room` tokens are spent or the share `mass` of them is
 * reached; never one of −∞. Of equal scores, and of scores that are no numbers, which come last, the later block comes first.
 */
export const bestBlocks = (scores: ArrayLike<number>, size: number, room: number, mass = 1): Range[] => {
  const all = Array.from(scores, (score, block) => ({
    block,
    score: Number.isNaN(score) ? -Number.MAX_VALUE : score,
  })).sort((a, b) => (a.score === b.score ? b.block - a.block : b.score - a.score));
  const wanted = mass < 1 ? mass * all.reduce((sum, { score }) => sum + Math.max(0, score), 0) : Infinity;
  const chosen: Range[] = [];
  let [left, reached] = [Math.floor(room / size), 0];
  for (const { block, score } of all) {
    if (left-- <= 0 || score === Number.NEGATIVE_INFINITY || (reached >= wanted && wanted > 0)) break;
    reached += Math.max(0, score);
    chosen.push([block * size, (block + 1) * size]);
  }
  return chosen;
};

/** Where what a tile that starts at `start` always reads begins, in whole blocks: the local tokens, and all of its page. */
export const latestFrom = (keep: Keep, size: number, start: number): number => {
  const latest = Math.max(0, Math.min(start - keep.local, Math.floor(start / PAGE) * PAGE));
  return Math.floor(latest / size) * size;
};

/** That, and what its budget leaves beside it. */
export const roomOf = (
  { keep, size }: BlockChoice,
  { start, end }: PatternTile,
): [from: number, room: number] => {
  const from = latestFrom(keep, size, start);
  return [from, budgetAt(keep, end) - Math.min(keep.sinks, from) - (end - from)];
};

/**
 * Writes a plan on the CPU: sinks, local tokens, all of the page before the tile, and blocks chosen by `scoresOf` (list,
 * tile), which has a score for every whole block before these.
 */
export const writeBlocks = (
  backend: Backend,
  out: Plan,
  tiles: Tiles,
  choice: BlockChoice,
  scoresOf: (list: number, tile: number, from: number) => ArrayLike<number>,
): void => {
  const { keep, size, mass, rest = 0, weigh } = choice;
  const read = (own: PatternTile): Range[] => {
    const { list, start, end } = own;
    if (budgetAt(keep, end) >= end) return [[0, end]];
    const [from, room] = roomOf(choice, own);
    const scores = Float32Array.from(scoresOf(list, tileAt(tiles, start), from));
    // Whole blocks of sinks are read as it is.
    scores.fill(Number.NEGATIVE_INFINITY, 0, Math.floor(keep.sinks / size));
    const chosen = bestBlocks(scores, size, room - rest, mass);
    return [[0, keep.sinks], [from, start], ...chosen];
  };
  writePattern(backend, out, tiles, read, weigh);
};
