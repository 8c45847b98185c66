import { type KvShape, PAGE, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { createPageNotes, type PageNotes } from './page-notes.js';
import type { Predictor } from './predictor.js';
import { drawDirections, logFeatures } from './random-features.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { writeBlocks } from './write-blocks.js';

const SIZES = [16, 32, 64] as const;

/** Blocks by attention that random features estimate. */
export interface SeaOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'sea';
  /** Random features of a head, 1 to 4,096: an error of half as much takes four times as many. Default 512. */
  readonly features?: number;
  /** Tokens in a block: 16, 32 (default) or 64. */
  readonly size?: (typeof SIZES)[number];
  /** Draws the directions of the features. Default 1. */
  readonly seed?: number;
}

/** What keys are measured from, by KV head. */
interface Origin {
  /** (kvHeads · keyDim): what the keys of the first page have in common. */
  readonly mean: Float32Array;
  /** How far they lie from it, root mean square. */
  readonly lengths: Float64Array;
}

const originOf = (keys: Float32Array, { kvHeads, keyDim }: KvShape): Origin => {
  const mean = new Float32Array(kvHeads * keyDim);
  for (let i = 0; i < keys.length; i++) mean[i % mean.length] = mean[i % mean.length]! + keys[i]! / PAGE;
  const squares = new Float64Array(kvHeads);
  for (let i = 0; i < keys.length; i++) {
    const head = Math.floor((i % mean.length) / keyDim);
    squares[head] = squares[head]! + (keys[i]! - mean[i % mean.length]!) ** 2 / PAGE;
  }
  return { mean, lengths: squares.map(Math.sqrt) };
};

/** ln Σ e^x by place, of lists of `count` numbers. */
const logSums = (lists: readonly (Float64Array | Float32Array)[], count: number): Float64Array =>
  Float64Array.from({ length: count }, (_, at) => {
    const most = lists.reduce((a, list) => Math.max(a, list[at]!), Number.NEGATIVE_INFINITY);
    return most + Math.log(lists.reduce((sum, list) => sum + Math.exp(list[at]! - most), 0));
  });

/** Logarithms of the sums of the features of a page's keys, by block, (blocks, kvHeads, features). */
const sumFeatures = (
  keys: Float32Array,
  { kvHeads, keyDim }: KvShape,
  size: number,
  directions: Float32Array,
): Float32Array => {
  const count = directions.length / keyDim;
  const out = new Float32Array((PAGE / size) * kvHeads * count);
  for (let row = 0; row * count < out.length; row++) {
    const [block, head] = [Math.floor(row / kvHeads), row % kvHeads];
    const own = Array.from({ length: size }, (_, i) =>
      logFeatures(keys, ((block * size + i) * kvHeads + head) * keyDim, directions, keyDim),
    );
    out.set(logSums(own, count), row * count);
  }
  return out;
};

/**
 * SEA (arXiv 2310.01777 §3): linear attention, by positive random features, over values that say where in the text a key stands
 * gives a compressed map of attention; its greatest columns are read. Where we leave the paper: the layers that it trains to make
 * a better map of this one, and to mix what is read with a summary of the rest, are not here. A column is a block, as
 * wide however long the text is; a tile adds up what its rows and a group's heads look at, and reads within a budget. Keys are
 * measured from the mean of the first page's, which no softmax sees, and both are shortened to what so many features can
 * tell apart: the estimate of a long vector is a lottery, that of a short one is of a softer softmax.
 */
export const sea = (options: SeaOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'features', 'size', 'seed', 'answers', ...BUDGET_OPTIONS]);
  const features = wholeNumber('attention.features', options.features, 512, 1, 4096);
  const size = oneOf('attention.size', options.size, 32, SIZES);
  const seed = wholeNumber('attention.seed', options.seed, 1, 0);
  const keep = keepOf(options);
  const drawn = new Map<number, Float32Array>();
  const directionsOf = (dim: number): Float32Array => {
    const known = drawn.get(dim) ?? drawDirections(features, dim, seed);
    drawn.set(dim, known);
    return known;
  };
  // By trial: of √(ln n / 2), / 8 and / 30 this covers most attention on the bundled model's heads.
  const reach = Math.sqrt(Math.log(features + 1) / 8);
  const origins = createPageNotes(1, originOf);
  /** Sums by what keys were measured from: another first page, other sums. */
  const sums = new WeakMap<Origin, PageNotes<Float32Array>>();
  const sumsFrom = (origin: Origin, scale: number): PageNotes<Float32Array> => {
    const { mean, lengths } = origin;
    const known =
      sums.get(origin) ??
      createPageNotes(1, (keys, shape) => {
        const factors = lengths.map((length) => Math.min(Math.sqrt(scale), reach / length));
        const measured = keys.map((x, i) => {
          const at = i % mean.length;
          return factors[Math.floor(at / shape.keyDim)]! * (x - mean[at]!);
        });
        return sumFeatures(measured, shape, size, directionsOf(shape.keyDim));
      });
    sums.set(origin, known);
    return known;
  };
  const reading: Predictor = {
    name: 'sea',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `sea features=${features} size=${size} seed=${seed} ${keepSignature(keep)}`,
    plan(backend, { tiles, q, kv, scale }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const { kvHeads, keyDim } = kv.shape;
      const directions = directionsOf(keyDim);
      const group = q.cols / (kvHeads * keyDim);
      const queries = backend.peek!(q).slice();
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const noted = Array.from({ length: pages }, (_, page) =>
        sumsFrom(origins.of(backend, kv, 0), scale).of(backend, kv, page),
      );
      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) => {
        const blocks = Array.from({ length: from / size }, (_, block) => {
          const row = (block % (PAGE / size)) * kvHeads + list;
          return noted[Math.floor((block * size) / PAGE)]!.subarray(row * features, (row + 1) * features);
        });
        const all = logSums(blocks, features);
        // What of the rows' attention each feature stands for: a feature then divides its part among the blocks.
        const parts = new Float64Array(features);
        for (let row = tileStart(tiles, tile); row < tileEnd(tiles, tile); row++) {
          for (let head = list * group; head < (list + 1) * group; head++) {
            const at = (row - tiles.position) * q.cols + head * keyDim;
            const query = queries.subarray(at, at + keyDim);
            const factor = Math.min(Math.sqrt(scale), reach / Math.hypot(...query));
            const asking = query.map((x) => factor * x);
            const logs = logFeatures(asking, 0, directions, keyDim).map((log, f) => log + all[f]!);
            const most = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
            const own = logs.map((log) => Math.exp(log - most));
            const sum = own.reduce((a, b) => a + b, 0);
            for (let f = 0; f < features; f++) parts[f] = parts[f]! + own[f]! / sum;
          }
        }
        return blocks.map((own) => own.reduce((sum, log, f) => sum + parts[f]! * Math.exp(log - all[f]!), 0));
      });
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists: 'kv-head' }), reading);
};
