import { type KvShape, PAGE, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { createPageNotes, type PageNotes } from './page-notes.js';
import type { Predictor } from './predictor.js';
import { featuresOf } from './random-features.js';
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

/** Sums by block, (blocks, kvHeads, features), of the features of a page's keys, (PAGE, kvHeads, features). */
const sumsByBlock = (features: Float32Array, size: number): Float32Array => {
  const width = features.length / PAGE;
  const out = new Float32Array((PAGE / size) * width);
  for (let token = 0; token < PAGE; token++) {
    const block = Math.floor(token / size) * width;
    for (let i = 0; i < width; i++) out[block + i] = out[block + i]! + features[token * width + i]!;
  }
  return out;
};

/** The keys of a page measured from what they have in common, (PAGE, kvHeads · keyDim), each head's times its factor. */
const measured = (keys: Float32Array, { mean }: Origin, factors: Float64Array): Float32Array =>
  keys.map((x, i) => {
    const at = i % mean.length;
    return factors[Math.floor((at * factors.length) / mean.length)]! * (x - mean[at]!);
  });

/** Adds what of a row's attention each feature stands for, all of them together 1: by its own features, and the sums of all keys'. */
const addParts = (parts: Float64Array, own: Float32Array, all: Float64Array): void => {
  let sum = 0;
  for (let f = 0; f < own.length; f++) sum += own[f]! * all[f]!;
  for (let f = 0; f < own.length; f++) parts[f] = parts[f]! + (own[f]! * all[f]!) / sum;
};

/** What each block gets where every feature divides its part among them by their own sums. */
const shareOut = (
  parts: Float64Array,
  blocks: readonly Float32Array[],
  all: Float64Array,
): readonly number[] => {
  const perSum = parts.map((part, f) => part / all[f]!);
  return blocks.map((sums) => {
    let share = 0;
    for (let f = 0; f < perSum.length; f++) share += perSum[f]! * sums[f]!;
    return share;
  });
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
  const drawnFor = (dim: number) => ({ features, dim, seed });
  // By trial: of √(ln n / 2), / 8 and / 30 this covers most attention on the bundled model's heads.
  const reach = Math.sqrt(Math.log(features + 1) / 8);
  const origins = createPageNotes(1, originOf);
  /** Sums by what keys were measured from: another first page, other sums. */
  const sums = new WeakMap<Origin, PageNotes<Float32Array>>();
  const sumsFrom = (origin: Origin, scale: number): PageNotes<Float32Array> => {
    const factors = origin.lengths.map((length) => Math.min(Math.sqrt(scale), reach / length));
    const known =
      sums.get(origin) ??
      createPageNotes(1, (keys, { keyDim }, _, backend) =>
        sumsByBlock(featuresOf(backend, measured(keys, origin, factors), drawnFor(keyDim)), size),
      );
    sums.set(origin, known);
    return known;
  };
  const reading: Predictor = {
    name: 'sea',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `sea features=${features} size=${size} seed=${seed} summed ${keepSignature(keep)}`,
    plan(backend, { tiles, q, kv, scale }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const { kvHeads, keyDim } = kv.shape;
      const group = q.cols / (kvHeads * keyDim);
      const queries = backend.peek!(q).slice();
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const notes = sumsFrom(origins.of(backend, kv, 0), scale);
      const noted = Array.from({ length: pages }, (_, page) => notes.of(backend, kv, page));
      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) => {
        const blocks = Array.from({ length: from / size }, (_, block) => {
          const row = (block % (PAGE / size)) * kvHeads + list;
          return noted[Math.floor((block * size) / PAGE)]!.subarray(row * features, (row + 1) * features);
        });
        const [all, parts] = [new Float64Array(features), new Float64Array(features)];
        for (const sums of blocks) for (let f = 0; f < features; f++) all[f] = all[f]! + sums[f]!;
        const rows = tileEnd(tiles, tile) - tileStart(tiles, tile);
        const asking = new Float32Array(rows * group * keyDim);
        for (let row = 0; row < rows * group; row++) {
          const at = (tileStart(tiles, tile) - tiles.position + Math.floor(row / group)) * q.cols;
          const head = list * group + (row % group);
          const query = queries.subarray(at + head * keyDim, at + (head + 1) * keyDim);
          const factor = Math.min(Math.sqrt(scale), reach / Math.hypot(...query));
          for (let c = 0; c < keyDim; c++) asking[row * keyDim + c] = factor * query[c]!;
        }
        const own = featuresOf(backend, asking, drawnFor(keyDim));
        for (let row = 0; row < rows * group; row++) {
          addParts(parts, own.subarray(row * features, (row + 1) * features), all);
        }
        return shareOut(parts, blocks, all);
      });
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists: 'kv-head' }), reading);
};
