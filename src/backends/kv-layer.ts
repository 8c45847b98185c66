/** How K and V of one layer are stored. See docs/FORMAT.md for the bytes of a page. */
export interface KvShape {
  readonly kvHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly keys: 'f16' | 'q8' | 'q4';
  readonly values: 'f16' | 'q8' | 'q4';
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
}
