import { type Boundaries, tileCount, tileStart } from '../backends/backend.js';
import { numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { columnScores, diagonalScores, type Lines, observedLines } from './lines.js';
import type { Needs, Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { bestBlocks, writeBlocks } from './write-blocks.js';

/** As many columns and diagonals, or blocks, as hold a share of the attention. */
export interface FlexPrefillOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'flex-prefill';
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** Share of the attention that what is read should hold, (0, 1]; the budget is the most it reads. Default 0.9. */
  readonly mass?: number;
  /** Blocks that means foretell are trusted where they are nearer to the truth than this, [0, 1]. Default 0.1. */
  readonly distance?: number;
  /** Tokens that columns and diagonals get at least. Default 512. */
  readonly least?: number;
  /** Last rows of a tile that are looked at, of 64. Default 16. */
  readonly rows?: number;
  /** Tokens in a block. Default 32. */
  readonly size?: number;
}

const normal = (scores: ArrayLike<number>): Float64Array => {
  const all = Float64Array.from(scores, (score) => Math.max(0, score) || 0);
  const sum = all.reduce((a, b) => a + b, 0);
  return sum > 0 ? all.map((x) => x / sum) : all;
};

/** √ of the Jensen-Shannon divergence of two shares, in bits: 0 where they are the same, 1 where they share nothing. */
export const distanceOf = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  const [p, q] = [normal(a), normal(b)];
  let sum = 0;
  p.forEach((x, i) => {
    const y = q[i]!;
    const middle = (x + y) / 2;
    if (x > 0) sum += (x * Math.log2(x / middle)) / 2;
    if (y > 0) sum += (y * Math.log2(y / middle)) / 2;
  });
  return Math.sqrt(Math.max(0, sum));
};

/** How many of the greatest sums reach the share `mass` of all of them. */
const countFor = (sums: Float32Array, mass: number): number => {
  const sorted = sums.slice().sort().reverse();
  const wanted = mass * sums.reduce((a, b) => a + b, 0);
  let [count, reached] = [0, 0];
  while (count < sorted.length && (reached < wanted || mass >= 1)) reached += sorted[count++]!;
  return count;
};

/** Scores of the blocks that the heaviest columns and diagonals cross, as many as hold the mass, and of the best; −∞ for others. */
const named = (sums: Lines, from: number, start: number, size: number, mass: number, least: number) => {
  const columns = columnScores(sums, countFor(sums.columns, mass), size, from);
  const diagonals = diagonalScores(sums, countFor(sums.diagonals, mass), size, from, start);
  const all = columns.map((score, block) => score + diagonals[block]!);
  const best = new Set(bestBlocks(all, size, least).map(([at]) => at / size));
  return all.map((score, block) => (score > 0 || best.has(block) ? score : Number.NEGATIVE_INFINITY));
};

/**
 * FlexPrefill (arXiv 2502.20766 §4): where the mean query and the means of blocks foretell what a few rows really look at,
 * blocks are chosen by means until they hold a share of the attention; elsewhere columns and diagonals are, as many as
 * hold it. Where we leave the paper: a tile is judged by its own last rows, a KV head's query heads together, and what it
 * reads is bounded by a budget too.
 */
export const flexPrefill = (options: FlexPrefillOptions): Predictor => {
  onlyKnown('attention', options, [
    ...['method', 'lists', 'mass', 'distance', 'least', 'rows', 'size', 'answers'],
    ...BUDGET_OPTIONS,
  ]);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const mass = numberBetween('attention.mass', options.mass, 0.9, Number.MIN_VALUE, 1);
  const distance = numberBetween('attention.distance', options.distance, 0.1, 0, 1);
  const least = wholeNumber('attention.least', options.least, 512, 0);
  const rows = wholeNumber('attention.rows', options.rows, 16, 1, 64);
  const size = wholeNumber('attention.size', options.size, 32, 1, 4096);
  const keep = keepOf(options);
  const boundaries: Boundaries = { source: 'fixed', size };
  const reading: Predictor = {
    name: 'flex-prefill',
    needs: {
      lists,
      chunks: { boundaries, means: true, sketches: false },
      ...{ candidates: true, wholeContext: true, host: true, prefixStable: true },
    },
    signature: `flex-prefill lists=${lists} mass=${mass} distance=${distance} least=${least} rows=${rows} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { layer, tiles, q, scale, chunks, scores } = input;
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const sums = observedLines(backend, input, rows, out.lists);
      backend.scoreChunks(scores!, q, chunks!, layer, tiles, { by: 'mean', scale });
      const means = backend.peekScores!(scores!);
      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) => {
        const row = list * tileCount(tiles) + tile;
        const foretold = means[row]!.subarray(0, from / size);
        const apart = distanceOf(foretold, columnScores(sums[row]!, sums[row]!.columns.length, size, from));
        if (apart >= distance) return named(sums[row]!, from, tileStart(tiles, tile), size, mass, least);
        const chosen = new Set(bestBlocks(foretold, size, Infinity, mass).map(([at]) => at / size));
        return foretold.map((score, block) => (chosen.has(block) ? score : Number.NEGATIVE_INFINITY));
      });
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists }), reading);
};
