import { mean } from './intervals.js';
import type { Series } from './plots.js';

/** Each once, in the order they come in. */
export const distinct = <T>(all: readonly T[]): T[] => [...new Set(all)];

export const percentRight = (some: readonly { readonly right: readonly boolean[] }[]): number =>
  100 * mean(some.flatMap(({ right }) => right.map(Number)));

/** For each method what was found at each length, as points. */
export const byMethod = <T extends { readonly method: string; readonly length: number }>(
  found: readonly T[],
  x: (some: readonly T[]) => number,
  y: (some: readonly T[]) => number,
): Series[] =>
  distinct(found.map(({ method }) => method)).map((name) => {
    const mine = found.filter(({ method }) => method === name);
    const points = distinct(mine.map(({ length }) => length)).map((length) => {
      const some = mine.filter((one) => one.length === length);
      return [x(some), y(some)] as const;
    });
    return { name, points };
  });
