import { type KvShape, PAGE, type Range, tileCount, tileStart, wholeEnd } from '../backends/backend.js';
import { oneOf, onlyKnown } from '../options.js';
import {
  BUDGET_OPTIONS,
  type BudgetOptions,
  budgetAt,
  EVERYTHING,
  fits,
  keepOf,
  keepSignature,
} from './budget.js';
import { createPageNotes } from './page-notes.js';
import { type PatternRow, type PatternTile, rowOf } from './pattern.js';
import type { PredictInput, Predictor } from './predictor.js';
import { readerOf, readingAndAnswers } from './reading-and-answers.js';
import { storedKeys } from './stored-keys.js';
import { roomOf, writeBlocks } from './write-blocks.js';

const SIZES = [16, 32, 64] as const;

/** Blocks that weigh what stands for them does. */
export interface LandmarkOptions extends BudgetOptions {
  readonly method: 'landmark';
  /** Tokens in a block: 16, 32 or 64, as in the paper. Default 64. */
  readonly size?: (typeof SIZES)[number];
}

/** Mean keys of the blocks of a page, (blocks, kvHeads, keyDim). */
const meanKeys = (keys: Float32Array, width: number, size: number): Float32Array => {
  const means = new Float32Array((PAGE / size) * width);
  for (let i = 0; i < keys.length; i++) {
    const at = Math.floor(i / (size * width)) * width + (i % width);
    means[at] = means[at]! + keys[i]! / size;
  }
  return means;
};

const logSumExp = (logits: readonly number[]): number => {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return most + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
};

/** The products of one row with what pages hold, by query head of one list. */
const askedBy = (
  { q, kv, tiles, scale }: PredictInput,
  queries: Float32Array,
  list: number,
  start: number,
) => {
  const { kvHeads, keyDim } = kv.shape;
  const group = q.cols / (kvHeads * keyDim);
  const first = (start - tiles.position) * q.cols + list * group * keyDim;
  /** `index`: which of `keys`, (·, kvHeads, keyDim). */
  const dot = (head: number, keys: Float32Array, index: number): number => {
    let sum = 0;
    const [a, b] = [first + head * keyDim, (index * kvHeads + list) * keyDim];
    for (let c = 0; c < keyDim; c++) sum += queries[a + c]! * keys[b + c]!;
    return scale * sum;
  };
  return { dot, heads: Array.from({ length: group }, (_, head) => head) };
};

/**
 * Landmark Attention (arXiv 2305.16300 §3): a row of a question or an answer reads the blocks whose landmarks it looks at most,
 * and a token of a block weighs its block's weight, among landmarks and near tokens, times its own, inside the block. In a plan that is
 * a lift of ln n + q·landmark − ln Σ e^(q·k). Where we leave the paper: models here have no landmark tokens, which it trains; the
 * mean of a block's n keys stands for them, so that a block weighs what n keys like their mean would. That is never more
 * than what they weigh, and less the more one key stands out: without training this forgets single facts. Heads of a group
 * share the mean of their lifts; sinks, like near tokens, have none; positions stay as they are. A text is read densely.
 */
export const landmark = (options: LandmarkOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', ...BUDGET_OPTIONS]);
  const size = oneOf('attention.size', options.size, 64, SIZES);
  const keep = keepOf(options);
  const notes = createPageNotes(1, (keys: Float32Array, { kvHeads, keyDim }: KvShape) =>
    meanKeys(keys, kvHeads * keyDim, size),
  );
  const answers: Predictor = {
    name: 'landmark',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `landmark size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles, q, kv } = input;
      if (fits(keep, wholeEnd(tiles))) return backend.select(out, tiles, EVERYTHING);
      const queries = backend.peek!(q).slice();
      const decoded: Float32Array[] = [];
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const means = Array.from({ length: pages }, (_, page) => notes.of(backend, kv, page));
      const meanOf = (block: number): readonly [Float32Array, number] => {
        return [means[Math.floor((block * size) / PAGE)]!, block % (PAGE / size)];
      };

      const scoresOf = (list: number, tile: number, from: number): Float32Array => {
        const scores = new Float32Array(from / size);
        const row = askedBy(input, queries, list, tileStart(tiles, tile));
        for (const head of row.heads) {
          const logits = Array.from(scores, (_, block) => row.dot(head, ...meanOf(block)));
          const all = logSumExp(logits);
          for (const [block, logit] of logits.entries())
            scores[block] = scores[block]! + Math.exp(logit - all);
        }
        return scores;
      };

      /** What a block's tokens [from, to) are lifted by. */
      const liftOf = (tile: PatternTile, from: number, to: number): number => {
        const row = askedBy(input, queries, tile.list, tile.start);
        const page = Math.floor(from / PAGE);
        const keys = (decoded[page] ??= storedKeys(backend, kv, page, page + 1));
        const tokens = Array.from({ length: to - from }, (_, i) => (from % PAGE) + i);
        let sum = 0;
        for (const head of row.heads) {
          const weight = Math.log(to - from) + row.dot(head, ...meanOf(Math.floor(from / size)));
          sum += weight - logSumExp(tokens.map((token) => row.dot(head, keys, token)));
        }
        // Queries that are no numbers lift nothing.
        return Number.isFinite(sum) ? sum / row.heads.length : 0;
      };

      const weigh = (ranges: readonly Range[], tile: PatternTile): PatternRow => {
        const end = budgetAt(keep, tile.end) >= tile.end ? 0 : roomOf({ keep, size }, tile)[0];
        const pieces = ranges.flatMap(([start, stop]) => {
          const own: [Range, number][] = [];
          for (let from = start, to = start; from < stop; from = to) {
            const gated = from >= keep.sinks && from < end;
            const edge = gated ? (Math.floor(from / size) + 1) * size : from < keep.sinks ? keep.sinks : stop;
            to = Math.min(stop, edge);
            own.push([[from, to], gated ? liftOf(tile, from, to) : 0]);
          }
          return own;
        });
        return rowOf(pieces);
      };
      writeBlocks(backend, out, tiles, { keep, size, weigh }, scoresOf);
    },
  };
  return readingAndAnswers(readerOf('dense', {}), answers);
};
