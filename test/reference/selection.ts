import {
  askingRows,
  type Backend,
  type Boundaries,
  type Keep,
  massShare,
  type Plan,
  type Range,
  type Scores,
  type Tensor,
  type Tiles,
  tileAt,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import { checkPlan } from '../../src/backends/check-plan.js';
import { checkKept } from '../../src/backends/kv-shape.js';
import { hadamard } from '../../src/codecs/hadamard.js';
import { fromHalf, roundEven } from '../../src/codecs/half.js';
import type { RefChunkIndex } from './chunks.js';
import type { RefPlan, RefTensor } from './device.js';
import { integerQuery, storedKey, unrotated } from './keys.js';

export interface RefScores extends Scores {
  /** rows[list · tiles + tile][chunk or sub-block] */
  rows: number[][];
  /** Whether it is sub-blocks that have scores. */
  blocks: boolean;
}

const { fround } = Math;

type SelectionVerbs = Pick<
  Backend,
  | 'plan'
  | 'scores'
  | 'scoreChunks'
  | 'scoreTokens'
  | 'readScores'
  | 'select'
  | 'writePlan'
  | 'extend'
  | 'keepOnly'
  | 'readPlan'
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

/** Sub-blocks of the pages before that of `start`. */
const blocksBefore = (start: number): Range[] =>
  Array.from({ length: 4 * Math.floor(start / 64) }, (_, i): Range => [16 * i, 16 * i + 16]);

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

/** The greatest that q·k can be over a sub-block, by its bounds. */
const boundOf = (
  index: RefChunkIndex,
  layer: number,
  start: number,
  kv: number,
  query: Float32Array,
): number => {
  const rotated = query.slice();
  hadamard(rotated);
  const bytes = index.layers[layer]!.bounds[Math.floor(start / 64)]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const { keyDim } = index.shape;
  const at = (kv * 4 + Math.floor((start % 64) / 16)) * 4 * keyDim;
  return rotated.reduce((sum, x, c) => {
    const least = fromHalf(view.getUint16(at + 2 * c, true));
    const greatest = fromHalf(view.getUint16(at + 2 * keyDim + 2 * c, true));
    return sum + Math.max(x * least, x * greatest);
  }, 0);
};

/** What a row's query looks tokens up with: sums of ±q of four channels in steps of a fifteenth of the greatest. */
interface Lookups {
  readonly rotated: ReturnType<typeof integerQuery>;
  readonly table: number[][];
  readonly step: number;
}

const lookupsOf = (query: Float32Array): Lookups => {
  const q = query.slice();
  hadamard(q);
  const groups = Array.from({ length: q.length / 4 }, (_, g) => q.subarray(4 * g, 4 * g + 4));
  const sum = (group: Float32Array, m: number): number =>
    group.reduce((total, x, i) => fround(total + (m & (1 << i) ? -x : x)), 0);
  const most = Math.max(...groups.map((group) => group.reduce((total, x) => fround(total + Math.abs(x)), 0)));
  const inverse = most > 0 ? fround(15 / most) : 0;
  const table = groups.map((group) =>
    Array.from({ length: 16 }, (_, m) => (inverse ? roundEven(fround(sum(group, m) * inverse)) : 0)),
  );
  return { rotated: integerQuery(q), table, step: fround(most / 15) };
};

/** q·k as `planes` planes of the key's sketch have it. */
const estimateOf = (
  index: RefChunkIndex,
  layer: number,
  token: number,
  kv: number,
  { rotated, table, step }: Lookups,
  planes: number,
): number => {
  const { keyDim } = index.shape;
  const bytes = index.layers[layer]!.sketches[Math.floor(token / 64)]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const planeBytes = 128 + 8 * keyDim;
  const at = kv * (keyDim + 16 + 2 * planeBytes);
  const centre = rotated.codes.reduce((sum, x, c) => sum + x * view.getInt8(at + c), 0);
  // Sums of entries are shifted as far as an i16 has room for the greatest, then weighed by the scales, a 15-bit fraction.
  const room = 2 ** (15 - Math.ceil(Math.log2(15 * (keyDim / 4) + 1)));
  let weighed = 0;
  for (let plane = 0; plane < planes; plane++) {
    const planeAt = at + keyDim + 16 + plane * planeBytes;
    const signs = planeAt + 128 + Math.floor((token % 64) / 16) * 2 * keyDim + (token % 16);
    const sum = table.reduce((total, entries, group) => {
      const byte = view.getUint8(signs + 16 * Math.floor(group / 2));
      return total + entries[group % 2 ? byte >> 4 : byte & 15]!;
    }, 0);
    const scale = view.getUint16(planeAt + 2 * (token % 64), true);
    weighed += Math.floor((sum * room * scale + 2 ** 14) / 2 ** 15);
  }
  weighed = Math.max(-32768, Math.min(32767, weighed));
  const unit = (fromHalf(view.getUint16(at + keyDim + 2, true)) * 2) / room;
  return centre * rotated.step * fromHalf(view.getUint16(at + keyDim, true)) + weighed * step * unit;
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

/**
 * Scores in whole steps, whose size is a power of two: the sum stays below 2³¹. First as if all were as great as the greatest,
 * then as much finer as their sum allows. What is no number, nothing, or less, is none.
 */
const stepsOf = (scores: readonly number[]): number[] => {
  const masses = scores.map((x) => (Number.isFinite(x) && x > 0 ? fround(x) : 0));
  const top = Math.max(0, ...masses);
  if (top < 2 ** -60) return masses.map(() => 0);
  const inSteps = (exponent: number): number[] => masses.map((x) => Math.floor(x * 2 ** exponent));
  const coarse = 29 - Math.ceil(Math.log2(masses.length)) - Math.floor(Math.log2(top));
  const most = inSteps(coarse).reduce((sum, steps) => sum + steps + 1, 0);
  return inSteps(coarse + 30 - Math.floor(Math.log2(most)));
};

/** The ranges of one tile, of which the rows before `reach` decide. `chunks` are those it may choose from, `scores` their scores, if there are any. */
const selectRanges = (
  start: number,
  reach: number,
  end: number,
  keep: Keep,
  tail: number,
  chunks: Range[],
  scores: number[],
  whole: number,
): Range[] => {
  const budget = Math.max(keep.budget, Math.ceil((keep.density ?? 0) * reach));
  const share = scores.length > 0 ? massShare(keep) : 0;
  if (budget >= reach && share === 0) return [[0, end]];
  // Of sub-blocks only whole ones are kept.
  const from = whole * Math.floor(Math.max(0, Math.min(tail, start - keep.local)) / whole);
  const sinks = Math.min(whole * Math.ceil(keep.sinks / whole), reach);
  const kept: Range[] = [
    [0, sinks],
    [from, reach],
  ];
  let left = Math.min(budget, reach) - merged(kept).reduce((n, [a, b]) => n + b - a, 0);
  const value = (c: number): number => (Number.isNaN(scores[c]!) ? Number.NEGATIVE_INFINITY : scores[c]!);
  const steps = share > 0 ? stepsOf(scores) : [];
  const need = Math.ceil((steps.reduce((sum, x) => sum + x, 0) * share) / 65536);
  const covered = (c: number): boolean => Math.min(chunks[c]![1], from) <= Math.max(chunks[c]![0], sinks);
  let held = steps.reduce((sum, x, c) => sum + (covered(c) ? x : 0), 0);
  const order = scores.map((_, c) => c).sort((a, b) => (value(a) === value(b) ? b - a : value(b) - value(a)));
  for (const c of order) {
    const first = Math.max(chunks[c]![0], sinks);
    const last = Math.min(chunks[c]![1], from);
    if (last <= first) continue;
    if (left < whole || (share > 0 && held >= need)) break;
    held += steps[c] ?? 0;
    kept.push([Math.max(first, last - left), last]);
    left -= last - first;
  }
  kept.push([start, end]);
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

/** Rows that say what a tile reads. */
const tileRowsOf = (tiles: Tiles, tile: number): number[] => {
  const start = tileStart(tiles, tile);
  return Array.from({ length: askingRows(tiles, tile) }, (_, i) => start + i - tiles.position);
};

export const refSelection = (): SelectionVerbs => ({
  plan: (_label, lists): RefPlan => ({
    lists,
    tiles: { position: 0, rows: 0, tileRows: 1 },
    rows: [],
    pairs: 0,
  }),
  scores: (label, lists): RefScores => ({ label, lists, rows: [], blocks: false }),

  scoreChunks(scores, q, index, layer, tiles, how) {
    const it = index as RefChunkIndex;
    const { kvHeads, keyDim } = it.shape;
    const heads = q.cols / keyDim;
    const blocks = how.by !== 'mean';
    (scores as RefScores).blocks = blocks;
    eachRow(scores.lists, tiles, (row, list, tile) => {
      const start = tileStart(tiles, tile);
      const chunks = blocks
        ? blocksBefore(start)
        : chunksOf(known(it.boundaries, it.shape.boundaries, start));
      const rows = tileRowsOf(tiles, tile);
      const among = how.by === 'sketch' ? (how.candidates as RefPlan | undefined) : undefined;
      const named = among?.rows[list * tileCount(among.tiles) + tileAt(among.tiles, start)];
      const wanted = chunks.map(
        ([start, end]) => !named || named.some(([from, to]) => from < end && to > start),
      );
      const totals = wanted.map((is) => (is ? 0 : Number.NEGATIVE_INFINITY));
      for (const { head, kv } of headsOf(scores.lists, list, heads, kvHeads)) {
        const queries = rows.map((r) => queryOf(q, r, head, keyDim));
        // One plane: the heads of a KV head ask together.
        const group = heads / kvHeads;
        const asking = how.by === 'sketch' && how.planes === 1;
        if (asking && head % group !== 0) continue;
        const lookups = (how.by === 'sketch' ? rows : []).map((r, i) => {
          const query = queries[i]!.slice();
          for (let other = 1; asking && other < group; other++) {
            queryOf(q, r, head + other, keyDim).forEach((x, c) => {
              query[c] = query[c]! + x;
            });
          }
          return lookupsOf(query);
        });
        const average = Array.from(
          { length: keyDim },
          (_, c) => queries.reduce((sum, query) => sum + query[c]!, 0) / queries.length,
        );
        const logits = chunks.map(([start, end], c) => {
          if (how.by === 'mean') return how.scale * dot(average, meanOf(it, layer, c, kv));
          if (how.by === 'bound') return how.scale * boundOf(it, layer, start, kv, queries[0]!);
          let most = Number.NEGATIVE_INFINITY;
          for (let token = start; token < end && wanted[c]; token++) {
            for (const own of lookups)
              most = Math.max(most, estimateOf(it, layer, token, kv, own, how.planes));
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
    (scores as RefScores).blocks = false;
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
          const turned = unrotated(kvLayer, query);
          const rotated = integerQuery(turned);
          const logits = tokens.map((token) => {
            const key = keyOf(kv, token);
            const product = keys === 'q8' ? rotated.step * dot(rotated.codes, key) : dot(turned, key);
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

  readScores: async (scores) => (scores as RefScores).rows.map((row) => Float32Array.from(row)),

  select(plan: Plan, tiles, keep, scores, index) {
    const it = index as RefChunkIndex | undefined;
    const own = plan as RefPlan;
    own.tiles = tiles;
    own.rows = [];
    own.lifts = undefined;
    eachRow(plan.lists, tiles, (row, _list, tile) => {
      const start = tileStart(tiles, tile);
      const { rows: values, blocks } = (scores as RefScores | undefined) ?? { rows: [], blocks: false };
      const boundaries = it ? known(it.boundaries, it.shape.boundaries, start) : [];
      const chunks = blocks ? blocksBefore(start) : chunksOf(boundaries);
      const tail = blocks ? (chunks.at(-1)?.[1] ?? 0) : (boundaries.at(-1) ?? start);
      const reach = start + askingRows(tiles, tile);
      const end = tileEnd(tiles, tile);
      own.rows[row] = selectRanges(start, reach, end, keep, tail, chunks, values[row] ?? [], blocks ? 16 : 1);
    });
  },

  writePlan(plan, tiles, rows, lifts) {
    checkPlan(plan.lists, tiles, rows, lifts);
    const copied = { rows: rows.map((ranges) => [...ranges]), lifts: lifts?.map((row) => [...row]) };
    Object.assign(plan as RefPlan, { tiles, ...copied });
  },

  extend(plan, tiles) {
    const own = plan as RefPlan;
    const before = tileCount(own.tiles);
    own.rows = Array.from({ length: plan.lists }, (_, list) => {
      const ranges = own.rows[(list + 1) * before - 1]!;
      return [...ranges.slice(0, -1), [ranges.at(-1)![0], tiles.position + tiles.rows]];
    });
    own.lifts = own.lifts?.filter((_, row) => row % before === before - 1);
    own.tiles = tiles;
  },

  keepOnly(out, plan, keeping) {
    checkKept(out, plan, keeping);
    const [own, named, kept] = [out as RefPlan, plan as RefPlan, keeping as RefPlan];
    const [count, choices] = [tileCount(named.tiles), tileCount(kept.tiles)];
    const holds = (ranges: Range[], token: number): boolean =>
      ranges.some(([a, b]) => a <= token && token < b);
    own.tiles = named.tiles;
    own.rows = [];
    own.lifts = named.lifts && [];
    eachRow(own.lists, own.tiles, (row, list, tile) => {
      const source = (named.lists === 1 ? 0 : list) * count + tile;
      const wanted = named.rows[source]!;
      const among = kept.rows[(kept.lists === 1 ? 0 : list) * choices + (choices === 1 ? 0 : tile)]!;
      const since = Math.min(among.at(-1)![0], tileStart(own.tiles, tile));
      // Range by range of what is named: each keeps its lift, and touches another only where it did before.
      const pieces = wanted.map(([start, end]) => {
        const tokens: Range[] = [];
        for (let token = start; token < end; token++) {
          if (token >= since || holds(among, token)) tokens.push([token, token + 1]);
        }
        return merged(tokens);
      });
      own.rows[row] = pieces.flat();
      if (own.lifts) own.lifts[row] = pieces.flatMap((some, i) => some.map(() => named.lifts![source]![i]!));
    });
  },

  readPlan: async (plan) => (plan as RefPlan).rows,
});
