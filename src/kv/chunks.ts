import { type Boundaries, type ChunkShape, PAGE, SUB_BLOCK } from '../backends/backend.js';

/** No chunk that `contrast` finds is longer: an open chunk is read by every tile. */
export const LONGEST_CHUNK = 64;

/**
 * The last position at which the windows of pages [0, pages) may have put a boundary. The window of page t is the
 * gaps 64t < g ≤ 64(t+1); for `contrast` it lies `window` + 1 gaps further left, 64t − w ≤ g < 64(t+1) − w, since a
 * gap needs the w keys on its right. A gap g lies between the tokens g − 1 and g.
 */
export const decidedBoundary = (boundaries: Boundaries, pages: number): number =>
  boundaries.source === 'contrast' ? Math.max(0, pages * PAGE - boundaries.window - 1) : pages * PAGE;

/**
 * The last position of a boundary that a tile with its first row at `tileStart` may know: what the pages before its
 * own have decided. A plan therefore never depends on tokens of the tile's own page or later ones, nor on how far the
 * index has been advanced: plans are prefix-stable.
 */
export const knownBoundary = (boundaries: Boundaries, tileStart: number): number =>
  decidedBoundary(boundaries, Math.floor(tileStart / PAGE));

/** Sub-blocks that a row at `start` may choose from: those of the pages before its own. */
export const knownBlocks = (start: number): number => Math.floor(start / PAGE) * (PAGE / SUB_BLOCK);

/** How many of the first `count` ascending boundaries are ≤ `limit`. */
export const boundariesUpTo = (boundaries: ArrayLike<number>, count: number, limit: number): number => {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (boundaries[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Most tokens of a chunk, the open one included. */
export const longestChunk = (boundaries: Boundaries): number => {
  if (boundaries.source === 'contrast') return LONGEST_CHUNK;
  return boundaries.source === 'fixed' ? boundaries.size : boundaries.maximum;
};

/** Most boundaries that consecutive pages may decide, and one more: for the first one, 0, or for a chunk they do not begin. */
export const mostBoundaries = (boundaries: Boundaries, pages: number): number => {
  // Beside what it chooses, a window may have one cut.
  if (boundaries.source === 'contrast') return 1 + pages * Math.min(PAGE, boundaries.perPage + 1);
  const { source } = boundaries;
  const least = source === 'fixed' ? boundaries.size : Math.min(boundaries.minimum, boundaries.maximum);
  return 1 + Math.floor((pages * PAGE) / Math.max(1, least));
};

/** Bytes of one chunk's mean in one layer: [kvHead][channel] f16; 0 where none is kept. */
export const meanBytes = ({ means, kvHeads, keyDim }: ChunkShape): number =>
  means ? kvHeads * keyDim * 2 : 0;

/**
 * Bytes of the sketch of one page for one KV head. First record: the mean of the keys, int8 [channel], its f16 scale, the
 * f16 scale of the planes and 12 zeros; then the first plane. Second record: the second plane. A plane is the scales,
 * u16 [token] in steps of the planes' scale / 2¹⁴, and the signs, [sub-block of 16][byte][token], where bit i of byte j is
 * set if channel 8j + i is negative. A key, rotated, is about the mean plus the planes' signs times their scales.
 */
export const headSketchBytes = (keyDim: number): number =>
  firstSketchBytes(keyDim) + secondSketchBytes(keyDim);
export const firstSketchBytes = (keyDim: number): number => keyDim + 16 + secondSketchBytes(keyDim);
export const secondSketchBytes = (keyDim: number): number => PAGE * (2 + keyDim / 8);

/** Bytes of one page's sketches in one layer, all KV heads in order; 0 where none are kept. */
export const sketchBytes = ({ sketches, kvHeads, keyDim }: ChunkShape): number =>
  sketches ? kvHeads * headSketchBytes(keyDim) : 0;

/**
 * Bytes of one page's bounds in one layer: [kvHead][sub-block of 16][least, greatest][channel] f16, of the keys as stored,
 * rotated, whether their codec rotates or not. The least is rounded down and the greatest up, so that no key lies outside;
 * 0 where none are kept.
 */
export const boundBytes = ({ bounds, kvHeads, keyDim }: ChunkShape): number =>
  bounds ? kvHeads * (PAGE / SUB_BLOCK) * 4 * keyDim : 0;
