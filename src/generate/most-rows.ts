import { SUB_BLOCK } from '../backends/backend.js';
import type { Reader } from './reader.js';

/** Share of the budget that the plans and scores of a call may take where rows choose for themselves. */
const SHARE = 1 / 16;
const SCORE_BYTES = 4;
const RANGE_BYTES = 8;

/**
 * Rows of questions and answers that one call may read behind so many tokens: each has a score for every sub-block, a plan
 * in every layer, and candidates. At least 1.
 */
export const mostRows = (
  { predictor, config, budget }: Pick<Reader, 'predictor' | 'config' | 'budget'>,
  position: number,
): number => {
  const { chunks, lists, candidates, refresh = 1, most, oneByOne } = predictor.needs;
  if (oneByOne) return 1;
  if (!chunks) return Number.POSITIVE_INFINITY;
  const blocks = Math.ceil(position / SUB_BLOCK);
  const { chosen, named } = most?.(position) ?? { chosen: position, named: position };
  /** A gap lies between two ranges. */
  const planBytes = (tokens: number): number =>
    RANGE_BYTES * Math.min(blocks / 2, Math.ceil(tokens / SUB_BLOCK));
  const nameds = !candidates ? 0 : refresh > 1 ? config.layers : 1;
  const list = blocks * SCORE_BYTES + config.layers * planBytes(chosen) + nameds * planBytes(named);
  const row = (lists === 'kv-head' ? config.kvHeads : 1) * list;
  return Math.max(1, Math.floor((budget.bytes * SHARE) / Math.max(1, row)));
};
