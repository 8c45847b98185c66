import { type SupportedType, tensorTypeOf } from '../tensor-types.js';
import { words } from './floats.js';

/** Where in a block its f16 scales and factors are, in bytes. */
const HALVES: Readonly<Record<Exclude<SupportedType, 'F32' | 'BF16'>, readonly number[]>> = {
  F16: [0],
  Q8_0: [0],
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  IQ4_XS: [0],
};

/** Index of the first element of stored rows that is (or whose block's scale is) infinite or no number, or −1. */
export const findNonFinite = (type: SupportedType, bytes: Uint8Array<ArrayBuffer>): number => {
  const { elements, bytes: size } = tensorTypeOf(type);
  // The exponent of F32 and BF16 is in their upper 16 bits.
  const isHalf = type !== 'F32' && type !== 'BF16';
  const mask = isHalf ? 0x7c00 : 0x7f80;
  const places = isHalf ? HALVES[type] : [size - 2];
  const from = words(bytes);
  const step = size >> 1;
  let first = from.length;
  for (const place of places) {
    for (let i = place >> 1; i < first; i += step) {
      if ((from[i]! & mask) === mask) first = i - (place >> 1);
    }
  }
  return first < from.length ? (first / step) * elements : -1;
};
