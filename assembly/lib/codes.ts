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

/** Whether the row kernel of the plain build adds up products 256 times as large, so that nibbles may stay where they are. */
// @ts-ignore: decorator
@inline
export function inPlace(format: i32): bool {
  return !ASC_FEATURE_RELAXED_SIMD && (format & (NIBBLES | CURVED)) == NIBBLES;
}

/** Where the row kernel's sum starts: `start`, as large as what it adds up. */
// @ts-ignore: decorator
@inline
export function startRow(format: i32, at: usize): v128 {
  const bits = offsetBits(format);
  if (!inPlace(format) || !bits) return start(format, at);
  return i32x4.shl(v128.load32_splat(at), bits + 8);
}

/** Nibbles in the low halves of bytes as codes, in the relaxed build. */
// @ts-ignore: decorator
@inline
function nibbles(format: i32, low: v128): v128 {
  if (!(format & CURVED)) return low;
  return i8x16.relaxed_swizzle(v128.xor(curve(), i8x16.splat(-128)), low);
}

/**
 * Plain build: of the four nibbles in each 16 bits of `words` (lib/layout.ts), lowest first, those of place `which` as codes:
 * a run of four outputs.
 */
// @ts-ignore: decorator
@inline
export function quarter(format: i32, words: v128, which: i32): v128 {
  if (format & CURVED) {
    const low = which & 1 ? i8x16.shr_u(words, 4) : v128.and(words, i8x16.splat(15));
    const codes = i8x16.swizzle(curve(), low);
    return i16x8.shr_s(which < 2 ? i16x8.shl(codes, 8) : codes, 8);
  }
  if (which == 3) return i16x8.shr_u(words, 12);
  return v128.and(which ? i16x8.shr_u(words, which * 4) : words, i16x8.splat(15));
}

/** The run at `at` of four outputs, from the first half of the grain. */
// @ts-ignore: decorator
@inline
export function first(format: i32, at: usize): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD) return v128.load_ext<i8>(at);
  return format & NIBBLES ? nibbles(format, v128.and(v128.load(at), i8x16.splat(15))) : v128.load(at);
}

/** The run at `at` of four outputs, from the second half of the grain. */
// @ts-ignore: decorator
@inline
export function second(format: i32, at: usize): v128 {
  if (!ASC_FEATURE_RELAXED_SIMD || !(format & NIBBLES)) return first(format, at + 16 * RUN);
  return nibbles(format, v128.and(i16x8.shr_u(v128.load(at), 4), i8x16.splat(15)));
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
