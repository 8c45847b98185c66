import { type Backend, tileCount, tileEnd } from '../backends/backend.js';
import { listOf, observeTiles } from './observe-tiles.js';
import type { PredictInput } from './predictor.js';

/** Sums of a tile's probabilities. */
export interface Lines {
  /** By token. */
  readonly columns: Float32Array;
  /** By distance from the row. */
  readonly diagonals: Float32Array;
}

/** Places of the `most` greatest numbers above 0. */
const greatest = (sums: Float32Array, most: number): number[] => {
  const sorted = sums.filter((sum) => sum > 0).sort();
  const least = sorted.length > most ? sorted[sorted.length - most]! : 0;
  const found: number[] = [];
  let equal = most - sorted.filter((sum) => sum > least).length;
  // Of equals the later ones.
  for (let i = sums.length - 1; i >= 0; i--) {
    if (sums[i]! > least || (least > 0 && sums[i] === least && equal-- > 0)) found.push(i);
  }
  return found;
};

/** What the heaviest columns give to the blocks before `from`. */
export const columnScores = ({ columns }: Lines, lines: number, size: number, from: number): Float32Array => {
  const scores = new Float32Array(from / size);
  for (const token of greatest(columns, lines)) {
    if (token < from) scores[Math.floor(token / size)]! += columns[token]!;
  }
  return scores;
};

/** What the heaviest diagonals give to them: a block has of each what of the tile's share of it crosses the block. */
export const diagonalScores = (
  { diagonals }: Lines,
  lines: number,
  size: number,
  from: number,
  start: number,
): Float32Array => {
  const scores = new Float32Array(from / size);
  const tileEnd = diagonals.length;
  for (const distance of greatest(diagonals, lines)) {
    const end = Math.min(from, tileEnd - distance);
    for (let at = Math.max(0, start - distance); at < end; ) {
      const block = Math.floor(at / size);
      const stop = Math.min(end, (block + 1) * size);
      scores[block]! += (diagonals[distance]! * (stop - at)) / (tileEnd - start);
      at = stop;
    }
  }
  return scores;
};

/** Both together. */
export const lineScores = (
  sums: Lines,
  lines: number,
  size: number,
  from: number,
  start: number,
): Float32Array => {
  const scores = columnScores(sums, lines, size, from);
  diagonalScores(sums, lines, size, from, start).forEach((score, block) => {
    scores[block]! += score;
  });
  return scores;
};

/** Sums of what the last `rows` rows of every tile attend to, by list and tile. */
export const observedLines = (
  backend: Backend,
  input: PredictInput,
  rows: number,
  lists: number,
): Lines[] => {
  const { tiles } = input;
  const sums = Array.from({ length: lists * tileCount(tiles) }, (_, row): Lines => {
    const end = tileEnd(tiles, row % tileCount(tiles));
    return { columns: new Float32Array(end), diagonals: new Float32Array(end) };
  });
  observeTiles(backend, input, rows, (probabilities, { tile, head, position }) => {
    const { columns, diagonals } = sums[listOf(head, input, lists) * tileCount(tiles) + tile]!;
    for (let token = 0; token <= position; token++) {
      const p = probabilities[token]!;
      columns[token]! += p;
      diagonals[position - token]! += p;
    }
  });
  return sums;
};
