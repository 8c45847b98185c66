// Sketches: what a key looks like in two bits a channel, for choosing and not for attending. A key, rotated so that its
// channels are alike, is the mean of its page plus `PLANES` vectors of signs, each with a scale (residual binarisation;
// signs after a rotation: RaBitQ, arXiv 2405.12497). Sums of ±q are looked up four channels at a time.
import { PAGE } from './page';

/** Vectors of signs per key. */
export const PLANES: i32 = 2;
/** Tokens whose signs lie together: a vector holds one byte of each. */
export const SUB_BLOCK: i32 = 16;
/** Greatest entry of a lookup table: eight of them add up inside an i8. */
const MOST: f32 = 15;

// One head of one page: the centre, i8 (dim), its scale f16 and 14 bytes of zeros; then plane by plane the scales, f16
// [token], and the signs [sub-block][byte][token], bit i of byte j set where channel 8j + i is negative.

/** Bytes of the centre and its scale. */
// @ts-ignore: decorator
@inline
export function centreBytes(dim: i32): usize {
  return <usize>(dim + 16);
}

/** Bytes of one plane. */
// @ts-ignore: decorator
@inline
export function planeBytes(dim: i32): usize {
  return <usize>(2 * PAGE + PAGE / 8 * dim);
}

/** Σ |q| of four channels, from the first to the last. */
// @ts-ignore: decorator
@inline
function magnitude(q: usize): f32 {
  const x = f32x4.abs(v128.load(q));
  return f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 2) + f32x4.extract_lane(x, 3);
}

/**
 * table (dim / 4, 16) i8: entry m of group g is Σ_i (bit i of m ? −q : q) of channels 4g + i, over the step that is
 * returned: the greatest sum / 15. q: (dim) f32, rotated.
 */
export function lookups(table: usize, q: usize, dim: i32): f32 {
  const end = q + (<usize>dim << 2);
  let most: f32 = 0;
  for (let p = q; p < end; p += 16) most = max<f32>(most, magnitude(p));
  const inverse = f32x4.splat(most > 0 ? MOST / most : 0);
  for (; q < end; q += 16, table += 16) {
    const a = v128.xor(v128.load32_splat(q), i32x4(0, i32.MIN_VALUE, 0, i32.MIN_VALUE));
    const b = v128.xor(v128.load32_splat(q, 4), i32x4(0, 0, i32.MIN_VALUE, i32.MIN_VALUE));
    const c = v128.load32_splat(q, 8), d = v128.load32_splat(q, 12);
    const ab = f32x4.add(a, b);
    const plus = f32x4.add(ab, c), minus = f32x4.sub(ab, c);
    const low = i16x8.narrow_i32x4_s(rounded(f32x4.add(plus, d), inverse), rounded(f32x4.add(minus, d), inverse));
    const high = i16x8.narrow_i32x4_s(rounded(f32x4.sub(plus, d), inverse), rounded(f32x4.sub(minus, d), inverse));
    v128.store(table, i8x16.narrow_i16x8_s(low, high));
  }
  return most / MOST;
}

// @ts-ignore: decorator
@inline
function rounded(x: v128, inverse: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(x, inverse)));
}

/** Entries 0…15 of a table; every index is below 16, where all engines agree on the relaxed one. */
// @ts-ignore: decorator
@inline
function entries(table: usize, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(v128.load(table), indices);
  return i8x16.swizzle(v128.load(table), indices);
}

/** Entries for the eight channels whose signs are the bytes `x`, of 16 tokens. */
// @ts-ignore: decorator
@inline
function eight(table: usize, x: v128): v128 {
  const mask = i8x16.splat(15);
  return i8x16.add(entries(table, v128.and(x, mask)), entries(table + 16, v128.and(i16x8.shr_u(x, 4), mask)));
}

/** out (16) i16 = for each of 16 tokens the sum of its entries: Σ ±q, over the step of the table. dim % 16 = 0. */
// @ts-ignore: decorator
@inline
export function sumSigns(out: usize, table: usize, signs: usize, dim: i32): void {
  let low = i16x8.splat(0), high = low;
  let left = dim;
  for (; left >= 32; left -= 32, signs += 64, table += 128) {
    let sum = i8x16.add(eight(table, v128.load(signs)), eight(table + 32, v128.load(signs, 16)));
    sum = i8x16.add(sum, eight(table + 64, v128.load(signs, 32)));
    sum = i8x16.add(sum, eight(table + 96, v128.load(signs, 48)));
    low = i16x8.add(low, i16x8.extend_low_i8x16_s(sum));
    high = i16x8.add(high, i16x8.extend_high_i8x16_s(sum));
  }
  if (left) {
    const sum = i8x16.add(eight(table, v128.load(signs)), eight(table + 32, v128.load(signs, 16)));
    low = i16x8.add(low, i16x8.extend_low_i8x16_s(sum));
    high = i16x8.add(high, i16x8.extend_high_i8x16_s(sum));
  }
  v128.store(out, low);
  v128.store(out, high, 16);
}
