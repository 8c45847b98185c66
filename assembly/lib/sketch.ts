// Sketches: what a key looks like in two bits a channel, for choosing and not for attending. A key, rotated so that its
// channels are alike, is the mean of its page plus `PLANES` vectors of signs, each with a scale (residual binarisation;
// signs after a rotation: RaBitQ, arXiv 2405.12497). Sums of ±q are looked up four channels at a time.
import { PAGE } from './page';

/** Vectors of signs per key. */
export const PLANES: i32 = 2;
/** Tokens whose signs lie together: a vector holds one byte of each. */
export const SUB_BLOCK: i32 = 16;
/** Sub-blocks of a page. */
export const BLOCKS: i32 = PAGE / SUB_BLOCK;
/** Greatest entry of a lookup table: eight of them add up inside an i8. */
const MOST: f32 = 15;

// A head of a page has two records, which lie apart, so that who asks for one plane streams it alone:
//   first   the centre, i8 (dim), its scale f16, the planes' scale f16, 12 bytes of zeros; then the first plane
//   second  the second plane
// A plane is the tokens' scales, u15 [token] in steps of the planes' scale / 2¹⁴, and their signs [sub-block][byte][token],
// bit i of byte j set where channel 8j + i is negative.

/** Scales of tokens count 2¹⁴ to the planes' scale: the greatest of the first plane. Those of the second may be twice it. */
export const SCALE_BITS: i32 = 14;

/** Bytes of the centre and the scales. */
// @ts-ignore: decorator
@inline
export function centreBytes(dim: i32): usize {
  return <usize>(dim + 16);
}

/** Bytes of one plane: of the second record. */
// @ts-ignore: decorator
@inline
export function planeBytes(dim: i32): usize {
  return <usize>(2 * PAGE + PAGE / 8 * dim);
}

/** Bits that a sum of dim / 4 entries can be shifted left inside an i16. */
export function headroom(dim: i32): i32 {
  return clz(<i32>MOST * (dim >> 2)) - 17;
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
function entries(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices);
  return i8x16.swizzle(table, indices);
}

/** Sums of entries of eight channels' two tables, of 16 tokens: `x` holds their signs, a byte each. At most ±30. */
// @ts-ignore: decorator
@inline
export function eight(table: usize, low: v128, high: v128): v128 {
  return i8x16.add(entries(v128.load(table), low), entries(v128.load(table, 16), high));
}

/** Channels whose sums stay inside an i8. */
// @ts-ignore: decorator
@inline
export const FIT: i32 = 32;

/** a · b / 2¹⁵, rounded to nearest, halves up. Never both −2¹⁵, the one case that engines may answer differently. */
// @ts-ignore: decorator
@inline
function scaled(a: v128, b: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_q15mulr_s(a, b);
  return i16x8.q15mulr_sat_s(a, b);
}

/** Sums of eight tokens, times `room` (a power of two that leaves them in an i16), times their scales (i16 at `scales`) over 2¹⁵. */
// @ts-ignore: decorator
@inline
export function weighed(sums: v128, room: v128, scales: usize): v128 {
  return scaled(i16x8.mul(sums, room), v128.load(scales));
}

/** The greatest of eight i16, for each of a, b, c, d, as the four lanes of f32. */
// @ts-ignore: decorator
@inline
export function greatest4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i16x8.max_s(
    v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11), v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
  );
  const cd = i16x8.max_s(
    v128.shuffle<i16>(c, d, 0, 8, 1, 9, 2, 10, 3, 11), v128.shuffle<i16>(c, d, 4, 12, 5, 13, 6, 14, 7, 15),
  );
  const all = i16x8.max_s(v128.shuffle<i32>(ab, cd, 0, 4, 1, 5), v128.shuffle<i32>(ab, cd, 2, 6, 3, 7));
  const most = i16x8.max_s(all, v128.shuffle<i32>(all, all, 2, 3, 0, 1));
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(most));
}
