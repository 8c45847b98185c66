import { LonghandError } from '../errors.js';
import { type Lifts, type Range, type Tiles, tileCount, tileEnd, tileStart } from './plan.js';

/** What is wrong with the ranges of tile `t`, if anything is: the promises of `Plan`. */
const faultOf = (
  ranges: readonly Range[],
  tiles: Tiles,
  t: number,
  lifts?: readonly number[],
): string | undefined => {
  if (lifts && (lifts.length !== ranges.length || !lifts.every((x) => Number.isFinite(Math.fround(2 * x)))))
    return 'has not one finite lift for each range';
  let last = -1;
  for (const [i, [start, end]] of ranges.entries()) {
    if (!Number.isInteger(start) || !Number.isInteger(end)) return 'is not of whole tokens';
    if (start < last || (start === last && lifts?.[i] === lifts?.[i - 1]))
      return 'is not ascending, or touches the one before';
    if (end <= start) return 'is empty';
    last = end;
  }
  if (last !== tileEnd(tiles, t) || ranges.at(-1)![0] > tileStart(tiles, t)) {
    return 'does not end with all of its tile';
  }
  return undefined;
};

/**
 * Kernels trust plans: throws `internal` where `rows` (list · tiles + tile) are no plan of `lists` lists for `tiles`, or
 * `lifts` do not belong to them.
 */
export const checkPlan = (
  lists: number,
  tiles: Tiles,
  rows: readonly (readonly Range[])[],
  lifts?: Lifts,
): void => {
  const count = tileCount(tiles);
  if (rows.length !== lists * count || (lifts ?? rows).length !== rows.length) {
    const message = `A plan of ${lists} × ${count} rows was written with ${(lifts ?? rows).length}. Please report this.`;
    throw new LonghandError('internal', message);
  }
  rows.forEach((ranges, row) => {
    const fault = faultOf(ranges, tiles, row % count, lifts?.[row]);
    if (!fault) return;
    const shown = ranges.map(([start, end]) => `${start}–${end}`).join(', ');
    throw new LonghandError('internal', `Row ${row} of a plan (${shown}) ${fault}. Please report this.`);
  });
};
