import { type KvShape, mixedChannels, TAPS } from '../backends/backend.js';
import type { Codec } from './codec.js';
import { codecSizes } from './sizes.js';

/** The number a kernel knows a codec by; assembly/lib/page.ts says the same. */
export const codecNumber: Readonly<Record<Codec['name'], number>> = { f16: 0, q8: 1, q4: 2, q2: 3 };

/** Bytes of one KV head's keys in a page. */
export const keyBytes = (shape: KvShape): number => codecSizes[shape.keys].bytes(shape.keyDim);

/** Bytes of one KV head's values in a page. */
export const valueBytes = (shape: KvShape): number => codecSizes[shape.values].bytes(shape.valueDim);

/** From the start of a page to the keys of KV head `head`. */
export const keysAt = (shape: KvShape, head: number): number => head * (keyBytes(shape) + valueBytes(shape));

/** From the start of a page to the values of KV head `head`. */
export const valuesAt = (shape: KvShape, head: number): number => keysAt(shape, head) + keyBytes(shape);

/** Bytes of a page: for each KV head in order, its keys, then its values; or those of a state. */
export const pageBytes = (shape: KvShape): number => {
  if (!shape.state) return keysAt(shape, shape.kvHeads);
  const { heads, headDim, state } = shape.state;
  return 4 * ((TAPS - 1) * mixedChannels(shape.state) + heads * headDim * state);
};
