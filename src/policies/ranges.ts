import type { Range } from '../backends/backend.js';

/** Ranges in any order, which may overlap, as a plan wants them: ascending, disjoint, none empty. */
export const merged = (ranges: readonly Range[]): Range[] => {
  const out: [number, number][] = [];
  for (const [start, end] of ranges.filter(([a, b]) => b > a).sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else out.push([start, end]);
  }
  return out;
};

/** `ranges` before `end`. */
export const before = (ranges: readonly Range[], end: number): Range[] =>
  ranges.map(([from, to]): Range => [Math.max(0, from), Math.min(to, end)]).filter(([from, to]) => to > from);

/** Tokens in disjoint ranges. */
export const count = (ranges: readonly Range[]): number =>
  ranges.reduce((sum, [start, end]) => sum + end - start, 0);
