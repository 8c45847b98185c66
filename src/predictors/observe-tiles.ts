import { type Backend, PAGE, type Tiles, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { EVERYTHING } from './budget.js';
import type { PredictInput } from './predictor.js';

/** Probabilities of a call of `observe` at most: what memory they take is bounded. */
const AT_ONCE = 2 ** 21;

/** Which row of q it was, and of what. */
export interface Observed {
  readonly tile: number;
  /** Query head. */
  readonly head: number;
  /** Absolute position of the row. */
  readonly position: number;
}

/**
 * Attention probabilities of the last `rows` rows of every tile over all the tokens up to them, one query head after the
 * other. `probabilities` is valid during the call. Needs a CPU, all pages and a plan for candidates. Rows of a tile ask
 * for their own tile alone, where the papers let the last rows of the text ask for all: so plans depend on earlier
 * tokens only, and the pages of a text can be shared.
 */
export const observeTiles = (
  backend: Backend,
  { tiles, q, kv, scale, candidates }: PredictInput,
  rows: number,
  visit: (probabilities: Float32Array, of: Observed) => void,
): void => {
  const heads = q.cols / kv.shape.keyDim;
  for (let tile = 0; tile < tileCount(tiles); tile++) {
    const end = tileEnd(tiles, tile);
    const step = Math.max(1, Math.floor(AT_ONCE / (heads * end)));
    for (let from = Math.max(tileStart(tiles, tile), end - rows); from < end; from += step) {
      const some: Tiles = { position: from, rows: Math.min(step, end - from), tileRows: PAGE };
      const width = some.position + some.rows;
      const out = backend.tensor('observed', some.rows * heads, width);
      const asking = backend.view(q, some.rows, q.cols, (from - tiles.position) * q.cols);
      backend.select(candidates!, some, EVERYTHING);
      backend.observe(out, asking, kv, candidates!, scale);
      const all = backend.peek!(out);
      for (let i = 0; i < some.rows * heads; i++) {
        const position = from + Math.floor(i / heads);
        visit(all.subarray(i * width, i * width + position + 1), { tile, head: i % heads, position });
      }
      backend.free(out);
    }
  }
};

/** The list that a query head belongs to. */
export const listOf = (head: number, { q, kv }: PredictInput, lists: number): number =>
  lists === 1 ? 0 : Math.floor((head * kv.shape.kvHeads * kv.shape.keyDim) / q.cols);
