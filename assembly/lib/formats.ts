// Formats of quantised weights, as flags of a constant known at compile time: all functions that take one are inlined,
// and what a format does not have costs it nothing. A weight is code · scale − minimum.

/** Codes have 4 bits; otherwise 8, signed. */
// @ts-ignore: decorator
@inline
export const NIBBLES: i32 = 1;

/** Codes of 4 bits are indexes of CURVE. */
// @ts-ignore: decorator
@inline
export const CURVED: i32 = 2;

/** A scale for every 16 inputs; otherwise for every 32. */
// @ts-ignore: decorator
@inline
export const SIXTEEN: i32 = 4;

/** There are minimums. */
// @ts-ignore: decorator
@inline
export const MINIMUMS: i32 = 8;

/** Scales and minimums are int8, times an f16 factor for every 256 inputs; otherwise f16. */
// @ts-ignore: decorator
@inline
export const FACTORS: i32 = 16;

/** Codes of 4 bits are stored plus 8. */
// @ts-ignore: decorator
@inline
export const PLUS_8: i32 = 32;

/** Codes of 4 bits are stored plus 4. */
// @ts-ignore: decorator
@inline
export const PLUS_4: i32 = 64;

// @ts-ignore: decorator
@inline
export const Q8_0: i32 = 0;
// @ts-ignore: decorator
@inline
export const Q4_0: i32 = NIBBLES | PLUS_8;
// @ts-ignore: decorator
@inline
export const Q4_1: i32 = NIBBLES | MINIMUMS;
// @ts-ignore: decorator
@inline
export const Q5_1: i32 = MINIMUMS;
// @ts-ignore: decorator
@inline
export const Q2_K: i32 = NIBBLES | SIXTEEN | MINIMUMS | FACTORS;
// @ts-ignore: decorator
@inline
export const Q3_K: i32 = NIBBLES | SIXTEEN | FACTORS | PLUS_4;
// @ts-ignore: decorator
@inline
export const Q4_K: i32 = NIBBLES | MINIMUMS | FACTORS;
// @ts-ignore: decorator
@inline
export const Q5_K: i32 = MINIMUMS | FACTORS;
// @ts-ignore: decorator
@inline
export const Q6_K: i32 = SIXTEEN | FACTORS;
// @ts-ignore: decorator
@inline
export const IQ4_NL: i32 = NIBBLES | CURVED;
// @ts-ignore: decorator
@inline
export const IQ4_XS: i32 = NIBBLES | CURVED | FACTORS;

/** Inputs that share a scale. */
// @ts-ignore: decorator
@inline
export function grain(format: i32): usize {
  return format & SIXTEEN ? 16 : 32;
}

/** Bytes of the codes of a grain of one output. */
// @ts-ignore: decorator
@inline
export function codeBytes(format: i32): usize {
  return format & NIBBLES ? grain(format) / 2 : grain(format);
}

/** Bytes of the scales of a grain, or of the minimums, of the 16 outputs of a tile. */
// @ts-ignore: decorator
@inline
export function scaleBytes(format: i32): usize {
  return format & FACTORS ? 16 : 32;
}

/** Bytes before the codes of a grain in a tile. */
// @ts-ignore: decorator
@inline
export function headBytes(format: i32): usize {
  return format & MINIMUMS ? scaleBytes(format) * 2 : scaleBytes(format);
}

/** Bytes of a grain in a tile. */
// @ts-ignore: decorator
@inline
export function grainBytes(format: i32): usize {
  return headBytes(format) + 16 * codeBytes(format);
}

/** Bytes of the factors of 256 inputs in a tile. */
// @ts-ignore: decorator
@inline
export function factorBytes(format: i32): usize {
  if (!(format & FACTORS)) return 0;
  return format & MINIMUMS ? 64 : 32;
}

/** Bytes of a tile of this many inputs. */
// @ts-ignore: decorator
@inline
export function tileBytes(format: i32, inputs: usize): usize {
  return (inputs / grain(format)) * grainBytes(format) + (inputs >>> 8) * factorBytes(format);
}
