import { PAGE, type Range } from '../backends/backend.js';

/** A part of a plan that fits into memory at once: pages, ascending, and the keys [from, to) that stand for them. */
export interface Pass {
  readonly pages: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly first: boolean;
  readonly last: boolean;
}

/** The pages that a plan's rows name, ascending, each once. */
export const namedPages = (rows: readonly (readonly Range[])[]): number[] => {
  const named: boolean[] = [];
  for (const [start, end] of rows.flat()) {
    for (let page = Math.floor(start / PAGE); page < Math.ceil(end / PAGE); page++) named[page] = true;
  }
  // `flatMap` skips holes.
  return named.flatMap((_, page) => [page]);
};

/** How much a pass may hold of what costs room, and how much of it may be missing from memory. */
export interface PassLimits {
  readonly pages: number;
  readonly missing: number;
}

/**
 * Cuts named pages into passes. `costs` says which of them take room: those that cannot be given up have theirs anyway.
 * Few may be missing in a pass, so that most of what is in memory stays there when a plan is larger than it.
 */
export const passesOf = (
  named: readonly number[],
  costs: (page: number) => boolean,
  isMissing: (page: number) => boolean,
  limits: PassLimits,
): Pass[] => {
  const parts: number[][] = [[]];
  let [room, missing] = [limits.pages, limits.missing];
  for (const page of named) {
    const cost = costs(page) ? 1 : 0;
    const misses = isMissing(page) ? 1 : 0;
    if ((room < cost || missing < misses) && parts.at(-1)!.length > 0) {
      parts.push([]);
      [room, missing] = [limits.pages, limits.missing];
    }
    parts.at(-1)!.push(page);
    room -= cost;
    missing -= misses;
  }
  return parts.map((pages, n) => ({
    pages,
    from: n === 0 ? 0 : pages[0]! * PAGE,
    to: n === parts.length - 1 ? Number.POSITIVE_INFINITY : parts[n + 1]![0]! * PAGE,
    first: n === 0,
    last: n === parts.length - 1,
  }));
};
