import type { KvShape } from '../backends/backend.js';
import type { Codec } from './codec.js';
import { codecs } from './index.js';

/** The number a kernel knows a codec by; assembly/lib/page.ts says the same. */
export const codecNumber: Readonly<Record<Codec['name'], number>> = { f16: 0, q8: 1, q4: 2 };

/** Bytes of one KV head's keys in a page. */
export const keyBytes = (shape: KvShape): number => codecs[shape.keys].bytes(shape.keyDim);

/** Bytes of one KV head's values in a page. */
export const valueBytes = (shape: KvShape): number => codecs[shape.values].bytes(shape.valueDim);

/** From the start of a page to the keys of KV head `head`. */
export const keysAt = (shape: KvShape, head: number): number => head * (keyBytes(shape) + valueBytes(shape));

/** From the start of a page to the values of KV head `head`. */
export const valuesAt = (shape: KvShape, head: number): number => keysAt(shape, head) + keyBytes(shape);

/** Bytes of a page: for each KV head in order, its keys, then its values. */
export const pageBytes = (shape: KvShape): number => keysAt(shape, shape.kvHeads);
