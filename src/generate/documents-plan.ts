import { type Range, tileCount, tileEnd } from '../backends/backend.js';
import type { Predictor } from '../predictors/predictor.js';

/** A block-diagonal mask, as a plan. */
export interface DocumentsPlan {
  readonly predictor: Predictor;
  /** What the rows of the next calls look back at, in ascending order, and where the block begins that they are of. */
  read(looksAt: readonly Range[], block: number): void;
}

/** Ranges that touch are one. */
const merged = (ranges: readonly Range[]): Range[] => {
  const out: [number, number][] = [];
  for (const [start, end] of ranges) {
    const last = out.at(-1);
    if (last?.[1] === start) last[1] = end;
    else out.push([start, end]);
  }
  return out;
};

/** Every row reads its own block up to itself, and of what lies before it the blocks that it is told. */
export const documentsPlan = (): DocumentsPlan => {
  let reads: readonly Range[] = [];
  let begins = 0;
  return {
    read(looksAt, block) {
      [reads, begins] = [looksAt, block];
    },
    predictor: {
      name: 'documents',
      signature: 'documents',
      needs: { lists: 'layer', candidates: false, prefixStable: false, wholeContext: true },
      plan: (backend, { tiles }, out) =>
        backend.writePlan(
          out,
          tiles,
          Array.from({ length: tileCount(tiles) }, (_, t) => merged([...reads, [begins, tileEnd(tiles, t)]])),
        ),
    },
  };
};
