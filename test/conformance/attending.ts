import {
  type AttendOptions,
  type KvLayer,
  type KvShape,
  type Lifts,
  PAGE,
  type Range,
  type Tensor,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../../src/backends/backend.js';
import type { Random } from '../support/random.js';
import type { PagesUnderTest } from './make-pages.js';
import { tolerance } from './tolerance.js';

const pagesFor = (tokens: number): number => Math.ceil(tokens / PAGE);
const valueCodecs = ['f16', 'q8', 'q4'] as const;
/**
 * Keys in q4 and values in q2 once, together: what one meets does not depend on the other's codec. Last, so that they are among
 * every `few`. Seven in all: what takes turns with them by twos, fours or eights meets every one.
 */
export const codecPairs: readonly Pick<KvShape, 'keys' | 'values'>[] = [
  ...(['f16', 'q8'] as const).flatMap((keys) => valueCodecs.map((values) => ({ keys, values }))),
  { keys: 'q4', values: 'q2' },
];

/** How a suite of attention is run. */
export interface Suite {
  /** Fewer cases, for a GPU in software. Default false. */
  readonly few?: boolean;
  /** Values in q4 and q2 meet weights as codes, as on a CPU. Default true. */
  readonly coded?: boolean;
}

/** Pages without attention. */
export type StoredPages = Omit<PagesUnderTest, 'read' | 'attend' | 'readPairs' | 'makePlan' | 'losePage'>;

export const tensorOf = (pages: StoredPages, rows: number, cols: number, values: Float32Array): Tensor => {
  const tensor = pages.tensor('test', rows, cols);
  pages.upload(tensor, values);
  return tensor;
};

/** K and V of a text, and queries for its last rows. */
export interface Case {
  readonly shape: KvShape;
  readonly heads: number;
  readonly tokens: number;
  readonly k: Float32Array;
  readonly v: Float32Array;
}

export const makeCase = (shape: KvShape, heads: number, tokens: number, next: Random): Case => ({
  shape,
  heads,
  tokens,
  k: next.normals(tokens * shape.kvHeads * shape.keyDim),
  v: next.normals(tokens * shape.kvHeads * shape.valueDim),
});

/** Append tokens [from, to) in one call. */
export const append = (
  pages: StoredPages,
  kv: KvLayer,
  { k, v, shape }: Case,
  from: number,
  to: number,
): void => {
  const cols = [shape.kvHeads * shape.keyDim, shape.kvHeads * shape.valueDim] as const;
  const some = (x: Float32Array, width: number): Tensor =>
    tensorOf(pages, to - from, width, x.subarray(from * width, to * width));
  pages.appendKv(kv, some(k, cols[0]), some(v, cols[1]), from);
};

export const filled = (pages: StoredPages, some: Case): KvLayer => {
  const kv = pages.kvLayer('test', some.shape);
  pages.mapPages(kv, pagesFor(some.tokens));
  append(pages, kv, some, 0, some.tokens);
  return kv;
};

export const allPages = (pages: StoredPages, kv: KvLayer): Promise<Uint8Array[]> =>
  Promise.all(Array.from({ length: kv.pages }, (_, page) => pages.readPage(kv, page)));

/** The reference's layer with the very same bytes. */
export const copied = async (
  pages: PagesUnderTest,
  kv: KvLayer,
  reference: PagesUnderTest,
): Promise<KvLayer> => {
  const copy = reference.kvLayer('copy', kv.shape);
  reference.mapPages(copy, kv.pages);
  (await allPages(pages, kv)).forEach((bytes, page) => {
    reference.writePage(copy, page, bytes);
  });
  return copy;
};

export interface Attended {
  readonly out: Float32Array;
  readonly logSumExp: Float32Array;
  readonly pairs: number;
}

export const attend = async (
  pages: PagesUnderTest,
  kv: KvLayer,
  heads: number,
  q: Float32Array,
  lists: number,
  tiles: Tiles,
  rows: readonly (readonly Range[])[],
  how: Partial<AttendOptions> = {},
  lifts?: Lifts,
): Promise<Attended> => {
  const { keyDim, valueDim } = kv.shape;
  const out = pages.tensor('out', tiles.rows, heads * valueDim);
  const logSumExp = pages.tensor('lse', tiles.rows, heads);
  const plan = pages.makePlan(lists, tiles, rows, lifts);
  const query = tensorOf(pages, tiles.rows, heads * keyDim, q);
  pages.attend(out, query, kv, plan, { scale: 1 / Math.sqrt(keyDim), logSumExp, ...how });
  const [values, sums] = [await pages.read(out), await pages.read(logSumExp)];
  return { out: values.slice(), logSumExp: sums.slice(), pairs: await pages.readPairs(plan) };
};

/** Everything a tile can reach. */
export const everything = (lists: number, tiles: Tiles): Range[][] =>
  Array.from({ length: lists * tileCount(tiles) }, (_, r) => [[0, tileEnd(tiles, r % tileCount(tiles))]]);

/** Random ascending ranges, many of one token, gaps of any size, and the tile itself. */
export const sparse = (lists: number, tiles: Tiles, next: Random): Range[][] =>
  Array.from({ length: lists * tileCount(tiles) }, (_, r) => {
    const start = tileStart(tiles, r % tileCount(tiles));
    const ranges: Range[] = [];
    for (let at = next.below(20); at < start - 1; ) {
      const end = Math.min(start - 1, at + (next.next() < 0.4 ? 1 : 1 + next.below(90)));
      ranges.push([at, end]);
      at = end + 1 + next.below(next.next() < 0.5 ? 4 : 100);
    }
    return [...ranges, [start, tileEnd(tiles, r % tileCount(tiles))]];
  });

/** A plan with a lift for each range, some of which touch: those of `rows` at random places cut in two. */
export const lifted = (
  rows: readonly (readonly Range[])[],
  next: Random,
): { readonly rows: Range[][]; readonly lifts: number[][] } => {
  const cut = rows.map((ranges) =>
    ranges.flatMap(([start, end]): Range[] => {
      // The last range holds the tile, which stays whole.
      if (end - start < 2 || end === ranges.at(-1)![1] || next.next() < 0.5) return [[start, end]];
      const at = start + 1 + next.below(end - start - 1);
      return [
        [start, at],
        [at, end],
      ];
    }),
  );
  return { rows: cut, lifts: cut.map((ranges) => ranges.map(() => 2 * next.normal())) };
};

export const lastRows = (tokens: number, rows: number, tileRows: number): Tiles => ({
  position: tokens - Math.min(rows, tokens),
  rows: Math.min(rows, tokens),
  tileRows,
});

const greatest = (values: Float32Array): number => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

/** How far a result may lie from the reference's, `coded` as in a suite. */
export const boundOf = ({ shape, v }: Case, coded: boolean): number => {
  // A group's codes span its range, which may be twice its greatest value.
  const codes = { f16: 0, q8: 1, q4: coded ? 2 : 0, q2: coded ? 2 : 0 }[shape.values];
  return greatest(v) * (tolerance.attention + codes * tolerance.attentionCode);
};
