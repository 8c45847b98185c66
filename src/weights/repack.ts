import { ROW_FORMATS, type WeightType } from '../backends/row-formats.js';
import { rewriteQ4_1, rewriteQ5_0, rewriteQ5_1 } from './repack/blocks.js';
import { widen } from './repack/floats.js';
import { rewriteIQ4_XS } from './repack/iq4-xs.js';
import { rewriteQ4_K, rewriteQ5_K } from './repack/k-fours.js';
import { rewriteQ2_K, rewriteQ3_K, rewriteQ6_K } from './repack/k-sixteens.js';
import type { Rewrite } from './repack/stretch.js';
import { type SupportedType, tensorTypeOf } from './tensor-types.js';

/** Types whose rows are not yet what `ROW_FORMATS` says. */
const REWRITES: Readonly<Partial<Record<SupportedType, Rewrite>>> = {
  Q4_1: rewriteQ4_1,
  Q5_0: rewriteQ5_0,
  Q5_1: rewriteQ5_1,
  Q2_K: rewriteQ2_K,
  Q3_K: rewriteQ3_K,
  Q4_K: rewriteQ4_K,
  Q5_K: rewriteQ5_K,
  Q6_K: rewriteQ6_K,
  IQ4_XS: rewriteIQ4_XS,
};

/** How a backend is given tensors of a stored type: vectors (tensors of one row) as F32. Every step is exact. */
export const weightType = (type: SupportedType, rows: number): WeightType => {
  if (rows === 1 && (type === 'F16' || type === 'BF16')) return 'F32';
  return type === 'Q5_0' ? 'Q8_0' : type;
};

/** Whole rows as stored, of a tensor of so many rows in all, as whole rows of `weightType(type, rows)`. */
export const repack = (
  type: SupportedType,
  rows: number,
  bytes: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> => {
  const target = weightType(type, rows);
  if (target === 'F32' && type !== 'F32') return widen(type as 'F16' | 'BF16', bytes);
  const rewrite = REWRITES[type];
  if (!rewrite) return bytes;
  const from = tensorTypeOf(type).bytes;
  const into = ROW_FORMATS[target].bytes;
  const stretches = bytes.length / from;
  const to = new Uint8Array(stretches * into);
  for (let i = 0; i < stretches; i++) rewrite(bytes, i * from, to, i * into);
  return to;
};
