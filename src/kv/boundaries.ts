import { type Boundaries, PAGE } from '../backends/backend.js';
import { LONGEST_CHUNK } from './chunks.js';

type Contrast = Extract<Boundaries, { source: 'contrast' }>;
type Delimiters = Extract<Boundaries, { source: 'delimiters' }>;

/** The boundaries that the window of `page` decides, ascending. `last` is the last boundary before it. */
export interface PageWindow {
  readonly page: number;
  readonly last: number;
  /** marks[i] = 1 where a boundary may follow token i; read by `delimiters`. */
  readonly marks: Uint8Array;
  /** Contrast of the PAGE gaps of the window from 64 · page − w on, < 0 where a gap is none; read by `contrast`. */
  readonly contrast: Float32Array;
}

/** Multiples of `size`. */
const fixed = (size: number, page: number): number[] => {
  const found: number[] = [];
  for (let gap = (Math.floor((page * PAGE) / size) + 1) * size; gap <= (page + 1) * PAGE; gap += size) {
    found.push(gap);
  }
  return found;
};

/** After a marked token when the chunk has `minimum` tokens, at the latest after `maximum`. */
const delimiters = ({ minimum, maximum }: Delimiters, { page, last, marks }: PageWindow): number[] => {
  const found: number[] = [];
  let open = last;
  for (let gap = page * PAGE + 1; gap <= (page + 1) * PAGE; gap++) {
    const length = gap - open;
    if (length < maximum && !(marks[gap - 1] && length >= minimum)) continue;
    found.push(gap);
    open = gap;
  }
  return found;
};

/**
 * Greedy non-maximum suppression in descending contrast, earlier gaps first among equals: a gap is accepted when it
 * is more than `minimum` from every boundary, at most `perPage` times. Then, from left to right, a chunk that would be
 * longer than LONGEST_CHUNK is cut after every LONGEST_CHUNK tokens; only these cuts may lie closer than `minimum`.
 */
const suppressed = (
  { minimum, perPage, window }: Contrast,
  { page, last, contrast }: PageWindow,
): number[] => {
  const from = page * PAGE - window;
  const accepted: number[] = [];
  while (accepted.length < perPage) {
    let best = -1;
    for (let i = 0; i < PAGE; i++) {
      const gap = from + i;
      if (contrast[i]! < 0 || gap - last <= minimum || contrast[i]! <= (contrast[best] ?? -1)) continue;
      if (accepted.every((other) => Math.abs(gap - other) > minimum)) best = i;
    }
    if (best < 0) break;
    accepted.push(from + best);
  }
  accepted.sort((a, b) => a - b);

  const found: number[] = [];
  let open = last;
  for (const gap of [...accepted, from + PAGE]) {
    for (; gap - open > LONGEST_CHUNK; open += LONGEST_CHUNK) found.push(open + LONGEST_CHUNK);
    if (gap < from + PAGE) found.push((open = gap));
  }
  return found;
};

export const pageBoundaries = (boundaries: Boundaries, window: PageWindow): number[] => {
  switch (boundaries.source) {
    case 'fixed':
      return fixed(boundaries.size, window.page);
    case 'delimiters':
      return delimiters(boundaries, window);
    case 'contrast':
      return suppressed(boundaries, window);
  }
};
