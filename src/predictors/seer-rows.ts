import { type Keep, PAGE, type Range, tileAt, tileCount, tileStart, wholeEnd } from '../backends/backend.js';
import { EVERYTHING, fits, keepSignature } from './budget.js';
import { writePattern } from './pattern.js';
import type { Predictor } from './predictor.js';
import { checkFits } from './seer-gates.js';
import { seerNotes } from './seer-notes.js';
import { type RowGates, rowGateKeys, rowGateQuery } from './seer-row-gates.js';
import { softmax } from './softmax.js';
import { turnBack } from './turn-back.js';
import { latestFrom, writeBlocks } from './write-blocks.js';

/**
 * SeerAttention-R (arXiv 2506.08889 §2): a trained linear map makes one query of all the queries of a group, without pooling rows,
 * another makes a key of the greatest, least and mean key of every whole page; both before rotation, normed if the file
 * says how, and turned by token, a page as its first. A row reads the pages whose products are greatest, and the open page
 * always. With a `threshold`, the paper's other choice: those whose share of the softmax over all is above it, however many. Where
 * we leave the paper: queries and stored keys are turned back; the softmax leaves out what is read anyway.
 */
export const seerRows = (gates: RowGates, keep: Keep, fingerprint: string, threshold?: number): Predictor => {
  const { heads, kvHeads, dim } = gates;
  const group = heads / kvHeads;
  const notesOf = seerNotes(gates, rowGateKeys);
  return {
    name: 'seer',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `seer-rows ${fingerprint} ${threshold === undefined ? keepSignature(keep) : `threshold=${threshold} sinks=${keep.sinks} local=${keep.local}`}`,
    plan(backend, input, out) {
      const { tiles, q, kv, layer, turned } = input;
      checkFits(gates, input);
      if (threshold === undefined && fits(keep, wholeEnd(tiles)))
        return backend.select(out, tiles, EVERYTHING);
      const queries = backend.peek!(q).slice();
      turnBack(queries, dim, heads, tiles.position, turned);
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const noted = Array.from({ length: pages }, (_, page) => notesOf(input).of(backend, kv, page));
      const products = (list: number, tile: number, from: number): Float32Array => {
        const start = tileStart(tiles, tile);
        const at = ((start - tiles.position) * heads + list * group) * dim;
        const query = rowGateQuery(gates, layer, list, queries.subarray(at, at + group * dim), start);
        return Float32Array.from({ length: from / PAGE }, (_, page) =>
          noted[page]![list]!.reduce((sum, x, g) => sum + x * query[g]!, 0),
        );
      };
      // A group has one query: its softmax would order pages as the products do.
      if (threshold === undefined) return writeBlocks(backend, out, tiles, { keep, size: PAGE }, products);
      writePattern(backend, out, tiles, ({ list, start }) => {
        const from = latestFrom(keep, PAGE, start);
        const shares = softmax(products(list, tileAt(tiles, start), from), 1 / Math.sqrt(gates.gate));
        const above = shares.flatMap((share, page): Range[] =>
          share > threshold ? [[page * PAGE, (page + 1) * PAGE]] : [],
        );
        return [[0, keep.sinks], [from, start], ...above];
      });
    },
  };
};
