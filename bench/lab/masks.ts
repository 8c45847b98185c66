/**
 * Families of masks in the manner of the Long-Context Attention Benchmark (arXiv 2510.17896 §3), each by the share of the
 * causal triangle that it reads, written as rows of a plan. Attention here is causal and documents begin with a page, so
 * that masks which look ahead, and documents that end inside a tile, have no plan: `unsupported` says so.
 */
import { PAGE, type Range } from '../../src/backends/backend.js';

export interface Mask {
  readonly family: string;
  /** Row p reads only keys in (p − window, p]. */
  readonly window?: number;
  /** Each range adds another number to the logits of its keys than the one before it. */
  readonly isLifted?: boolean;
  /** What the tile that begins at `start` and ends at `end` reads, for one KV head: ascending, disjoint, its own tile whole. */
  ranges(start: number, end: number, list: number): readonly Range[];
  /** The same row by row, written apart: whether the row at `row` reads the key at `key` ≤ row. */
  allows(row: number, key: number, list: number): boolean;
}

type Family = (tokens: number, density: number) => Mask;

const pageOf = (token: number): number => Math.floor(token / PAGE);
const wholePages = (tokens: number): number => Math.max(PAGE, PAGE * Math.round(tokens / PAGE));

/** Ranges that touch or overlap are one. */
const merged = (ranges: readonly Range[]): Range[] => {
  const out: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = out.at(-1);
    if (start >= end) continue;
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
};

/** A number in [0, 1) that follows from three others. */
const lot = (a: number, b: number, c: number): number => {
  let x = Math.imul(a + 1, 0x9e3779b1) ^ Math.imul(b + 1, 0x85ebca6b) ^ Math.imul(c + 1, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
};

/** A window of w keys reads n·w − w²/2 of n²/2 pairs. */
const windowOf = (tokens: number, density: number): number =>
  Math.max(1, Math.round(tokens * (1 - Math.sqrt(1 - density))));

const SINKS = PAGE;

/** Blocks of `size` keys, drawn for each tile and KV head. */
const blocks =
  (size: number, isLifted = false): Family =>
  (_, density) => ({
    family: isLifted ? `blocks of ${size}, each with a lift` : `blocks of ${size}`,
    isLifted,
    ranges: (start, end, list) => {
      const chosen: Range[] = [];
      for (let at = 0; at < start; at += size)
        if (lot(at / size, pageOf(start), list) < density) chosen.push([at, Math.min(start, at + size)]);
      // Ranges may touch where their lifts differ.
      return isLifted ? [...chosen, [start, end]] : merged([...chosen, [start, end]]);
    },
    allows: (row, key, list) =>
      pageOf(row) === pageOf(key) || lot(Math.floor(key / size), pageOf(row), list) < density,
  });

const families: readonly Family[] = [
  () => ({ family: 'causal', ranges: (_, end) => [[0, end]], allows: () => true }),
  (tokens, density) => {
    const window = windowOf(tokens, density);
    return {
      family: 'sliding window',
      window,
      ranges: (start, end) => [[Math.max(0, start - window + 1), end]],
      allows: (row, key) => key > row - window,
    };
  },
  (tokens, density) => {
    const reach = wholePages(windowOf(tokens, density));
    return {
      family: 'sinks and window',
      ranges: (start, end) =>
        merged([
          [0, Math.min(SINKS, start)],
          [Math.max(0, start - reach), end],
        ]),
      allows: (row, key) => key < SINKS || key >= pageOf(row) * PAGE - reach,
    };
  },
  (tokens, density) => {
    const length = wholePages(tokens * density);
    return {
      family: 'documents',
      ranges: (start, end) => [[start - (start % length), end]],
      allows: (row, key) => Math.floor(row / length) === Math.floor(key / length),
    };
  },
  (tokens, density) => {
    const prefix = wholePages(tokens / 16);
    const length = wholePages(tokens * density);
    const begins = (token: number): number => prefix + length * Math.floor((token - prefix) / length);
    return {
      family: 'documents behind a prefix',
      ranges: (start, end) =>
        start < prefix
          ? [[0, end]]
          : merged([
              [0, prefix],
              [begins(start), end],
            ]),
      allows: (row, key) => row < prefix || key < prefix || begins(row) === begins(key),
    };
  },
  (_, density) => {
    const every = Math.max(1, Math.round(1 / density));
    return {
      family: 'every n-th page',
      ranges: (start, end) => {
        const own = pageOf(start);
        const chosen = Array.from({ length: Math.floor(own / every) }, (_, i): Range => {
          const page = (own % every) + i * every;
          return [page * PAGE, (page + 1) * PAGE];
        });
        return merged([...chosen, [start, end]]);
      },
      allows: (row, key) => (pageOf(row) - pageOf(key)) % every === 0,
    };
  },
  ...[16, 32, 64, 256].map((size) => blocks(size)),
  blocks(16, true),
];

/** Every family at this length and density. */
export const masks = (tokens: number, density: number): Mask[] =>
  families.map((family) => family(tokens, density));

/** What the ranges of each tile add to the logits of their keys; nothing, where the mask is not lifted. */
export const liftsOf = (
  { isLifted = false }: Mask,
  rows: readonly (readonly Range[])[],
): number[][] | undefined => (isLifted ? rows.map((ranges) => ranges.map((_, i) => (i % 3) - 1)) : undefined);

/** Families that have no plan, and why. */
export const unsupported: readonly (readonly [family: string, why: string])[] = [
  ['bidirectional', 'attention is causal'],
  ['prefix that sees all of itself', 'attention is causal'],
  ['documents that end inside a page', 'a tile has one list of ranges'],
];

/** (row, key) pairs of rows [from, to) that the mask reads, counted from its ranges. */
export const area = (mask: Mask, from: number, to: number, list: number): number => {
  let pairs = 0;
  for (let start = from; start < to; start = PAGE * (pageOf(start) + 1)) {
    const end = Math.min(to, PAGE * (pageOf(start) + 1));
    const ranges = mask.ranges(start, end, list);
    for (let row = start; row < end; row++) {
      const first = mask.window === undefined ? 0 : row - mask.window + 1;
      for (const [begin, stop] of ranges)
        pairs += Math.max(0, Math.min(stop, row + 1) - Math.max(begin, first));
    }
  }
  return pairs;
};
