import { PAGE } from '../../src/backends/backend.js';
import type { KvRecord, LayerGroup } from '../../src/kv/records.js';
import { random } from './random.js';

export interface RecordShape {
  readonly layers: LayerGroup;
  readonly firstPage: number;
  readonly pages: number;
  /** Bytes of a page, for every layer of the group. */
  readonly pageBytes: readonly number[];
  readonly tokens?: ArrayLike<number>;
  readonly chunkBytes?: number;
}

/** A record with random pages; the same shape and seed give the same bytes. */
export const randomRecord = (shape: RecordShape, seed: number): KvRecord => {
  const { bytes } = random(seed);
  const { layers, firstPage, pages, pageBytes, tokens = [], chunkBytes = 0 } = shape;
  return {
    layers,
    firstPage,
    tokens: Uint32Array.from(tokens),
    chunks: bytes(chunkBytes),
    pages: pageBytes.map((one) => Array.from({ length: pages }, () => bytes(one))),
  };
};

/** The records of whole segment `index` of `ids`: what a model would have computed, a function of the ids before. */
export const segmentRecords = (
  ids: readonly number[],
  index: number,
  segmentTokens: number,
  groups: readonly LayerGroup[],
  pageBytes: readonly number[],
): KvRecord[] => {
  const end = (index + 1) * segmentTokens;
  const seed = ids.slice(0, end).reduce((sum, id) => (Math.imul(sum, 31) + id) | 0, 7);
  return groups.map((layers, group) =>
    randomRecord(
      {
        layers,
        firstPage: (index * segmentTokens) / PAGE,
        pages: segmentTokens / PAGE,
        pageBytes: pageBytes.slice(layers.from, layers.to),
        tokens: layers.from === 0 ? ids.slice(index * segmentTokens, end) : [],
        chunkBytes: layers.from === 0 ? 13 : 0,
      },
      seed + group,
    ),
  );
};
