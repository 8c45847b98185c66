import { type KvShape, PAGE, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { lot } from './lot.js';
import { createPageNotes } from './page-notes.js';
import type { PatternTile } from './pattern.js';
import type { Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { drawRest, type RestOptions, restSignature } from './rest.js';
import { roomOf, writeBlocks } from './write-blocks.js';

/** Queries and keys sorted into the same buckets. */
export interface HyperAttentionOptions extends BudgetOptions, RestOptions, AnswersOptions {
  readonly method: 'hyper-attention';
  /** Hyperplanes that cut the directions into 2ⁿ buckets, 1 to 12. Default 7. */
  readonly planes?: number;
  /** Keys that a query meets, those of the buckets beside its own included. Default 256. */
  readonly bucket?: number;
  /** Tokens in a block that is read or not. Default 16. */
  readonly size?: number;
  /** Draws the hyperplanes, and the keys of `rest`. Default 1. */
  readonly seed?: number;
}

/** Directions of `planes` hyperplanes, (planes, dim): sums of four lots are nearly normal. */
const drawPlanes = (planes: number, dim: number, seed: number): Float32Array =>
  Float32Array.from({ length: planes * dim }, (_, i) =>
    [0, 1, 2, 3].reduce((sum, n) => sum + lot(seed, i, n) / 2 ** 32 - 0.5, 0),
  );

/** The place of a direction among the buckets: neighbours differ by one hyperplane (the inverse of a Gray code). */
const placeOf = (vector: ArrayLike<number>, at: number, planes: Float32Array, dim: number): number => {
  let [place, bit] = [0, 0];
  for (let plane = 0; plane < planes.length; plane += dim) {
    let dot = 0;
    for (let c = 0; c < dim; c++) dot += vector[at + c]! * planes[plane + c]!;
    bit ^= dot > 0 ? 1 : 0;
    place = 2 * place + bit;
  }
  return place;
};

/**
 * HyperAttention (arXiv 2310.05869 §3): queries and keys are sorted by an angular hash, and a query meets the keys around its place
 * in that order; some of all the others stand for the rest (`rest`). Where we leave the paper: a tile reads the blocks that hold
 * most of what its rows would meet, within a budget; a tile draws for its rows, and no key twice. A text is read this way,
 * answers as `answers` says.
 */
export const hyperAttention = (options: HyperAttentionOptions): Predictor => {
  onlyKnown('attention', options, [
    'method',
    'planes',
    'bucket',
    'size',
    'seed',
    'rest',
    'answers',
    ...BUDGET_OPTIONS,
  ]);
  const planes = wholeNumber('attention.planes', options.planes, 7, 1, 12);
  const bucket = wholeNumber('attention.bucket', options.bucket, 256, 1);
  const size = wholeNumber('attention.size', options.size, 16, 1, 4096);
  const seed = wholeNumber('attention.seed', options.seed, 1, 0);
  const rest = wholeNumber('attention.rest', options.rest, 0, 0);
  const keep = keepOf(options);
  const drawn = new Map<number, Float32Array>();
  const planesOf = (dim: number): Float32Array => {
    const known = drawn.get(dim) ?? drawPlanes(planes, dim, seed);
    drawn.set(dim, known);
    return known;
  };
  /** (kvHeads, PAGE): the places of a page's keys. */
  const places = createPageNotes(1, (keys: Float32Array, { kvHeads, keyDim }: KvShape) =>
    Uint16Array.from({ length: kvHeads * PAGE }, (_, i) =>
      placeOf(keys, ((i % PAGE) * kvHeads + Math.floor(i / PAGE)) * keyDim, planesOf(keyDim), keyDim),
    ),
  );
  const reading: Predictor = {
    name: 'hyper-attention',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `hyper-attention planes=${planes} bucket=${bucket} size=${size} seed=${seed} ${restSignature(rest)}${keepSignature(keep)}`,
    plan(backend, { layer, tiles, q, kv }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const { kvHeads, keyDim } = kv.shape;
      const group = q.cols / (kvHeads * keyDim);
      const queries = backend.peek!(q).slice();
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const hashed = Array.from({ length: pages }, (_, page) => places.of(backend, kv, page));
      const room = (own: PatternTile): number => roomOf({ keep, size }, own)[1];
      const drawing = rest > 0 && { rest, weigh: drawRest(rest, room, seed, layer) };
      writeBlocks(backend, out, tiles, { keep, size, ...drawing }, (list, tile, from) => {
        const placeAt = (token: number): number =>
          hashed[Math.floor(token / PAGE)]![list * PAGE + (token % PAGE)]!;
        const counts = new Float64Array(2 ** planes + 1);
        for (let token = 0; token < from; token++) counts[placeAt(token) + 1]!++;
        let sum = 0;
        const upTo = counts.map((count) => (sum += count));
        // How many rows meet a place: those whose own place, in the order of the keys, is at most half a bucket away.
        const met = new Float64Array(2 ** planes);
        for (let row = tileStart(tiles, tile); row < tileEnd(tiles, tile); row++) {
          for (let head = 0; head < group; head++) {
            const at = (row - tiles.position) * q.cols + (list * group + head) * keyDim;
            const own = placeOf(queries, at, planesOf(keyDim), keyDim);
            const middle = (upTo[own]! + upTo[own + 1]!) / 2;
            for (let place = 0; place < met.length; place++) {
              const near = upTo[place + 1]! > middle - bucket / 2 && upTo[place]! < middle + bucket / 2;
              if (place === own || near) met[place]!++;
            }
          }
        }
        const scores = new Float32Array(from / size);
        for (let token = 0; token < from; token++) scores[Math.floor(token / size)]! += met[placeAt(token)]!;
        return scores;
      });
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists: 'kv-head' }), reading);
};
