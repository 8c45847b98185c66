// Codes of weights as the operands of integer dot products.
import { CURVED, NIBBLES, PLUS_4, PLUS_8 } from './formats';
import { RUN } from './layout';

/** What the 16 codes of IQ4_NL and IQ4_XS stand for. */
// @ts-ignore: decorator
@inline
function curve(): v128 {
  return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

/** The same, one code at a time. */
// @ts-ignore: decorator
@inline
export function curved(code: i32): i32 {
  const lane = i8x16.swizzle(curve(), i8x16.splat(<i8>code));
  return i8x16.extract_lane_s(lane, 0);
}

/** Log2 of what codes are stored plus, or 0 where they are stored as they are. */
// @ts-ignore: decorator
@inline
function offsetBits(format: i32): i32 {
  if (format & CURVED || !(format & NIBBLES)) return ASC_FEATURE_RELAXED_SIMD ? 7 : 0;
  if (format & PLUS_8) return 3;
  return format & PLUS_4 ? 2 : 0;
}

/** Where a sum of products starts, to make up for the offset. `at`: −Σ of the activation codes. */
// @ts-ignore: decorator
@inline
export function start(format: i32, at: usize): v128 {
  const bits = offsetBits(format);
  return bits ? i32x4.shl(v128.load32_splat(at), bits) : i32x4.splat(0);
}

/** Nibbles in the low halves of bytes as codes. */
// @ts-ignore: decorator
@inline
function nibbles(format: i32, low: v128): v128 {
  if (!(format & CURVED)) return low;
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(v128.xor(curve(), i8x16.splat(-128)), low);
  return i16x8.extend_low_i8x16_s(i8x16.swizzle(curve(), low));
}

/** The run at `at` of four outputs, from the first half of the grain. */
// @ts-ignore: decorator
@inline
export function first(format: i32, at: usize): v128 {
  if (!(format & NIBBLES)) return ASC_FEATURE_RELAXED_SIMD ? v128.load(at) : v128.load_ext<i8>(at);
  if (ASC_FEATURE_RELAXED_SIMD) return nibbles(format, v128.and(v128.load(at), i8x16.splat(15)));
  if (format & CURVED) return nibbles(format, v128.and(v128.load64_zero(at), i8x16.splat(15)));
  return v128.and(v128.load_ext<u8>(at), i16x8.splat(15));
}

/** The run at `at` of four outputs, from the second half of the grain. */
// @ts-ignore: decorator
@inline
export function second(format: i32, at: usize): v128 {
  if (!(format & NIBBLES)) return first(format, at + 16 * RUN);
  if (ASC_FEATURE_RELAXED_SIMD) {
    return nibbles(format, v128.and(i16x8.shr_u(v128.load(at), 4), i8x16.splat(15)));
  }
  if (format & CURVED) return nibbles(format, i8x16.shr_u(v128.load64_zero(at), 4));
  return i16x8.shr_u(v128.load_ext<u8>(at), 4);
}

/** Whether codes of the second half can be had 16 times as large for one instruction less. */
// @ts-ignore: decorator
@inline
export function hasSixteenfold(format: i32): bool {
  return ASC_FEATURE_RELAXED_SIMD && (format & (NIBBLES | CURVED)) == NIBBLES;
}

/** `second`, 16 times as large where `hasSixteenfold`: nibbles where they are. */
// @ts-ignore: decorator
@inline
export function secondSixteenfold(format: i32, at: usize): v128 {
  if (!hasSixteenfold(format)) return second(format, at);
  return v128.andnot(v128.load(at), i8x16.splat(15));
}

/** Bytes from one pair of runs to the next, for the 16 outputs of a tile. */
// @ts-ignore: decorator
@inline
export function pairBytes(format: i32): usize {
  return format & NIBBLES ? 16 * RUN : 32 * RUN;
}
