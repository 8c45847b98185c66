import type { Backend, KvLayer, Plan, Range, Tensor, Tiles } from '../backends/backend.js';
import type { Predictor } from '../predictors/predictor.js';

/** Mean (dim) and covariance (dim, dim) of the queries of a head, before they are turned by their position. */
export interface Moments {
  readonly mean: Float32Array;
  readonly covariance: Float32Array;
}

/** What is known of queries that are still to come. */
export interface Expects {
  /** By layer and query head. */
  readonly moments: readonly (readonly Moments[])[];
  /** Positions over which they are spread. */
  readonly ahead: number;
}

/** Which channels turn together: i with i + pairs, or 2i with 2i + 1. */
export type Pairing = 'half' | 'adjacent';

/** What the engine must do for a policy. The engine obeys it and never asks for a name. */
export interface PolicyNeeds {
  /** What is kept binds the rows of a text too: their pages are others then, and are kept apart from those of no policy. */
  readonly reading: boolean;
  /** Rows before an answer whose attention is observed: the last of what was asked. 0: none. */
  readonly rows: number;
  /** What is left of a score after every further row: 1 adds up, 0 forgets all but the last row. */
  readonly decay: number;
  /** The rows of an answer are observed too, and after so many of them it chooses again. 0: they are not. */
  readonly every: number;
  /** The norms of the values: all pages must be in memory then, whatever the budget. */
  readonly values: boolean;
  /** Scores are what these queries would look at, by the stored keys alone, in place of rows that are observed. All pages, too. */
  readonly expects?: Expects;
  /** What it changes of attention behind a choice. All pages, too. Default: nothing. */
  readonly amends?: (parts: RetentionParts) => Amends;
}

/** One head of a row that attention has read. */
export interface AttendedRow {
  readonly layer: number;
  readonly head: number;
  readonly kvHead: number;
  /** (keyDim), after RoPE. */
  readonly query: Float32Array;
  /** The log-sum-exp of what it read. */
  readonly logSumExp: number;
  /** What its plan names, if that was asked for: see `plans`. */
  readonly ranges: readonly Range[];
}

/** How a policy changes what attention makes of rows. Made for every context. */
export interface Amends {
  /** Whether it must know what plans name. */
  readonly plans: boolean;
  /** Behind every choice: kept[layer][head] of what was observed. */
  chosen(kept: readonly (readonly (readonly Range[])[])[], observed: Observed): Promise<void>;
  /** Whether it changes anything in this layer, behind the last choice. */
  touches(layer: number): boolean;
  /** What was chosen holds no more, nor do the tokens that it was chosen among. */
  clear?(): void;
  /** Changes `result`, (valueDim), in place. */
  amend(row: AttendedRow, result: Float32Array): void;
}

/** A tile that is about to read. Layers are counted among those that are read whole. */
export interface KeptTile {
  readonly layer: number;
  readonly layers: number;
  readonly kvHeads: number;
  readonly head: number;
  /** Absolute positions of its first row and after its last one. */
  readonly start: number;
  readonly end: number;
}

/** What was observed of the tokens before an answer. */
export interface Observed {
  readonly tokens: number;
  /**
   * scores[layer][head][token]: attention probabilities of the observed rows, summed over the query heads of a KV head and,
   * with the policy's decay, over the rows; below 0 for tokens that an earlier choice dropped.
   */
  readonly scores: readonly (readonly Float32Array[])[];
  /** values[layer][head][token] = ‖v‖₁ of the stored values, where they are needed. */
  readonly values?: readonly (readonly Float32Array[])[];
}

/**
 * Chooses what is kept: tokens that plans may name at all. What is dropped leaves memory and stays in the store, so that
 * nothing is lost: the next question begins with everything again. A policy has one of the two functions.
 */
export interface Policy {
  readonly name: string;
  readonly needs: PolicyNeeds;
  /** Options in effect, in canonical form. Part of the key under which pages are stored where the policy binds reading. */
  readonly signature: string;
  /** Refuses a model with these KV heads, by layers that are read whole. */
  check?(heads: readonly number[]): void;
  /** The policy to take in place of this, once the model was asked what it must know. */
  measured?(measure: Measure): Promise<Policy>;
  /** By position alone: ranges before the tile in any order, cut where they reach too far. The tile keeps itself. */
  keepAt?(tile: KeptTile): readonly Range[];
  /** By what was observed: kept[layer][head], ascending and disjoint. What comes later is kept. */
  keep?(observed: Observed): readonly (readonly (readonly Range[])[])[];
}

/** How queries and keys are turned by their position. */
export interface Turning {
  readonly pairing: Pairing;
  /** (rows, channels that turn): cosines, then sines; none in a layer where nothing turns. */
  angles(layer: number, position: number, rows: number): Float32Array | undefined;
}

/** What a context must give to what holds its kept set. */
export interface RetentionParts {
  readonly backend: Backend;
  /** Those that are read whole: layers that slide keep their windows. */
  readonly layers: readonly KvLayer[];
  /** Query heads. */
  readonly heads: number;
  /** Multiplies q·k in attention. */
  readonly scale: number;
  /** Logits l of attention become softcap · tanh(l / softcap). Default: they stay. */
  readonly softcap?: number | undefined;
  /** Default: nothing turns. */
  readonly turning?: Turning;
  /** Plans of a layer name none but these tokens and what comes behind them; `undefined`: they may name any. */
  keepPages(layer: number, kept: readonly Range[] | undefined): void;
}

/** What is changed of the attention of a call. */
export interface Amendment {
  /** Where attention must leave its log-sum-exps, (rows, heads). */
  readonly logSumExp: Tensor;
  /** Changes what attention wrote, by this plan. q: (rows, heads · keyDim), after RoPE. */
  amend(q: Tensor, attended: Tensor, plan: Plan): Promise<void>;
}

/** The kept set of one context. */
export interface Retention {
  /** `predictor` with plans that name only what is kept of a layer. */
  over(predictor: Predictor, layer: number): Predictor;
  /** A call reads from `position` on, of `total` tokens; `answering`: the last of them was generated. Chooses where it is time to. */
  begin(position: number, total: number, answering: boolean): Promise<void>;
  /** Whether it observes rows of these. */
  observes(tiles: Tiles): boolean;
  /** Between the plan of a layer and its attention. q: (rows, heads · keyDim), after RoPE. */
  observe(layer: number, q: Tensor, plan: Plan): Promise<void>;
  /** What is changed of the attention of a call behind a choice. */
  amendment(layer: number, rows: number): Amendment | undefined;
  /** Tokens of `total` that plans may name, on average over layers and heads. */
  kept(total: number): number;
  release(): void;
}

/** Makes one for every context of a model. */
export interface Retain {
  /** It reads pages itself: all of them must be in memory, whatever the budget. */
  readonly wholeContext: boolean;
  open(parts: RetentionParts): Retention;
}

/** How a model is asked what its heads do. */
export interface Measure {
  readonly maxTokens: number;
  encode(text: string): Promise<number[]>;
  /** Reads ids, and one more as if it had been generated, with what `retain` looks at. */
  read(ids: readonly number[], retain: Retain): Promise<void>;
}
