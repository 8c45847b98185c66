/** Whether the engine reads and goes on as llama.cpp does. */
import type { SupportedType } from '../../src/weights/tensor-types.js';
import { type Agreement, agreement, LIMITS } from './agreement.js';
import type { Reading } from './golden.js';
import type { Replay } from './replay.js';

/** Lead from which greedy text of a trained model must be the same, by type of its weights; 0: every token. */
const TRAINED_LEAD: Partial<Record<SupportedType, number>> = { F32: 0, Q8_0: 0.25 };

export interface Verdict extends Agreement {
  /** Tokens of the greedy continuation that llama.cpp was sure of, and those that the engine chose too. */
  readonly sure: number;
  readonly same: number;
  /** What is beyond the limits; empty when all is well. */
  readonly objections: readonly string[];
}

export const verdict = (type: SupportedType, reading: Reading, found: Replay): Verdict => {
  const limits = LIMITS[type];
  // A generated model has no prompt.
  const lead = (reading.prompt === undefined ? undefined : TRAINED_LEAD[type]) ?? limits.margin;
  const inPieces = agreement(reading, found.pieces, limits.margin);
  const atOnce = agreement({ top: reading.top.slice(-1) }, [found.whole], limits.margin);
  const { ids, margins } = reading.greedy;
  const sure = ids.map((_, at) => at).filter((at) => margins[at]! >= lead);
  const other = sure.filter((at) => found.guided[at] !== ids[at]);
  const open = margins.findIndex((margin) => margin < lead);
  const text = open < 0 ? ids : ids.slice(0, open);
  const parting = text.findIndex((id, at) => found.free[at] !== id);

  const objections: string[] = [];
  const limit = (what: string, value: number, most: number): void => {
    // Not `>`: a NaN must not pass.
    if (!(value <= most)) objections.push(`${what} is ${value.toPrecision(3)}, at most ${most} allowed`);
  };
  limit('mean |difference of log-probability|', inPieces.difference, limits.difference);
  limit('mean KL', inPieces.divergence, limits.divergence);
  limit('decided positions with another token', inPieces.flips, 0);
  // One position, not the mean of many.
  limit('KL behind the ids read at once', atOnce.divergence, 4 * limits.divergence);
  for (const at of other) {
    objections.push(
      `token ${at} of the continuation is ${found.guided[at]}; llama.cpp has ${ids[at]}, by ${margins[at]} logits`,
    );
  }
  if (parting >= 0) objections.push(`the greedy text parts from llama.cpp's at token ${parting}`);
  return { ...inPieces, sure: sure.length, same: sure.length - other.length, objections };
};
