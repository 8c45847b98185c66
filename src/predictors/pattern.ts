import {
  type Backend,
  PAGE,
  type Plan,
  type Range,
  type Tiles,
  tileCount,
  tileEnd,
  tileStart,
} from '../backends/backend.js';

/** Ranges in any order, which may overlap, as a plan wants them. */
const merged = (ranges: Range[]): Range[] => {
  const out: [number, number][] = [];
  for (const [start, end] of ranges.filter(([a, b]) => b > a).sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
};

/** What the queries of one tile are. */
export interface PatternTile {
  readonly list: number;
  /** Absolute positions of its first row and after its last one. */
  readonly start: number;
  readonly end: number;
}

/** What a tile reads, and what it adds to the logits of each range, if to any (`Plan`). */
export interface PatternRow {
  readonly ranges: readonly Range[];
  readonly lifts: readonly number[];
}

/** Ascending pieces as a row: those that touch are one where their lifts are equal. */
export const rowOf = (pieces: readonly (readonly [range: Range, lift: number])[]): PatternRow => {
  const row = { ranges: [] as Range[], lifts: [] as number[] };
  for (const [range, lift] of pieces) {
    const last = row.ranges.at(-1);
    if (last?.[1] === range[0] && row.lifts.at(-1) === lift) row.ranges.splice(-1, 1, [last[0], range[1]]);
    else {
      row.ranges.push(range);
      row.lifts.push(lift);
    }
  }
  return row;
};

/** What of the ranges that a tile reads counts for more or less than itself; it may add to them. */
export type Weigh = (ranges: readonly Range[], tile: PatternTile) => PatternRow;

/**
 * Writes a plan that follows from positions alone. `read` names what a tile reads before itself, in any order; the tile and
 * what of its page comes before it are added, and whatever it cannot reach is cut off. Without
 * `weigh` every key counts for itself.
 */
export const writePattern = (
  backend: Backend,
  out: Plan,
  tiles: Tiles,
  read: (tile: PatternTile) => readonly Range[],
  weigh?: Weigh,
): void => {
  const count = tileCount(tiles);
  const rows = Array.from({ length: out.lists * count }, (_, row): PatternRow => {
    const [start, end] = [tileStart(tiles, row % count), tileEnd(tiles, row % count)];
    const tile = { list: Math.floor(row / count), start, end };
    const own: Range = [Math.floor(start / PAGE) * PAGE, end];
    const ranges = merged([own, ...read(tile).map(([a, b]): Range => [Math.max(0, a), Math.min(b, end)])]);
    return weigh?.(ranges, tile) ?? { ranges, lifts: [] };
  });
  const ranges = rows.map((row) => row.ranges);
  if (weigh) {
    const lifts = rows.map((row) => row.lifts);
    backend.writePlan(out, tiles, ranges, lifts);
  } else backend.writePlan(out, tiles, ranges);
};

/** Page `page` as a range; nothing where it is before the text. */
export const pageRange = (page: number): Range => [page * PAGE, (page + 1) * PAGE];
