import {
  type Backend,
  type Boundaries,
  type Keep,
  type Plan,
  type Range,
  type Scores,
  type Tensor,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import { fromHalf } from '../../src/codecs/half.js';
import type { RefChunkIndex } from './chunks.js';
import type { RefPlan, RefTensor } from './device.js';
import { integerQuery, storedKey, unrotated } from './keys.js';

export interface RefScores extends Scores {
  /** rows[list · tiles + tile][chunk] */
  rows: number[][];
}

type SelectionVerbs = Pick<
  Backend,
  'plan' | 'scores' | 'scoreChunks' | 'scoreTokens' | 'select' | 'readPlan'
>;

/** Boundaries that a tile may know: those that the pages before its own decided. */
const known = (boundaries: number[], rule: Boundaries, start: number): number[] => {
  const whole = 64 * Math.floor(start / 64);
  return boundaries.filter(
    (b) => b === 0 || (rule.source === 'contrast' ? b < whole - rule.window : b <= whole),
  );
};

const chunksOf = (boundaries: number[]): Range[] =>
  boundaries.slice(1).map((end, i): Range => [boundaries[i]!, end]);

const queryOf = (q: Tensor, row: number, head: number, dim: number): Float32Array => {
  const at = row * q.cols + head * dim;
  return (q as RefTensor).values.subarray(at, at + dim);
};

const softmax = (logits: number[]): number[] => {
  const most = Math.max(...logits);
  const e = logits.map((x) => Math.exp(x - most));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / sum);
};

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/** Query heads of a list, each with its KV head. */
const headsOf = (
  lists: number,
  list: number,
  heads: number,
  kvHeads: number,
): { head: number; kv: number }[] =>
  Array.from({ length: heads }, (_, head) => ({ head, kv: Math.floor((head * kvHeads) / heads) })).filter(
    ({ kv }) => lists === 1 || kv === list,
  );

/** f16 mean of chunk c, one KV head. */
const meanOf = (index: RefChunkIndex, layer: number, c: number, kv: number): number[] => {
  const bytes = index.layers[layer]!.means[c]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { keyDim } = index.shape;
  return Array.from({ length: keyDim }, (_, i) => fromHalf(view.getUint16((kv * keyDim + i) * 2, true)));
};

/** Upper bound of q·k over one sub-block, from its stored bounds. */
const boundOf = (
  index: RefChunkIndex,
  layer: number,
  sub: number,
  kv: number,
  { codes, step }: ReturnType<typeof integerQuery>,
): number => {
  const { keyDim } = index.shape;
  const bytes = index.layers[layer]!.bounds[Math.floor(sub / 4)]!;
  const headAt = kv * 4 * (2 * keyDim + 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = headAt + (sub % 4) * 2 * keyDim;
  const sum = codes.reduce(
    (total, x, c) => total + Math.max(x * view.getInt8(at + c), x * view.getInt8(at + keyDim + c)),
    0,
  );
  return sum * step * fromHalf(view.getUint16(headAt + 8 * keyDim + (sub % 4) * 2, true));
};

/** Merges touching ranges of an ascending list; drops empty ones. */
const merged = (ranges: Range[]): Range[] => {
  const out: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = out.at(-1);
    if (end <= start) continue;
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
};

/** The ranges of one tile. `chunks` are those it may choose from, `scores` their scores, if there are any. */
const selectRanges = (
  start: number,
  end: number,
  keep: Keep,
  tail: number,
  chunks: Range[],
  scores: number[],
): Range[] => {
  const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * end));
  if (budget >= end) return [[0, end]];
  const from = Math.max(0, Math.min(tail, start - keep.local));
  const sinks = Math.min(keep.sinks, end);
  const kept: Range[] = [
    [0, sinks],
    [from, end],
  ];
  let left = budget - merged(kept).reduce((n, [a, b]) => n + b - a, 0);
  const value = (c: number): number => (Number.isNaN(scores[c]!) ? Number.NEGATIVE_INFINITY : scores[c]!);
  const order = scores.map((_, c) => c).sort((a, b) => (value(a) === value(b) ? b - a : value(b) - value(a)));
  for (const c of order) {
    const first = Math.max(chunks[c]![0], sinks);
    const last = Math.min(chunks[c]![1], from);
    if (last <= first) continue;
    if (left <= 0) break;
    kept.push([Math.max(first, last - left), last]);
    left -= last - first;
  }
  return merged(kept.sort((a, b) => a[0] - b[0]));
};

const eachRow = (
  lists: number,
  tiles: Tiles,
  visit: (row: number, list: number, tile: number) => void,
): void => {
  for (let list = 0; list < lists; list++) {
    for (let tile = 0; tile < tileCount(tiles); tile++) visit(list * tileCount(tiles) + tile, list, tile);
  }
};

const tileRowsOf = (tiles: Tiles, tile: number): number[] => {
  const start = tileStart(tiles, tile);
  return Array.from({ length: tileEnd(tiles, tile) - start }, (_, i) => start + i - tiles.position);
};

export const refSelection = (): SelectionVerbs => ({
  plan: (_label, lists): RefPlan => ({
    lists,
    tiles: { position: 0, rows: 0, tileRows: 1 },
    rows: [],
    pairs: 0,
  }),
  scores: (label, lists): RefScores => ({ label, lists, rows: [] }),

  scoreChunks(scores, q, index, layer, tiles, how) {
    const it = index as RefChunkIndex;
    const { kvHeads, keyDim } = it.shape;
    const heads = q.cols / keyDim;
    eachRow(scores.lists, tiles, (row, list, tile) => {
      const chunks = chunksOf(known(it.boundaries, it.shape.boundaries, tileStart(tiles, tile)));
      const rows = tileRowsOf(tiles, tile);
      const totals = chunks.map(() => 0);
      for (const { head, kv } of headsOf(scores.lists, list, heads, kvHeads)) {
        const queries = rows.map((r) => queryOf(q, r, head, keyDim));
        const integers = queries.map(integerQuery);
        const average = Array.from(
          { length: keyDim },
          (_, c) => queries.reduce((sum, query) => sum + query[c]!, 0) / queries.length,
        );
        const logits = chunks.map(([start, end], c) => {
          if (how.by === 'mean') return how.scale * dot(average, meanOf(it, layer, c, kv));
          let most = Number.NEGATIVE_INFINITY;
          for (let sub = Math.floor(start / 16); sub <= Math.floor((end - 1) / 16); sub++) {
            for (const query of integers) most = Math.max(most, boundOf(it, layer, sub, kv, query));
          }
          return how.scale * most;
        });
        softmax(logits).forEach((mass, c) => {
          totals[c]! += mass;
        });
      }
      (scores as RefScores).rows[row] = totals;
    });
  },

  scoreTokens(scores, q, kvLayer, index, candidates, scale) {
    const it = index as RefChunkIndex;
    const { kvHeads, keyDim, keys } = kvLayer.shape;
    const heads = q.cols / keyDim;
    const plan = candidates as RefPlan;
    eachRow(scores.lists, plan.tiles, (row, list, tile) => {
      const chunks = chunksOf(known(it.boundaries, it.shape.boundaries, tileStart(plan.tiles, tile)));
      const totals = chunks.map(() => Number.NEGATIVE_INFINITY);
      const chunkOf = chunks.flatMap(([start, end], c) => new Array<number>(end - start).fill(c));
      const stored = Array.from({ length: kvHeads }, () => new Map<number, Float32Array>());
      const keyOf = (kv: number, token: number): Float32Array => {
        const key = stored[kv]!.get(token) ?? storedKey(kvLayer, kv, token);
        stored[kv]!.set(token, key);
        return key;
      };
      for (const r of tileRowsOf(plan.tiles, tile)) {
        const tokens = plan.rows[row]!.flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        ).filter((token) => token <= plan.tiles.position + r);
        for (const { head, kv } of headsOf(scores.lists, list, heads, kvHeads)) {
          const query = queryOf(q, r, head, keyDim);
          const rotated = integerQuery(unrotated(kvLayer, query));
          const logits = tokens.map((token) => {
            const key = keyOf(kv, token);
            const product = keys === 'q8' ? rotated.step * dot(rotated.codes, key) : dot(query, key);
            return scale * product;
          });
          softmax(logits).forEach((mass, i) => {
            const c = chunkOf[tokens[i]!];
            if (c !== undefined) totals[c] = Math.max(0, totals[c]!) + mass;
          });
        }
      }
      (scores as RefScores).rows[row] = totals;
    });
  },

  select(plan: Plan, tiles, keep, scores, index) {
    const it = index as RefChunkIndex | undefined;
    const own = plan as RefPlan;
    own.tiles = tiles;
    own.rows = [];
    eachRow(plan.lists, tiles, (row, _list, tile) => {
      const start = tileStart(tiles, tile);
      const boundaries = it ? known(it.boundaries, it.shape.boundaries, start) : [];
      const values = scores ? (scores as RefScores).rows[row]! : [];
      const tail = boundaries.at(-1) ?? start;
      own.rows[row] = selectRanges(start, tileEnd(tiles, tile), keep, tail, chunksOf(boundaries), values);
    });
  },

  readPlan: async (plan) => (plan as RefPlan).rows,
});
