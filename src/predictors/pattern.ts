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

/**
 * Writes a plan that follows from positions alone. `read` names what a tile reads before itself, in any order; the tile and
 * what of its page comes before it are added, and whatever it cannot reach is cut off.
 */
export const writePattern = (
  backend: Backend,
  out: Plan,
  tiles: Tiles,
  read: (tile: PatternTile) => readonly Range[],
): void => {
  const count = tileCount(tiles);
  const rows = Array.from({ length: out.lists * count }, (_, row) => {
    const [start, end] = [tileStart(tiles, row % count), tileEnd(tiles, row % count)];
    const named = read({ list: Math.floor(row / count), start, end });
    const own: Range = [Math.floor(start / PAGE) * PAGE, end];
    return merged([own, ...named.map(([a, b]): Range => [Math.max(0, a), Math.min(b, end)])]);
  });
  backend.writePlan(out, tiles, rows);
};

/** Page `page` as a range; nothing where it is before the text. */
export const pageRange = (page: number): Range => [page * PAGE, (page + 1) * PAGE];
