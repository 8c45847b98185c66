import type { Tensor } from './tensor.js';

export interface AttendOptions {
  /** Multiplies q·k; usually 1/√keyDim. */
  readonly scale: number;
  /**
   * A row at position p reads only keys in (p − window, p], also where the plan's ranges reach further back: a tile's
   * ranges cover the windows of all its rows. At least 1. Default: no window.
   */
  readonly window?: number;
  /** Logits l become softcap · tanh(l / softcap), before masks and softmax (Gemma 2, arXiv 2408.00118 §2). Default: none. */
  readonly softcap?: number;
  /** Skip a block of keys whose greatest logit is this far under the running maximum. Default: never (exact). */
  readonly skipBelow?: number;
  /** Receives the log-sum-exp of every row and query head, (rows, heads): what merging partial attentions needs. */
  readonly logSumExp?: Tensor;
  /** Only a part of the plan's keys, between others. Default: all of them at once. */
  readonly pass?: AttendPass;
}

/**
 * One of several calls of `attend` that together read a plan, from its first pages to its last: what lies between two
 * calls may bring other pages into memory. However a plan is cut, the last call writes the bits that a single one would.
 */
export interface AttendPass {
  /** Keys at positions [from, to) are read, and no page before or after. Multiples of PAGE; `to` may be `Infinity`. */
  readonly from: number;
  readonly to: number;
  /** (rows · heads, `carryWidth`): what one pass hands to the next. Its contents mean nothing to anybody else. */
  readonly carry: Tensor;
  /** Begins afresh; what `carry` holds does not matter. Otherwise begins from what the pass before wrote to it. */
  readonly first: boolean;
  /** Writes the output and the log-sum-exps, and leaves `carry` as it is. Otherwise writes `carry` and neither of them. */
  readonly last: boolean;
}

/** Numbers that attention carries for a row and a query head: its running maximum, its sum and its weighted values. */
export const carryWidth = ({ valueDim }: { readonly valueDim: number }): number => valueDim + 2;
