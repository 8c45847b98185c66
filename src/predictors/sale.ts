import { tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { listOf, observeTiles } from './observe-tiles.js';
import type { Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { writeBlocks } from './write-blocks.js';

/** Blocks whose tokens matter beside the first tokens and the nearest. */
export interface SaleOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'sale';
  /**
   * A block is read where a token of it weighs at least this share of what the first and the nearest tokens weigh together:
   * one number for all, or one of every KV head of every layer that is read whole (`thresholds[layer][head]`). Default
   * 0.004.
   */
  readonly thresholds?: number | readonly (readonly number[])[];
  /** Nearest tokens that others are weighed against, beside the tile. Default 128. */
  readonly window?: number;
  /** First tokens likewise. Default 32. */
  readonly first?: number;
  /** Last rows of a tile that weigh. Default 64: all of them. */
  readonly rows?: number;
  /** Tokens in a block. Default 32. */
  readonly size?: number;
}

/** One threshold, or a table of them. Throws `input/option`. */
const thresholdsOf = (found: SaleOptions['thresholds']): ((layer: number, head: number) => number) => {
  if (!Array.isArray(found)) {
    const same = numberBetween('attention.thresholds', found as number | undefined, 0.004, 0, 1);
    return () => same;
  }
  const table = (found as number[][]).map((layer) =>
    Array.from(layer, (one) => numberBetween('attention.thresholds', one, 0, 0, 1)),
  );
  return (layer, head) => {
    const one = table[layer]?.[head];
    if (one !== undefined) return one;
    throw new LonghandError(
      'input/option',
      `attention.thresholds has none for KV head ${head} of layer ${layer}. Give one of every head of every layer that is read whole.`,
      { layer, head },
    );
  };
};

/**
 * SALE (arXiv 2505.24179 §3): a token's weight is held against what sinks and neighbours weigh together, so that nothing
 * need be sorted to know whether it matters. Weights are of the stored 8-bit keys and of queries of 14 bits. Where we leave
 * the paper: the estimate has 8 bits, not 4, since there is no faster product of fewer; a KV head's query heads share
 * what any of them wants; where a budget is less than what passes, the heaviest blocks are read.
 */
export const sale = (options: SaleOptions): Predictor => {
  onlyKnown('attention', options, [
    ...['method', 'thresholds', 'window', 'first', 'rows', 'size', 'answers'],
    ...BUDGET_OPTIONS,
  ]);
  const thresholdOf = thresholdsOf(options.thresholds);
  const window = wholeNumber('attention.window', options.window, 128, 0);
  const first = wholeNumber('attention.first', options.first, 32, 1);
  const rows = wholeNumber('attention.rows', options.rows, 64, 1, 64);
  const size = wholeNumber('attention.size', options.size, 32, 1, 4096);
  const keep = keepOf(options);
  const named = JSON.stringify(options.thresholds ?? 0.004);
  // What is weighed against is read.
  const read = { ...keep, sinks: Math.max(keep.sinks, first), local: Math.max(keep.local, window) };
  const reading: Predictor = {
    name: 'sale',
    needs: { lists: 'kv-head', candidates: true, wholeContext: true, host: true, prefixStable: true },
    signature: `sale thresholds=${named} window=${window} first=${first} rows=${rows} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { layer, tiles } = input;
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const count = tileCount(tiles);
      const best = Array.from(
        { length: out.lists * count },
        (_, row) => new Float32Array(Math.ceil(tileEnd(tiles, row % count) / size)),
      );
      observeTiles(backend, input, rows, (probabilities, { tile, head }) => {
        const scores = best[listOf(head, input, out.lists) * count + tile]!;
        const near = Math.max(first, tileStart(tiles, tile) - window);
        let against = 0;
        for (let token = 0; token < Math.min(first, probabilities.length); token++)
          against += probabilities[token]!;
        for (let token = near; token < probabilities.length; token++) against += probabilities[token]!;
        // Beside nothing everything matters.
        const worth = 1 / Math.max(against, 2 ** -100);
        for (let token = 0; token < probabilities.length; token++) {
          const weight = probabilities[token]! * worth;
          const block = Math.floor(token / size);
          if (weight > scores[block]!) scores[block] = weight;
        }
      });
      writeBlocks(backend, out, tiles, { keep: read, size }, (list, tile, from) =>
        best[list * count + tile]!.subarray(0, from / size).map((score) =>
          score >= thresholdOf(layer, list) ? score : Number.NEGATIVE_INFINITY,
        ),
      );
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists: 'kv-head' }), reading);
};
