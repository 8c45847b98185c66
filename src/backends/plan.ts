/** The rows of one forward call: absolute positions [position, position + rows), cut in tiles aligned to `tileRows`. */
export interface Tiles {
  readonly position: number;
  readonly rows: number;
  /** PAGE in prefill; fewer for rows that ask for themselves (a question, an answer): 1, or as many as share a plan. */
  readonly tileRows: number;
  /**
   * The rows go on where the call before ended: in a tile that it began, so that what it reads is known (`extend`), or, with
   * plans of their own, among rows whose candidates it named. They are of one such tile or group.
   */
  readonly continues?: boolean;
}

/** Tiles in a call: the first and the last may be partial. */
export const tileCount = ({ position, rows, tileRows }: Tiles): number =>
  rows === 0 ? 0 : Math.floor((position + rows - 1) / tileRows) - Math.floor(position / tileRows) + 1;

/** Absolute position after the last row of tile `t` of a call. */
export const tileEnd = ({ position, rows, tileRows }: Tiles, t: number): number =>
  Math.min(position + rows, (Math.floor(position / tileRows) + t + 1) * tileRows);

/** Where a call's last tile ends once all its rows are there: the same, however they come in calls. */
export const wholeEnd = ({ position, rows, tileRows }: Tiles): number =>
  Math.ceil((position + rows) / tileRows) * tileRows;

/** Absolute position of the first row of tile `t` of a call. */
export const tileStart = ({ position, tileRows }: Tiles, t: number): number =>
  Math.max(position, (Math.floor(position / tileRows) + t) * tileRows);

/** The tile of a call that holds `position`. */
export const tileAt = (tiles: Tiles, position: number): number =>
  Math.floor(position / tiles.tileRows) - Math.floor(tiles.position / tiles.tileRows);

/** Most rows that ask for themselves and share a plan. */
export const MOST_REUSE = 32;

/** Rows of tile `t` that decide what it reads: all rows of a text's, the first one where rows ask for themselves. */
export const askingRows = (tiles: Tiles, t: number): number =>
  tiles.tileRows > MOST_REUSE ? tileEnd(tiles, t) - tileStart(tiles, t) : 1;

/** Half-open run of absolute token positions. */
export type Range = readonly [start: number, end: number];

/** A lift for each range of each row of a plan (`Plan`). */
export type Lifts = readonly (readonly number[])[];

/**
 * Which ranges each tile reads, on the device. One list per KV head, or one per layer (`lists` = 1). Ranges are
 * ascending, disjoint, never empty, causal-reachable (end ≤ tile end) and contain the tile's whole diagonal; adjacent
 * ranges are merged, unless their lifts differ. Masking inside the diagonal belongs to `attend`.
 *
 * A plan may have a *lift* for each range: a finite number that `attend` adds to the logits of the range's keys, in units
 * of e, after the softcap. ln w lets each of them count for w keys. Nothing else looks at lifts: what is observed or scored
 * is what keys are worth by themselves.
 */
export interface Plan {
  readonly lists: number;
  /** The geometry of the call it was last written for. */
  readonly tiles: Tiles;
}

/** What `select` keeps for a tile. */
export interface Keep {
  /** Tokens a row may read, forced ones included; `Infinity` keeps everything reachable. */
  readonly budget: number;
  /** Or a share of what is reachable (0–1]: the budget of a tile is then max(budget, ceil(density · tile end)). */
  readonly density?: number;
  /** First tokens of the context that are always kept. */
  readonly sinks: number;
  /** Tokens before the tile that are always kept; the tile's own tokens always are. */
  readonly local: number;
  /**
   * No more than the best chunks that together hold this share of all scores, (0–1]; chunks that are kept anyway count as
   * a part of it, others as a whole. For scores that are masses, which those of one plane are not (Twilight's top-p, arXiv
   * 2502.02770). Scores are counted in equal steps, about 2³⁰ in all; those of 0 and below as none. Default: all the budget has room for.
   */
  readonly mass?: number;
}

/** `mass` in steps of 2⁻¹⁶, at least one; 0 where there is no such limit. */
export const massShare = ({ mass = 1 }: Keep): number =>
  mass >= 1 ? 0 : Math.max(1, Math.round(mass * 65536));
