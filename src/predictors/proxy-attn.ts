import { type Backend, type Tensor, tileCount, tileEnd } from '../backends/backend.js';
import { numberBetween, oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { listOf, observeTiles } from './observe-tiles.js';
import type { PredictInput, Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { bestBlocks, writeBlocks } from './write-blocks.js';

/** The heads of a group ask as one. */
export interface ProxyAttnOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'proxy-attn';
  /** Share of the attention of each head that what is read should hold, (0, 1]; the budget is the most it reads. Default 0.95. */
  readonly mass?: number;
  /** Last rows of a tile by which heads say how many blocks they need. Default 16. */
  readonly rows?: number;
  /** Tokens in a block. Default 32. */
  readonly size?: number;
}

/** (rows, kvHeads · keyDim): the mean of the query heads of each KV head. Freed by the caller. */
const proxiesOf = (backend: Backend, { q, kv }: PredictInput): Tensor => {
  const { kvHeads, keyDim } = kv.shape;
  const width = kvHeads * keyDim;
  const group = q.cols / width;
  const queries = backend.peek!(q);
  const means = new Float32Array(q.rows * width);
  for (let at = 0; at < means.length; at++) {
    const first = Math.floor(at / keyDim) * group * keyDim + (at % keyDim);
    let sum = 0;
    for (let head = 0; head < group; head++) sum += queries[first + head * keyDim]!;
    means[at] = sum / group;
  }
  const proxies = backend.tensor('proxies', q.rows, width);
  backend.upload(proxies, means);
  return proxies;
};

/** How many of the greatest numbers hold the share `mass` of them all. */
const blocksFor = (masses: Float32Array, mass: number): number =>
  bestBlocks(masses, 1, masses.length, mass).length;

/**
 * ProxyAttn (arXiv 2509.24745 §3): the mean of a group's queries scores every key for every row of a tile, a block counts
 * by the greatest share that one of its tokens gets, and every head says by the exact attention of a few rows how many
 * blocks it needs. Where we leave the paper: proxies are KV heads, whose keys need no mean; a group shares one list, as
 * long as its neediest head asks for; a budget bounds it.
 */
export const proxyAttn = (options: ProxyAttnOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'mass', 'rows', 'size', 'answers', ...BUDGET_OPTIONS]);
  const mass = numberBetween('attention.mass', options.mass, 0.95, Number.MIN_VALUE, 1);
  const rows = wholeNumber('attention.rows', options.rows, 16, 1, 64);
  const size = wholeNumber('attention.size', options.size, 32, 1, 4096);
  const keep = keepOf(options);
  const reading: Predictor = {
    name: 'proxy-attn',
    needs: { lists: 'kv-head', candidates: true, wholeContext: true, host: true, prefixStable: true },
    signature: `proxy-attn mass=${mass} rows=${rows} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles, q, kv } = input;
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const count = tileCount(tiles);
      const blocksOf = (tile: number): number => Math.ceil(tileEnd(tiles, tile) / size);
      const rowOf = (list: number, tile: number): number => list * count + tile;

      const best = Array.from(
        { length: out.lists * count },
        (_, row) => new Float32Array(blocksOf(row % count)),
      );
      const proxies = proxiesOf(backend, input);
      observeTiles(backend, { ...input, q: proxies }, 64, (probabilities, { tile, head }) => {
        const scores = best[rowOf(head, tile)]!;
        for (let token = 0; token < probabilities.length; token++) {
          const block = Math.floor(token / size);
          if (probabilities[token]! > scores[block]!) scores[block] = probabilities[token]!;
        }
      });
      backend.free(proxies);

      const heads = q.cols / kv.shape.keyDim;
      const masses = Array.from(
        { length: heads * count },
        (_, row) => new Float32Array(blocksOf(row % count)),
      );
      observeTiles(backend, input, rows, (probabilities, { tile, head }) => {
        const sums = masses[head * count + tile]!;
        for (let token = 0; token < probabilities.length; token++) {
          sums[Math.floor(token / size)]! += probabilities[token]!;
        }
      });

      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) => {
        const wanted = masses
          .filter(
            (_, row) => row % count === tile && listOf(Math.floor(row / count), input, out.lists) === list,
          )
          .map((sums) => blocksFor(sums.subarray(0, from / size), mass));
        const scores = best[rowOf(list, tile)]!.subarray(0, from / size);
        const chosen = new Set(bestBlocks(scores, size, size * Math.max(...wanted)).map(([at]) => at / size));
        return scores.map((score, block) => (chosen.has(block) ? score : Number.NEGATIVE_INFINITY));
      });
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists: 'kv-head' }), reading);
};
