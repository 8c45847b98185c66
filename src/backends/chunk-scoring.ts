import type { Plan } from './plan.js';

/**
 * How rows are turned into scores by `scoreChunks`. `mean`: mean query of the tile · sum/√length of a chunk's keys.
 * `sketch`: the first row of the tile asks, and what has scores are the sub-blocks of all pages before its own: the greatest
 * q·k over the 16 keys, estimated from the first `planes` planes of their sketches; with one plane the query heads of a KV
 * head ask together, by the sum of their queries. Where candidates are given, sub-blocks that none of their ranges overlap
 * get −Infinity; they are of the same rows, in tiles of the same size or larger ones: a tile looks among those of the tile
 * that holds its first row. `bound`: the first row of the tile asks, and sub-blocks have what q·k over their keys cannot
 * exceed, by their bounds (Quest, arXiv 2406.10774). `scale` multiplies q·k.
 */
export type ChunkScoring =
  | { readonly by: 'mean'; readonly scale: number }
  | { readonly by: 'bound'; readonly scale: number }
  | { readonly by: 'sketch'; readonly scale: number; readonly planes: 1; readonly candidates?: undefined }
  | { readonly by: 'sketch'; readonly scale: number; readonly planes: 2; readonly candidates?: Plan };
