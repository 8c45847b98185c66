import { PAGE } from '../../src/backends/backend.js';
import type { KvRecord, LayerGroup, NewRun, RecordGroup } from '../../src/kv/records.js';
import { random } from './random.js';

export interface RecordShape {
  readonly layers: LayerGroup;
  readonly firstPage: number;
  readonly pages: number;
  /** Bytes of a page, for every layer of the group. */
  readonly pageBytes: readonly number[];
}

/** A record with random pages; the same shape and seed give the same bytes. */
export const randomRecord = (shape: RecordShape, seed: number): KvRecord => {
  const { bytes } = random(seed);
  const { layers, firstPage, pages, pageBytes } = shape;
  return {
    layers,
    firstPage,
    pages: pageBytes.map((one) => Array.from({ length: pages }, () => bytes(one))),
  };
};

/** A run of `tokens` from a page on, of layers with pages of these sizes. */
export const randomRun = (
  tokens: ArrayLike<number>,
  firstPage: number,
  groups: readonly RecordGroup[],
  pageBytes: readonly number[],
  seed: number,
): NewRun => ({
  head: { firstPage, tokens: Uint32Array.from(tokens), chunks: random(seed - 1).bytes(13) },
  records: groups.map(({ from, to, pages }, group) =>
    randomRecord(
      {
        layers: { from, to },
        firstPage: firstPage + pages.from,
        pages: Math.max(0, Math.min(pages.to, Math.ceil(tokens.length / PAGE)) - pages.from),
        pageBytes: pageBytes.slice(from, to),
      },
      seed + group,
    ),
  ),
});

/** Whole segment `index` of `ids`: what a model would have computed, a function of the ids before. */
export const segmentRun = (
  ids: readonly number[],
  index: number,
  segmentTokens: number,
  groups: readonly RecordGroup[],
  pageBytes: readonly number[],
): NewRun => {
  const [start, end] = [index * segmentTokens, (index + 1) * segmentTokens];
  const seed = ids.slice(0, end).reduce((sum, id) => (Math.imul(sum, 31) + id) | 0, 7);
  return randomRun(ids.slice(start, end), start / PAGE, groups, pageBytes, seed);
};
