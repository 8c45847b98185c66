import { SUB_BLOCK } from '../backends/backend.js';
import type { Reader } from './reader.js';

/** Share of the budget that the plans and scores of a call may take where rows choose for themselves. */
const SHARE = 1 / 16;
/** Of a sub-block: its score, or room for its part in a plan. */
const BYTES = 4;

/** Rows of questions and answers that one call may read behind so many tokens: each has a plan in every layer. At least 1. */
export const mostRows = ({ predictor, config, budget }: Reader, position: number): number => {
  const { chunks, lists, candidates, refresh = 1 } = predictor.needs;
  if (!chunks) return Number.POSITIVE_INFINITY;
  const named = !candidates ? 0 : refresh > 1 ? config.layers : 1;
  const blocks = (lists === 'kv-head' ? config.kvHeads : 1) * Math.ceil(position / SUB_BLOCK);
  const row = blocks * BYTES * (config.layers + 1 + named);
  return Math.max(1, Math.floor((budget.bytes * SHARE) / Math.max(1, row)));
};
