/** Rows that a layer with a state convolves with each of its rows. */
export const TAPS = 4;

/**
 * What a layer with a state remembers, as f32: the last TAPS − 1 rows before their convolution, heads · headDim + 2 · state
 * numbers each, then of every head headDim · state numbers. A page of such a layer holds no tokens: it is the state behind
 * the last token that lies in it, and most pages stay cold.
 */
export interface StateShape {
  readonly heads: number;
  readonly headDim: number;
  /** Channels of a key and a query. */
  readonly state: number;
}

/** Numbers of a row before its convolution: the values of all heads, a key, a query. */
export const mixedChannels = ({ heads, headDim, state }: StateShape): number => heads * headDim + 2 * state;

/** How K and V of one layer are stored. See docs/FORMAT.md for the bytes of a page. */
export interface KvShape {
  /** Of a layer that has a state instead of keys and values; the other numbers then mean nothing. Missing: it has none. */
  readonly state?: StateShape | undefined;
  readonly kvHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly keys: 'f16' | 'q8' | 'q4';
  readonly values: 'f16' | 'q8' | 'q4' | 'q2';
}

/**
 * The pages of one layer. Pages are addressed by logical index: page p holds tokens [p·PAGE, (p+1)·PAGE). A page is
 * resident or cold: a cold one has a place and no memory, and whatever reads it is an `internal` error.
 */
export interface KvLayer {
  readonly shape: KvShape;
  /** Bytes of one stored page. */
  readonly pageBytes: number;
  /** Pages that the layer has, resident or cold. */
  readonly pages: number;
  /** Pages that have memory now. */
  readonly resident: number;
  isCold(page: number): boolean;
  /**
   * Raised whenever bytes that were there may have become others; tokens that come behind those appended last raise it
   * not: what lay behind those is gone. Missing: nobody counts.
   */
  readonly edits?: number | undefined;
  /** Of a layer with a state: how many tokens the state in its last page has met. */
  readonly met?: number | undefined;
}
