import { askingRows, type KvShape, PAGE, tileCount, tileStart } from '../backends/backend.js';
import { oneOf, onlyKnown } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { createPageNotes } from './page-notes.js';
import { pooledKeys } from './pooled-keys.js';
import type { Needs, Predictor } from './predictor.js';
import { softmax } from './softmax.js';
import { keysByHead } from './stored-keys.js';
import { writeBlocks } from './write-blocks.js';

const SIZES = [64, 128, 256] as const;
const SUMMARIES = ['attention', 'pooled'] as const;

/** Chunks by what their own attention makes of them. */
export interface LongHeadsOptions extends BudgetOptions {
  readonly method: 'long-heads';
  /** Tokens in a chunk: 64 (default), 128 or 256, as in the paper, which wants a budget of many chunks. */
  readonly size?: (typeof SIZES)[number];
  /**
   * What stands for a chunk. `attention` (default): one vector, what it makes of itself by its own attention. `pooled`: up to
   * four, its mean key and what low-rank pooling makes of the keys that lie furthest from it (LAMA, arXiv 1912.00835).
   */
  readonly summaries?: (typeof SUMMARIES)[number];
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
}

/** Σ softmax(scale · query · key) · key over the keys of one head. */
const attended = (query: Float32Array, keys: readonly Float32Array[]): Float32Array => {
  const scale = 1 / Math.sqrt(query.length);
  const logits = keys.map((key) => {
    let dot = 0;
    for (let c = 0; c < query.length; c++) dot += key[c]! * query[c]!;
    return scale * dot;
  });
  const weights = softmax(logits);
  const out = new Float32Array(query.length);
  for (const [i, key] of keys.entries()) {
    const weight = weights[i]!;
    for (let c = 0; c < query.length; c++) out[c] = out[c]! + weight * key[c]!;
  }
  return out;
};

/** What stands for a chunk, by KV head. */
export const representatives = (keys: Float32Array, shape: KvShape): Float32Array[] =>
  keysByHead(keys, shape).map((own) => {
    const summary = new Float32Array(shape.keyDim);
    for (const key of own) {
      const mixed = attended(key, own);
      for (let c = 0; c < shape.keyDim; c++) summary[c] = summary[c]! + mixed[c]! / own.length;
    }
    return attended(summary, own);
  });

/** The greatest product of a query with what stands for a chunk, (stand-ins, keyDim). */
export const bestOf = (standIns: Float32Array, query: Float32Array): number => {
  let most = Number.NEGATIVE_INFINITY;
  for (let from = 0; from < standIns.length; from += query.length) {
    let dot = 0;
    for (let c = 0; c < query.length; c++) dot += standIns[from + c]! * query[c]!;
    most = Math.max(most, dot);
  }
  return most;
};

/**
 * LongHeads (arXiv 2402.10685 §3.2): attention inside a chunk makes a summary of it, which attends to the chunk's keys and makes
 * of them what stands for the chunk; a head reads the chunks whose stand-in its queries point at. Where we leave the paper:
 * the chunk's keys ask in place of its queries, and are asked in place of its values, since pages keep no queries and a text may
 * come from a store; a tile of a text asks by its mean query; positions stay as they are, and the heads of a group, or all heads
 * of a layer, sum their softmaxed scores. With `summaries: 'pooled'` a chunk has several stand-ins and scores as its best.
 */
export const longHeads = (options: LongHeadsOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', 'summaries', 'lists', ...BUDGET_OPTIONS]);
  const size = oneOf('attention.size', options.size, 64, SIZES);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const keep = keepOf(options);
  const summaries = oneOf('attention.summaries', options.summaries, 'attention', SUMMARIES);
  const notes = createPageNotes(size / PAGE, summaries === 'pooled' ? pooledKeys : representatives);
  return {
    name: 'long-heads',
    needs: { lists, candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `long-heads size=${size}${summaries === 'pooled' ? ' pooled' : ''} lists=${lists} ${keepSignature(keep)}`,
    plan(backend, { tiles, q, kv, scale }, out) {
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const { kvHeads, keyDim } = kv.shape;
      const heads = q.cols / keyDim;
      const queries = backend.peek!(q).slice();
      const last = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / size);
      const chunks = Array.from({ length: last }, (_, run) => notes.of(backend, kv, run));
      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) => {
        const scores = new Float32Array(from / size);
        const first = tileStart(tiles, tile) - tiles.position;
        for (let head = 0; head < heads; head++) {
          const kvHead = Math.floor((head * kvHeads) / heads);
          if (out.lists > 1 && kvHead !== list) continue;
          const query = new Float32Array(keyDim);
          for (let row = first; row < first + askingRows(tiles, tile); row++) {
            for (let c = 0; c < keyDim; c++)
              query[c] = query[c]! + queries[row * q.cols + head * keyDim + c]! / askingRows(tiles, tile);
          }
          const logits = scores.map((_, chunk) => scale * bestOf(chunks[chunk]![kvHead]!, query));
          const weights = softmax(logits);
          for (let chunk = 0; chunk < scores.length; chunk++)
            scores[chunk] = scores[chunk]! + weights[chunk]!;
        }
        return scores;
      });
    },
  };
};
