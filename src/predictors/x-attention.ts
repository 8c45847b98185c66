import { type Backend, type Range, type Tiles, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { listOf } from './observe-tiles.js';
import type { Needs, PredictInput, Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { softmax } from './softmax.js';
import { writeBlocks } from './write-blocks.js';

/** How many rows meet as many keys, each one of them. */
const STRIDES = [2, 4, 8, 16, 32] as const;

/** Blocks by the sums of their antidiagonals. */
export interface XAttentionOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'x-attention';
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** Share of what is estimated that the blocks hold, (0, 1]; the budget is the most a tile reads. Default 0.9. */
  readonly mass?: number;
  /** One product of so many is looked at: 2, 4, 8, 16 (default) or 32. */
  readonly stride?: (typeof STRIDES)[number];
  /** Tokens in a block, at least the stride. Default 32. */
  readonly size?: number;
}

/** What of the text before `start` the rows of a call see: the one token of every `stride` that lies on their antidiagonal. */
const antidiagonals = ({ position, rows }: Tiles, start: number, stride: number): Range[][] =>
  Array.from({ length: rows }, (_, row) => {
    const own = position + row;
    const first = stride - 1 - (own % stride);
    const ranges: Range[] = [];
    for (let at = first; at < start; at += stride) ranges.push([at, at + 1]);
    // What touches is one range.
    if (ranges.at(-1)?.[1] === own) return [...ranges.slice(0, -1), [own - 1, own + 1]];
    return [...ranges, [own, own + 1]];
  });

/**
 * scores += the softmax of the antidiagonals of the groups of keys before `start`, for rows of one stride and one head. A
 * row's probability is e^(logit − what is the same for all its keys): sums of logarithms differ by a constant, which a softmax
 * does not see.
 */
const addSquare = (
  scores: Float32Array,
  rows: readonly Float32Array[],
  position: number,
  start: number,
  { stride, size }: { stride: number; size: number },
): void => {
  const logits = new Float64Array(Math.floor(start / stride));
  rows.forEach((probabilities, row) => {
    const first = stride - 1 - ((position + row) % stride);
    for (let group = 0; group < logits.length; group++) {
      logits[group]! += Math.log(Math.max(probabilities[group * stride + first]!, 2 ** -126)) / rows.length;
    }
  });
  softmax(logits).forEach((share, group) => {
    scores[Math.floor((group * stride) / size)]! += share;
  });
};

/**
 * XAttention (arXiv 2503.16428 §2): of every square of `stride` rows and as many keys the antidiagonal is summed, which every
 * column and every diagonal of attention crosses; blocks are read from the greatest on until they hold a share of the
 * softmax of these sums. Where we leave the paper: tiles are of 64 rows and blocks of 32 keys, a KV head's query heads add
 * up, and a budget bounds what is read.
 */
export const xAttention = (options: XAttentionOptions): Predictor => {
  onlyKnown('attention', options, [
    ...['method', 'lists', 'mass', 'stride', 'size', 'answers'],
    ...BUDGET_OPTIONS,
  ]);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const mass = numberBetween('attention.mass', options.mass, 0.9, Number.MIN_VALUE, 1);
  const stride = oneOf('attention.stride', options.stride, 16, STRIDES);
  const size = wholeNumber('attention.size', options.size, 32, stride, 4096);
  const keep = keepOf(options);

  /** Scores of the blocks before tile `tile`, by list. */
  const scoreTile = (backend: Backend, input: PredictInput, lists: number, tile: number): Float32Array[] => {
    const { tiles, q, kv, scale, candidates } = input;
    const heads = q.cols / kv.shape.keyDim;
    const [start, end] = [tileStart(tiles, tile), tileEnd(tiles, tile)];
    const scores = Array.from({ length: lists }, () => new Float32Array(Math.ceil(start / size)));
    for (let position = start; position < end && start >= stride; ) {
      const rows = Math.min(end, (Math.floor(position / stride) + 1) * stride) - position;
      const some: Tiles = { position, rows, tileRows: 1 };
      const ranges = antidiagonals(some, start, stride);
      const out = backend.tensor('antidiagonals', rows * heads, position + rows);
      backend.writePlan(candidates!, some, Array.from({ length: lists }, () => ranges).flat());
      const asking = backend.view(q, rows, q.cols, (position - tiles.position) * q.cols);
      backend.observe(out, asking, kv, candidates!, scale);
      const all = backend.peek!(out);
      for (let head = 0; head < heads; head++) {
        const own = ranges.map((_, row) => all.subarray((row * heads + head) * out.cols));
        addSquare(scores[listOf(head, input, lists)]!, own, position, start, { stride, size });
      }
      backend.free(out);
      position += rows;
    }
    return scores;
  };

  const reading: Predictor = {
    name: 'x-attention',
    needs: { lists, candidates: true, wholeContext: true, host: true, prefixStable: true },
    signature: `x-attention lists=${lists} mass=${mass} stride=${stride} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles } = input;
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const scored = Array.from({ length: tileCount(tiles) }, (_, tile) =>
        scoreTile(backend, input, out.lists, tile),
      );
      writeBlocks(backend, out, tiles, { keep, size, mass }, (list, tile, from) =>
        scored[tile]![list]!.subarray(0, from / size),
      );
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists }), reading);
};
